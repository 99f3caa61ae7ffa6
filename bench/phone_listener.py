"""``make bench``: how many phones by HTTPS a core takes, and a thousand phones that come at once.

The listener's process is the real one, confined; its hub is in this process, on SQLite. Phones are threads that show
one certificate of each kind. PHONES="--phones 200" is quicker. Compare figures of one machine only.
"""

import argparse
import json
import resource
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from ringfence.phones.mac import Mac
from support.https_phones import AtListener, Factory, HttpsPhone, listening, small_business
from support.serving_hub import served_hub
from support.trusted_hub import trust

MODEL = "CP-8841-3PCC"
_AT_ONCE = 8
_AT_ONE_ADDRESS = 16


def _fetch(at: AtListener, factory: Factory, bare: str, number: int, took: list[float], failed: list[str]) -> None:
    phone = HttpsPhone(
        at.port, factory, host=f"127.1.{number // _AT_ONE_ADDRESS // 250}.{number // _AT_ONE_ADDRESS % 250 + 1}"
    )
    began = time.monotonic()
    try:
        status = phone.get(f"/{bare.lower()}.xml").status
    except OSError as fault:
        failed.append(str(fault))
        return
    took.append(time.monotonic() - began)
    if status != 200:
        failed.append(f"status {status}")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _handshakes(at: AtListener, factory: Factory, bare: str, seconds: float) -> float:
    """Return how many connections with one request each the listener's process serves for a second of its core."""
    pid = at.listeners.pids()[0]
    took: list[float] = []
    failed: list[str] = []
    until, used = time.monotonic() + seconds, _cpu_s(pid)

    def work() -> None:
        while time.monotonic() < until:
            _fetch(at, factory, bare, 0, took, failed)

    threads = [threading.Thread(target=work) for _ in range(_AT_ONCE)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failed:
        raise SystemExit(f"{len(failed)} failed, such as: {failed[0]}")
    return len(took) / max(_cpu_s(pid) - used, 0.01)


def _all_at_once(at: AtListener, phones: Sequence[tuple[str, Factory]]) -> tuple[list[float], list[str], float]:
    took: list[float] = []
    failed: list[str] = []
    threads = [
        threading.Thread(target=_fetch, args=(at, factory, bare, number, took, failed))
        for number, (bare, factory) in enumerate(phones)
    ]
    began = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return took, failed, time.monotonic() - began


def main(words: list[str]) -> int:
    """Measure, and print the figures; the exit status is 1 where a phone got nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(words)
    _, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hardest, 65536), hardest))
    with tempfile.TemporaryDirectory() as folder, served_hub(Path(folder) / "data") as running:
        trust(running)
        with listening(running) as at:
            site = at.site()
            bares = [f"000E10{number:06X}" for number in range(wanted.phones)]
            for bare in bares:
                running.phone(site, str(Mac(bare)), "8841-3PCC")
            running.publish()
            curve = ec.generate_private_key(ec.SECP256R1())
            rsa, by_curve = small_business(bares[0], MODEL), small_business(bares[0], MODEL, key=curve)
            figures: dict[str, float] = {
                "with RSA-2048, per second of a core": _handshakes(at, rsa, bares[0], wanted.seconds),
                "with P-256, per second of a core": _handshakes(at, by_curve, bares[0], wanted.seconds),
            }
            took, failed, whole_s = _all_at_once(at, [(bare, small_business(bare, MODEL, key=curve)) for bare in bares])
    figures |= {
        "phones at once": len(bares), "of these failed": len(failed), "seconds until all had their file": whole_s,
        "median, s": statistics.median(took), "p99, s": sorted(took)[int(0.99 * (len(took) - 1))],
    }  # fmt: skip
    if wanted.json:
        print(json.dumps(figures))
    else:
        print(f"TLS: {ssl.OPENSSL_VERSION}; the listener's own certificate is the hub's (P-256)")
        for name, value in figures.items():
            print(f"{name:40} {value:10.2f}")
    for each in sorted(set(failed))[:3]:
        print(each, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
