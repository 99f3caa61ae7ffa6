"""A decision as a text that can be kept and judged again: the request, the evidence, and the site's policy.

The text is JSON with the names of the evidence; empty parts are left out. ``replay`` makes the decision again from it,
so that an operator can see what today's policy would say to yesterday's request.
"""

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ringfence.guard.decision import Decision, FileRequest, HeldFile, Holding, Operation, Verdict, decide
from ringfence.guard.errors import BadRecord
from ringfence.guard.evidence import NOTHING_KNOWN, Evidence
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import FirstContact, Policy, read_network
from ringfence.phones.filenames import device_of_second_port, owner_of
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

LONGEST = 8192
"""Characters that a record may have; what is longer is not kept."""


class RecordedPolicy(Struct, frozen=True, omit_defaults=True):
    """What the site asked for; of its phones only whether the one that it is about was ``new`` or ``blocked``."""

    levels: Mapping[FileKind, str] = {}
    networks: tuple[str, ...] = ()
    first_contact: FirstContact = FirstContact.ALLOW
    windows: bool = False
    held: str = ""
    new: bool = False
    blocked: bool = False


class Record(Struct, frozen=True, omit_defaults=True):
    """A decision, with all that it rests on; of the site's phones the evidence knows only those that matter to it."""

    name: str
    host: str
    operation: Operation
    site: str
    verdict: Verdict
    finding: str
    reached: str
    needed: str
    holding: HeldFile | None = None
    evidence: Evidence = NOTHING_KNOWN
    policy: RecordedPolicy = RecordedPolicy()


_READER: codec.Reader[Record] = codec.Reader(Record, "record")


def to_text(decision: Decision, holding: Holding) -> str:
    """Return a decision as a text; empty if it would be longer than LONGEST."""
    evidence, policy, request = decision.evidence, decision.policy, decision.request
    mac = _phone_of(holding, request.name)
    text = codec.to_text(
        Record(
            name=request.name[:255],
            host=request.source_host,
            operation=request.operation,
            site=decision.site,
            verdict=decision.verdict,
            finding=decision.finding.value,
            reached=decision.reached.name,
            needed=decision.needed.name,
            holding=holding,
            evidence=replace(evidence, known_owners=_owners_that_matter(evidence, mac, request.name)),
            policy=RecordedPolicy(
                levels={kind: level.name for kind, level in policy.levels.items()},
                networks=tuple(str(network) for network in policy.networks),
                first_contact=policy.first_contact,
                windows=policy.windows,
                held=policy.held,
                new=mac in policy.never_admitted,
                blocked=mac in policy.blocked,
            ),
        )
    )
    return text if len(text) <= LONGEST else ""


def read(text: str) -> Record:
    """Return the record that a text is.

    Raises:
        BadRecord: the text is not a record.
    """
    try:
        return _READER.convert(_in_todays_form(json.loads(text)))
    except (BadMessage, ValueError, TypeError, AttributeError, RecursionError) as fault:
        raise BadRecord("this is not a record of a decision", where=str(fault)[:80]) from None


def replay(text: str, policy: Policy | None = None) -> Decision:
    """Judge the request in a record again, by its own policy, or by ``policy``.

    Raises:
        BadRecord: the text is not a record.
    """
    record = read(text)
    request = FileRequest(record.name, record.host, record.operation)
    try:
        then = policy if policy is not None else _policy(record.policy, _phone_of(record.holding, record.name))
    except (ValueError, KeyError) as fault:
        raise BadRecord("this is not a record of a decision", where=str(fault)[:80]) from None
    return decide(request, record.holding, record.evidence, then, record.site)


def _phone_of(holding: Holding, name: str) -> str | None:
    """Return the bare MAC address of the phone that a request is about, if it is about one."""
    if holding is not None:
        return holding.owner
    named = owner_of(name)
    return named.bare if named is not None else None


def _owners_that_matter(evidence: Evidence, mac: str | None, name: str) -> tuple[str, ...]:
    """Return which of the site's phones a decision can rest on: the one that is asked for, and those seen there."""
    seen = (
        {mac, device_of_second_port(name, evidence.known_owners)}
        | evidence.macs
        | {frame.mac for frame in evidence.frames}
    )
    return tuple(sorted(each for each in seen if each is not None and each in evidence.known_owners))


def _policy(asked: RecordedPolicy, mac: str | None) -> Policy:
    owner = frozenset({mac}) if mac is not None else frozenset[str]()
    return Policy(
        levels={kind: Level[level] for kind, level in asked.levels.items()},
        networks=tuple(read_network(text) for text in asked.networks),
        first_contact=asked.first_contact,
        windows=asked.windows,
        held=asked.held,
        never_admitted=owner if asked.new else frozenset(),
        blocked=owner if asked.blocked else frozenset(),
    )


def _in_todays_form(document: Any) -> Any:  # noqa: ANN401 - JSON of any kind, looked at field by field by the codec
    """Return a record as it is written today; the first ones had other forms for three parts of the evidence."""
    evidence = dict(document.get("evidence", {}))
    if evidence.pop("of_site", False):
        mac = _phone_of(_held(document), str(document["name"]))
        evidence["known_owners"] = [mac] if mac is not None else []
    if isinstance(evidence.get("behaviour"), list):
        evidence["behaviour"] = {"parts": evidence["behaviour"]}
    dhcp = evidence.get("dhcp")
    if isinstance(dhcp, list) and not any(isinstance(part, list) for part in dhcp):
        evidence["dhcp"] = [*dhcp[:2], dhcp[2:]]
    return {**document, "evidence": evidence}


def _held(document: Mapping[str, Any]) -> HeldFile | None:  # Any: as above
    holding = document.get("holding")
    return None if holding is None else _HELD.convert(holding)


_HELD: codec.Reader[HeldFile] = codec.Reader(HeldFile, "record.holding")
