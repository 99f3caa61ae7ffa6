"""``make attacks``: carry every attack out and print what came of it; needs root, iproute2, nftables and busybox.

``--json`` prints the figures for scripts instead, and words name the attacks that are wanted.
"""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

if __name__ == "__main__":  # as a script its own folder is in the path; the tests' modules are beside it
    sys.path[0] = str(Path(__file__).parent.parent)
    sys.path.append(str(Path(__file__).parents[2] / "demo"))

from attacks.attack_outcomes import Entry, Outcome, carry_out
from attacks.home_attacks import HOME
from attacks.internet_attacks import INTERNET
from conftest import missing_parts
from ringfence.errors import EnvironmentFault
from ringfence.sim.attacks.target import Fairness

NEEDED = ("root", "netns", "nft", "busybox")
SCENES: dict[str, Iterable[Entry[Any]]] = {  # Any: each scene has places of its own kind
    "At home: edge, phone, neighbour and router on one switch": HOME,
    "On the internet: gateway, phone behind a NAT, attacker and victim": INTERNET,
}
"""What there is to attack, by its title."""


def main(words: list[str]) -> int:
    """Print what came of the attacks; the exit status is 1 where something leaked that must not."""
    missing = missing_parts()
    if lacks := [missing[part] for part in NEEDED if part in missing]:
        sys.stderr.write(f"Attacks need more: {'; '.join(lacks)}. Then: sudo make attacks.\n")
        return EnvironmentFault.exit_code
    as_json = "--json" in words
    wanted = [word for word in words if not word.startswith("--")]
    has_leaked = False
    figures = []
    for title, entries in SCENES.items():
        table = _table(title)
        for entry in entries:
            if wanted and not any(word in entry.name for word in wanted):
                continue
            began = time.monotonic()
            outcome = carry_out(entry)
            sys.stderr.write(f"{entry.name}: {time.monotonic() - began:.0f} s\n")
            has_leaked |= bool(outcome.leaked_bytes) and not entry.leaks
            figures.append({"scene": title, **outcome.figures(), "stated": entry.leaks or entry.slows})
            table.add_row(*_row(entry, outcome))
        if not as_json and table.row_count:
            Console(width=None if sys.stdout.isatty() else 200).print(table)
    if as_json:
        json.dump(figures, sys.stdout, indent=2)
        sys.stdout.write("\n")
    return int(has_leaked)


def _table(title: str) -> Table:
    table = Table(title=title, box=None, pad_edge=False, title_justify="left")
    for heading in ("ATTACK", "SECRET BYTES", "CALM", "ATTACKED", "×", "THE ATTACKER, AND THE LOG"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "CALM")
    return table


def _times(fair: Fairness) -> float:
    """Return how many times as long boots took; where they are still slow afterwards, against those before."""
    return fair.ratio if fair.is_over else max(fair.during_s, fair.after_s) / fair.before_s


def _row(entry: Entry[Any], outcome: Outcome) -> tuple[str, ...]:
    fair = outcome.fairness
    leaked = f"{outcome.leaked_bytes}{f' ({entry.leaks})' if entry.leaks else ''}"
    told = "\n".join(text for text in (outcome.did, outcome.said) if text)
    if fair is None:
        return entry.name, leaked, "", "refused for 2 min after it", "", told
    return (
        entry.name,
        leaked,
        f"{1000 * max(fair.before_s, fair.after_s):.0f} ms",
        f"{1000 * fair.during_s:.0f} ms" + (f", {outcome.cut_off_s:.0f} s after it" if entry.cuts_off else ""),
        f"{_times(fair):.1f}" + (f" ({entry.slows})" if entry.slows else ""),
        told,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
