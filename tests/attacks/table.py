"""``make attacks``: carry every attack out and print what came of it; needs root and Debian's packages of a box.

``--json`` prints the figures for scripts instead, and words name the attacks that are wanted.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

if __name__ == "__main__":  # as a script its own folder is in the path; the tests' modules are beside it
    sys.path[0] = str(Path(__file__).parent.parent)
    sys.path.append(str(Path(__file__).parents[2] / "demo"))

from attacks.attack_outcomes import Entry, Outcome, carry_out
from attacks.box_attacks import BOX, BoxEntry, BoxOutcome, carry_out_on_box
from attacks.bundle_attacks import BUNDLES, BundleEntry, carry_out_at_home
from attacks.gate_attacks import GATE, GateEntry, carry_out_at_gate
from attacks.home_attacks import HOME
from attacks.https_attacks import HTTPS, HttpsEntry, carry_out_by_https
from attacks.hub_attacks import HUB
from attacks.hub_outcomes import HubEntry, HubOutcome, carry_out_on_hub
from attacks.internet_attacks import INTERNET
from attacks.rogue_edges import ROGUES
from attacks.trust_attacks import TRUST, TrustEntry, carry_out_on_phone
from attacks.vpn_attacks import VPN, VpnEntry, carry_out_at_vpn
from conftest import missing_parts
from ringfence.errors import EnvironmentFault
from ringfence.sim.attacks.target import Fairness

NEEDED = ("root", "netns", "nft", "busybox", "dnsmasq", "wireguard", "hostapd")
_TOLD = "THE ATTACKER, AND THE LOG"


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to attack, with its attacks, how they are carried out, and how a row of its table is written."""

    title: str
    headings: tuple[str, ...]
    entries: Sequence[Any]  # Any: each scene's entries and outcomes go together
    carry_out: Callable[[Any], Any]
    row: Callable[[Any, Any], tuple[str, ...]]


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
    for scene in SCENES:
        table = _table(scene)
        for entry in scene.entries:
            if wanted and not any(word in entry.name for word in wanted):
                continue
            began = time.monotonic()
            outcome = scene.carry_out(entry)
            sys.stderr.write(f"{entry.name}: {time.monotonic() - began:.0f} s\n")
            stated = getattr(entry, "leaks", "")  # on a hub none may
            has_leaked |= bool(outcome.leaked_bytes) and not stated
            figures.append({"scene": scene.title, **outcome.figures(), "stated": stated or entry.slows})
            table.add_row(*scene.row(entry, outcome))
        if not as_json and table.row_count:
            Console(width=None if sys.stdout.isatty() else 200).print(table)
    if as_json:
        json.dump(figures, sys.stdout, indent=2)
        sys.stdout.write("\n")
    return int(has_leaked)


def _table(scene: Scene) -> Table:
    table = Table(title=scene.title, box=None, pad_edge=False, title_justify="left")
    for heading in scene.headings:
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


def _hub_row(entry: HubEntry, outcome: HubOutcome) -> tuple[str, ...]:
    served = [
        f"{1000 * max(fair.before_s, fair.after_s):.0f} → {1000 * fair.during_s:.0f} ms, × {_times(fair):.1f}"
        for fair in (outcome.people, outcome.edges, outcome.news)
    ]
    told = "\n".join(text for text in (outcome.did, outcome.said, entry.slows) if text)
    return entry.name, str(outcome.leaked_bytes), *served, f"+{outcome.grown_mib:.0f} MiB", told


def _box_row(
    entry: BoxEntry | BundleEntry | GateEntry | HttpsEntry | TrustEntry | VpnEntry, outcome: BoxOutcome
) -> tuple[str, ...]:
    got = f"{len(outcome.got)}{f' ({entry.leaks})' if entry.leaks else ''}"
    return entry.name, got, outcome.did


_AT_EDGES = ("ATTACK", "SECRET BYTES", "CALM", "ATTACKED", "×", _TOLD)
_AT_BOX = ("ATTACK", "PACKETS OR SECRETS THAT GOT THROUGH", "THE ATTACKER")
_AT_PHONE = ("ATTACK", "BELIEVED OR GIVEN AWAY", "THE PHONE")
_AT_LISTENER = ("ATTACK", "SECRETS THAT GOT OUT", "THE ATTACKER")
_AT_HUB = ("ATTACK", "SECRET BYTES", "PEOPLE", "EDGES FETCH", "EDGES HEAR", "MEMORY", _TOLD)
SCENES = (
    Scene("At home: edge, phone, neighbour and router on one switch", _AT_EDGES, HOME, carry_out, _row),
    Scene("On the internet: gateway, phone behind a NAT, attacker and victim", _AT_EDGES, INTERNET, carry_out, _row),
    Scene("At a box: its port, its home, the tunnel's other end, theft", _AT_BOX, BOX, carry_out_on_box, _box_row),
    Scene("At a port that asks for 802.1X: who is plugged in has", _AT_BOX, GATE, carry_out_at_gate, _box_row),
    Scene("At a phone with a trust list: whom it believes", _AT_PHONE, TRUST, carry_out_on_phone, _box_row),
    Scene("At a phone's own VPN: whom it believes, who comes in", _AT_PHONE, VPN, carry_out_at_vpn, _box_row),
    Scene("At a home with a portable bundle", _AT_BOX, BUNDLES, carry_out_at_home, _box_row),
    Scene("At the hub's listener for phones: who shows what", _AT_LISTENER, HTTPS, carry_out_by_https, _box_row),
    Scene(
        "At the hub: people and edges, strangers, an edge gone bad",
        _AT_HUB,
        (*HUB, *ROGUES),
        carry_out_on_hub,
        _hub_row,
    ),
)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
