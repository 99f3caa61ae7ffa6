"""``make bench``: how long a portable takes from its start to a phone's first file, and how fast it is then.

It is the program as the hub writes it, in an empty environment, with its pure libraries alone. The goal is of a core of
today, and of the passphrase's derivation with it, which takes most of the time.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from ringfence.content.release import TargetKind
from ringfence.hub.publishing import bundle_file
from ringfence.secret import Secret
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from support.portable_home import CONFIGURATION, MAC, NAME, BundlingHub, new_identity, pythons, started

MOST_S = 1.5
FIRMWARE_BYTES = 1 << 20
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - made up
_TRIES = 2


def measure(python: str, program: Path, words: tuple[str, ...], home: Path) -> tuple[float, float]:
    """Return the seconds from the start to the file's last byte, and how many MB of firmware a second follow."""
    began = time.monotonic()
    with started(program, *words, "--no-page", home=home, python=python) as portable:
        server = ("127.0.0.1", portable.port)
        if fetch(server, NAME) != CONFIGURATION:
            raise SystemExit("the phone's file is another one")
        first_s = time.monotonic() - began
        began = time.monotonic()
        size = len(fetch(server, "big.sbn", options=RequestedOptions(block_size=1428)))
        return first_s, size / 1e6 / (time.monotonic() - began)


def main() -> int:
    """Print the table; the exit status is 1 where the goal is missed."""
    hub, is_late = BundlingHub(), False
    _identity, lock, text = new_identity()
    files = [
        hub.target(NAME, CONFIGURATION, TargetKind.CONFIGURATION, MAC),
        hub.target("big.sbn", bytes(FIRMWARE_BYTES), TargetKind.FIRMWARE),
    ]
    table = Table(title=f"Portable: start to the first file, goal {MOST_S} s", title_justify="left", box=None)
    for heading in ("PYTHON", "OPENED BY", "FIRST FILE", "FIRMWARE"):
        table.add_column(heading)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "key").write_text(text)
        (folder / "passphrase").write_text(PASSPHRASE)
        program = hub.program(folder / "portable.pyz")
        by_passphrase = bundle_file.lock_for_passphrase(Secret(PASSPHRASE))
        ways = {
            "passphrase": (hub.write(folder / "p.rfb", by_passphrase, hub.content(files=files)), "--passphrase-file"),
            "identity": (hub.write(folder / "i.rfb", lock, hub.content(files=files)), "--identity"),
        }
        for python in pythons():
            told = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
            for way, (bundle, option) in ways.items():
                words = (str(bundle), option, str(folder / ("key" if way == "identity" else "passphrase")))
                tries = [measure(python, program, words, folder / "home") for _ in range(_TRIES)]
                first_s, speed = min(each[0] for each in tries), max(each[1] for each in tries)
                is_late |= first_s > MOST_S
                table.add_row(told, way, f"{first_s:.2f} s", f"{speed:.2f} MB/s")
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    return int(is_late)


if __name__ == "__main__":
    sys.exit(main())
