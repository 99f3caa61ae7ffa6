"""A decision as a text that can be kept and judged again: what was asked, what was known, what the site asked for.

The text is JSON with the evidence's own names; parts that say nothing are left out. ``replay`` makes the decision anew
from it, so that an operator can see what today's policy would say to yesterday's request.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ringfence.content.release import TargetKind
from ringfence.guard.decision import (
    Decision,
    FileRequest,
    HeldFile,
    Holding,
    Operation,
    decide,
)
from ringfence.guard.errors import BadRecord
from ringfence.guard.evidence import (
    Announced,
    AskedDhcp,
    Behaviour,
    Conflict,
    Contradiction,
    Evidence,
    Grant,
    Leased,
    Part,
    Shown,
    Sighting,
)
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import FirstContact, Policy, read_network
from ringfence.phones.filenames import owner_of

LONGEST = 8192
"""Characters that a record may have; what is longer is not kept."""

# Any: JSON objects in their natural Python form; every value that is read is checked by the class that takes it.
_Document = Mapping[str, Any]


def to_text(decision: Decision, holding: Holding) -> str:
    """Return a decision as a text; empty where it would be longer than LONGEST."""
    evidence, policy, request = decision.evidence, decision.policy, decision.request
    mac = _phone_of(holding, request.name)
    document: dict[str, Any] = {
        "name": request.name[:255],
        "host": request.source_host,
        "operation": request.operation.value,
        "site": decision.site,
        "verdict": decision.verdict.value,
        "finding": decision.finding.value,
        "reached": decision.reached.name,
        "needed": decision.needed.name,
    }
    if holding is not None:
        document["holding"] = [holding.kind.value, mac, holding.secret, holding.sealed]
    known: dict[str, Any] = {
        "on_link": evidence.on_link,
        "learned": evidence.learned,
        "neighbours": [[shown.mac, shown.link] for shown in evidence.neighbours],
        "frames": [[seen.mac, seen.link, seen.ttl] for seen in evidence.frames],
        "asked_frames": evidence.asked_frames,
        "ttl": evidence.ttl,
        "lease": [evidence.lease.mac, evidence.lease.hostname, evidence.lease.vendor_class] if evidence.lease else None,
        "announced": _announced(evidence.announced),
        "dhcp": [evidence.dhcp.mac, evidence.dhcp.vendor_class, *evidence.dhcp.options] if evidence.dhcp else None,
        "behaviour": [[part.name, part.points, part.of, part.why] for part in evidence.behaviour.parts],
        "conflict": [evidence.conflict.what.value, evidence.conflict.before] if evidence.conflict else None,
        "grant": [evidence.grant.who, evidence.grant.until, evidence.grant.bound_to] if evidence.grant else None,
        "holds_key": evidence.holds_key,
        "of_site": mac in evidence.known_owners if mac is not None else False,
    }
    asked: dict[str, Any] = {
        "levels": {kind.value: level.name for kind, level in policy.levels.items()},
        "networks": [str(network) for network in policy.networks],
        "first_contact": policy.first_contact.value,
        "windows": policy.windows,
        "held": policy.held,
        "new": mac in policy.never_admitted,
        "blocked": mac in policy.blocked,
    }
    document["evidence"] = {name: value for name, value in known.items() if value}
    document["policy"] = {name: value for name, value in asked.items() if value}
    text = json.dumps(document, separators=(",", ":"))
    return text if len(text) <= LONGEST else ""


def replay(text: str, policy: Policy | None = None) -> Decision:
    """Judge what a record tells of once more, by the policy of then, or by ``policy``; BadRecord for what is none."""
    try:
        document = json.loads(text)
        holding = _holding(document.get("holding"))
        mac = _phone_of(holding, str(document["name"]))
        request = FileRequest(str(document["name"]), str(document["host"]), Operation(document["operation"]))
        evidence = _evidence(document["evidence"], mac)
        then = policy if policy is not None else _policy(document["policy"], mac)
        return decide(request, holding, evidence, then, str(document["site"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise BadRecord("this is no record of a decision", where=repr(fault)[:80]) from None


def _phone_of(holding: Holding, name: str) -> str | None:
    """Return the bare MAC address of the phone that a request is about, if it is about one."""
    if holding is not None:
        return holding.owner
    named = owner_of(name)
    return named.bare if named is not None else None


def _holding(value: Sequence[Any] | None) -> Holding:
    if value is None:
        return None
    kind, owner, secret, sealed = value
    return HeldFile(TargetKind(kind), None if owner is None else str(owner), bool(secret), bool(sealed))


def _announced(said: Announced | None) -> list[str] | None:
    return [said.protocol, said.mac, said.device, said.platform, said.link] if said else None


def _dhcp(told: Sequence[Any] | None) -> AskedDhcp | None:
    if not told:
        return None
    mac, vendor_class, *options = told
    return AskedDhcp(str(mac), str(vendor_class), tuple(map(int, options)))


def _evidence(known: _Document, mac: str | None) -> Evidence:
    lease, announced, conflict, grant = (known.get(name) for name in ("lease", "announced", "conflict", "grant"))
    return Evidence(
        known_owners=frozenset({mac}) if mac is not None and known.get("of_site") else frozenset(),
        on_link=bool(known.get("on_link", False)),
        learned=str(known.get("learned", "")),
        neighbours=tuple(Shown(str(each), str(link)) for each, link in known.get("neighbours", ())),
        frames=tuple(Sighting(str(each), str(link), int(ttl)) for each, link, ttl in known.get("frames", ())),
        asked_frames=bool(known.get("asked_frames", False)),
        ttl=None if known.get("ttl") is None else int(known["ttl"]),
        lease=Leased(*map(str, lease)) if lease else None,
        announced=Announced(*map(str, announced)) if announced else None,
        dhcp=_dhcp(known.get("dhcp")),
        behaviour=Behaviour(
            tuple(
                Part(str(name), int(points), int(of), str(why)) for name, points, of, why in known.get("behaviour", ())
            )
        ),
        conflict=Conflict(Contradiction(conflict[0]), str(conflict[1])) if conflict else None,
        grant=Grant(str(grant[0]), float(grant[1]), str(grant[2])) if grant else None,
        holds_key=bool(known.get("holds_key", False)),
    )


def _policy(asked: _Document, mac: str | None) -> Policy:
    owner = frozenset({mac}) if mac is not None else frozenset[str]()
    return Policy(
        levels={FileKind(kind): Level[level] for kind, level in asked.get("levels", {}).items()},
        networks=tuple(read_network(text) for text in asked.get("networks", ())),
        first_contact=FirstContact(asked.get("first_contact", "allow")),
        windows=bool(asked.get("windows", False)),
        held=str(asked.get("held", "")),
        never_admitted=owner if asked.get("new") else frozenset(),
        blocked=owner if asked.get("blocked") else frozenset(),
    )
