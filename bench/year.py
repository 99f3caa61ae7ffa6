"""A simulated year of a hub, month by month: rows, bytes of files and of the database, and the time that it took.

    .venv/bin/python bench/year.py --sites 200

Each turn edits every phone, publishes all sites, and has each edge report; then the hub does what it does by itself.
``--keep-all`` shows what it would be without retention.
"""

import argparse
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from ringfence.hub.core import open_hub
from support.running_hub import Clock
from support.serving_hub import new_hub
from support.simulated_year import SimulatedHub

_SHOWN = ("release", "release_target", "role_metadata", "report", "audit", "blob")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--reports", type=int, default=50, help="of each edge, in each turn")
    parser.add_argument("--turns", type=int, default=2, help="publishes a month")
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--keep-all", action="store_true", help="remove no releases")
    asked = parser.parse_args()
    table = Table("month", *_SHOWN, "files MB", "database MB", "seconds")
    with tempfile.TemporaryDirectory() as space:
        folder, _token = new_hub(Path(space) / "hub")
        with closing(open_hub(folder)) as hub:
            hub.clock = Clock()
            kept = {"releases_kept": 10_000} if asked.keep_all else {"releases_kept": 3, "releases_kept_days": 60}
            hub.config = hub.config.changed(**kept, audit_kept_days=0 if asked.keep_all else 90)
            simulated = SimulatedHub(hub, asked.sites, asked.reports)
            began = time.monotonic()
            for month, size in enumerate(simulated.months(asked.months, asked.turns), 1):
                rows = [f"{size.rows[name]:,}" for name in _SHOWN]
                megabytes = [f"{of / 1e6:.1f}" for of in (size.blob_bytes, simulated.database_bytes())]
                table.add_row(str(month), *rows, *megabytes, f"{time.monotonic() - began:.0f}")
                began = time.monotonic()
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
