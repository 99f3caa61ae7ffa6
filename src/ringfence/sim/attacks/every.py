"""The attacks by name, in the order in which ``all`` runs them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ringfence.sim.attacks import (
    flooding,
    forging,
    holding,
    names,
)
from ringfence.sim.attacks.target import AttackTarget
from ringfence.sim.attacks.verdict import AttackVerdict

Attack = Callable[[AttackTarget], AttackVerdict]

ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        "paths": names.path_tricks,
        "writing": names.writing,
        "broadcast": forging.broadcast,
        "tid-injection": forging.blind_injection,
        "malformed": flooding.malformed,
        "endless-oack": holding.refused_offers,
        "half-open": holding.half_open,
        "slow-ack": holding.slow_acknowledgement,
        "reflection": forging.reflection,
        "enumeration": names.enumeration,
        "log": names.log_injection,
        "request-flood": flooding.request_flood,
    }
)


def run(name: str, target: AttackTarget, *, log: Path | None = None) -> AttackVerdict:
    """Run one attack; ``log`` is the server's log, which one of them looks at."""
    if name == "log":
        return names.log_injection(target, log=log)
    return ATTACKS[name](target)
