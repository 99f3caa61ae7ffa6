"""``make attacks``: carry every attack out and print what came of it, as a table; needs root and iproute2."""

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

if __name__ == "__main__":  # as a script its own folder is in the path; the tests' modules are beside it
    sys.path[0] = str(Path(__file__).parent.parent)

from home_attacks import HOME, carry_out
from ringfence.errors import EnvironmentFault


def main() -> int:
    """Print the table; the exit status is 1 where something leaked that must not."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        sys.stderr.write("Attacks need network namespaces: run 'sudo make attacks', with iproute2 installed.\n")
        return EnvironmentFault.exit_code
    table = Table(title="Attacks at home: edge, phone, neighbour and router on one switch", box=None, pad_edge=False)
    for heading in ("ATTACK", "SECRET BYTES", "BOOT, CALM", "BOOT, ATTACKED", "×", "THE LOG"):
        table.add_column(heading, overflow="fold")
    has_leaked = False
    for entry in HOME:
        outcome = carry_out(entry)
        has_leaked |= bool(outcome.leaked_bytes) and not entry.leaks
        table.add_row(
            outcome.name,
            f"{outcome.leaked_bytes}{' (no wire can tell)' if entry.leaks else ''}",
            f"{1000 * outcome.calm_s:.0f} ms",
            f"{1000 * outcome.under_attack_s:.0f} ms"
            + (f", {outcome.cut_off_s:.0f} s after it" if entry.cuts_off else ""),
            f"{outcome.slower:.1f}",
            outcome.said,
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    return int(has_leaked)


if __name__ == "__main__":
    sys.exit(main())
