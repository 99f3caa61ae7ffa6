"""``make bench``: what it costs to sign phones' files, with an organisation's real TFTP key, in CPU of one core.

A hub is made with one site of many phones. Its files are published plain, then signed, then once more without an edit.
SIGNING="--phones 100" is quicker. The goals are of a core of today.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.fleet import lines, phones, settings, sites
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.publishing.publish import publish
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.trust import trust_keys
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import to_pem
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.signed_file import signed
from ringfence.secret import Secret
from support.serving_hub import new_hub

FILES_A_PHONE = 12
FILE_BYTES = 8_000
MOST_MS_A_FILE, MOST_S = 3.0, 60.0
_PHONES = 1_000
_MADE_AT_ONCE = 100


def cpu(work: Callable[[], object]) -> float:
    """Return how much CPU this process and its children took for some work, in seconds."""
    before = _taken()
    work()
    return _taken() - before


def _taken() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def make_keys(hub: Hub) -> None:
    """Make an organisation's keys, whose recovery file counts as tried."""
    key = RecoveryKey.new(hub.organisation_id)
    with trust_keys.made_keys(hub) as made, hub.change("bench") as change:
        trust_keys.initialise(hub, change, made, to_pem(key.certificate))
    with hub.change("bench") as change:
        row = change.session.scalars(select(TrustKeyRow).where(TrustKeyRow.role == KeyRole.SAST_2.value)).one()
        row.proved_at, row.proved_by = change.now, "bench"


def fill(hub: Hub, count: int) -> None:
    """Add a site with so many phones of a line each."""
    with hub.change("bench") as change:
        sites.create(change, hub.signers, "Home", "home")
        settings.put(change, hub.sealer, SettingPlace(Scope.ORGANISATION), "sip_server", "sip.example.org")
    for start in range(0, count, _MADE_AT_ONCE):
        with hub.change("bench") as change:
            for number in range(start, min(start + _MADE_AT_ONCE, count)):
                mac = Mac(f"001B54{number:06X}")
                phones.add(change, mac, "home", "9971", "")
                parts = lines.LineParts(name=str(1000 + number), password=Secret("s3cret-of-a-bench"))
                lines.put(change, hub.sealer, mac, 1, parts)


def signing(hub: Hub, count: int) -> float:
    """Sign so many files, each another; return the CPU that it took, in seconds."""
    with hub.database.reading() as session:
        signer = trust_keys.signer(hub, session, TrustRole.TFTP)

        def sign() -> None:
            for number in range(count):
                body = b"%08d" % number + b"x" * (FILE_BYTES - 8)
                signed(
                    body, filename="SEP001B54000000.cnf.xml.sgn", signed_at=number, signer=signer,
                    digest=SigningHash.SHA1,
                )  # fmt: skip

        return cpu(sign)


def main() -> int:
    """Measure and print; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description="Measure what signing costs.", allow_abbrev=False)
    parser.add_argument("--phones", type=int, default=_PHONES)
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder, console.status("a hub …") as status:
        data, _token = new_hub(Path(folder) / "data")
        with closing(open_hub(data)) as hub:
            make_keys(hub)
            fill(hub, options.phones)
            files = options.phones * FILES_A_PHONE
            status.update(f"{files} files …")
            taken_s = signing(hub, files)
            status.update("publishing …")
            plain_s = cpu(lambda: publish(hub, "bench"))
            with hub.change("bench") as change:
                settings.put(change, hub.sealer, SettingPlace(Scope.ORGANISATION), "trust", "signed")
            signed_s = cpu(lambda: publish(hub, "bench"))
            began = time.perf_counter()
            again_s = cpu(lambda: publish(hub, "bench"))
            again_wall_s = time.perf_counter() - began
    each_ms = taken_s / files * 1000
    is_met = (each_ms <= MOST_MS_A_FILE, options.phones < _PHONES or taken_s <= MOST_S)
    marks = [" ✓" if met else " missed" for met in is_met]
    table = Table(title="Signing phones' files", box=None, header_style="bold", title_justify="left")
    for heading in ("MEASURED", "CPU", "GOAL"):
        table.add_column(heading)
    table.add_row(f"one file of {FILE_BYTES:,} bytes", f"{each_ms:.2f} ms", f"≤ {MOST_MS_A_FILE:.0f} ms{marks[0]}")
    what = f"{options.phones:,} phones × {FILES_A_PHONE} files"
    table.add_row(what, f"{taken_s:.1f} s", f"≤ {MOST_S:.0f} s for {_PHONES:,}{marks[1]}")
    table.add_row(f"a publish of {options.phones:,} phones, plain", f"{plain_s:.1f} s", "")
    table.add_row("the same, signed, with their lists", f"{signed_s:.1f} s", "")
    table.add_row("the next one, without an edit", f"{again_s:.2f} s ({again_wall_s:.2f} s in all)", "")
    Console().print(table)
    return int(not all(is_met))


if __name__ == "__main__":
    sys.exit(main())
