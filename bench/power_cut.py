"""``make bench``: an office after a power cut. Many phones boot at once from an edge with the strict guard (as root).

Each phone has a MAC address and an address of its own, on one wire between two network namespaces. POWER_CUT="--phones
200" takes fewer.
"""

import argparse
import statistics
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from ringfence.server.events import RequestRefused
from support.power_cut import office, phones


def main() -> int:
    """Boot the phones and print how it went; return 1 if one of them did not get its file."""
    parser = argparse.ArgumentParser(description="Boot many phones at once.", allow_abbrev=False)
    parser.add_argument("--phones", type=int, default=1000)
    booting = phones(parser.parse_args().phones)
    with office(booting) as edge:
        began = edge.boot(booting)
        refused = Counter(event.finding for event in edge.events if isinstance(event, RequestRefused))
    took = sorted(phone.over_at - began for phone in booting if phone.over_at and not phone.refused)
    table = Table("power cut", "result")
    table.add_row("phones", str(len(booting)))
    table.add_row("got their files", str(len(took)))
    table.add_row("requests repeated", str(sum(phone.repeats for phone in booting)))
    table.add_row("refused, by finding", ", ".join(f"{finding} {count}" for finding, count in refused.items()))
    if len(took) > 1:
        table.add_row("booted, p50", f"{statistics.median(took):.2f} s")
        table.add_row("booted, p99", f"{statistics.quantiles(took, n=100)[98]:.2f} s")
    Console().print(table)
    return 0 if len(took) == len(booting) else 1


if __name__ == "__main__":
    sys.exit(main())
