"""What people are told of each kind of evidence: a table, so that a kind without words fails a test."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from ringfence.guard.evidence import CredentialState, Evidence
from ringfence.phones.mac import Mac

LONGEST_SHOWN = 80
"""Characters of a name that a sentence shows: the sender must not choose the length of a log line."""


def shown(text: str) -> str:
    """Return a text of a stranger's as a sentence can show it: short, and printable."""
    cut = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in cut) or "''"


def _link_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.on_link:
        yield "Its address is in the network of one of this machine's own links."


def _learned_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.learned:
        yield f"Its network is known: {evidence.learned}."


def _neighbours_in_words(evidence: Evidence) -> Iterator[str]:
    for entry in evidence.neighbours:
        yield f"The neighbour table shows MAC {Mac(entry.mac)} for that address{_on(entry.link)}."


def _frames_in_words(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.frames:
        yield f"The frame came from MAC {Mac(seen.mac)}{_on(seen.link)}, TTL {seen.ttl}."


def _lease_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.lease is not None:
        called = f", which calls itself {shown(evidence.lease.vendor_class)}" if evidence.lease.vendor_class else ""
        yield f"DHCP gave the address to MAC {Mac(evidence.lease.mac)}{called}."


def _dhcp_in_words(evidence: Evidence) -> Iterator[str]:
    if (asked := evidence.dhcp) is not None:
        order = ", ".join(map(str, asked.options)) or "no options"
        yield f"MAC {Mac(asked.mac)} asked for an address as {shown(asked.vendor_class)}: {order}."


def _announced_in_words(evidence: Evidence) -> Iterator[str]:
    if (said := evidence.announced) is not None:
        what = f"{shown(said.device)}, {shown(said.platform)}"
        yield f"MAC {Mac(said.mac)} announces itself over {said.protocol.upper()}{_on(said.link)}: {what}."


def _conflict_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.conflict is not None:
        yield f"The phone was seen elsewhere: {evidence.conflict.before} ({evidence.conflict.what})."


def _grant_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.grant is not None:
        bound = f", bound to {evidence.grant.bound_to}" if evidence.grant.bound_to else ""
        yield f"{evidence.grant.who} opened a window{bound}, which is still open."


def _key_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.holds_key and evidence.proved is None and not evidence.certificate_of:
        yield "It has proved that it holds the phone's own key."


def _proved_in_words(evidence: Evidence) -> Iterator[str]:
    if (proved := evidence.proved) is not None:
        at = _on(proved.links[0] if proved.links else "")
        yield f"MAC {Mac(proved.mac)} has proved by 802.1X{at} the key of its certificate, {shown(proved.certificate)}."


def _certificate_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.certificate_of:
        yield f"It has proved over TLS that it holds the key of phone {Mac(evidence.certificate_of)}."


def _known_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.known_by:
        yield f"It is known: {evidence.known_by}."


def _credential_in_words(evidence: Evidence) -> Iterator[str]:
    if (shown_one := evidence.credential) is None:
        return
    match shown_one.state:
        case CredentialState.RIGHT:
            yield f"It has proved that it knows the phone's credential, number {shown_one.serial}."
        case CredentialState.WRONG:
            yield "It gave a credential that is not the phone's."
        case CredentialState.MISSING:
            yield "It gave no credential, and was asked for it."


def _behaviour_in_words(evidence: Evidence) -> Iterator[str]:
    if evidence.behaviour.parts:
        parts = "; ".join(f"{part.name} {part.points} of {part.of}: {part.why}" for part in evidence.behaviour.parts)
        yield f"Its behaviour gets {evidence.behaviour.score} of 100 points: {parts}."


EVIDENCE_IN_WORDS: Mapping[str, Callable[[Evidence], Iterator[str]]] = MappingProxyType(
    {
        "on_link": _link_in_words,
        "learned": _learned_in_words,
        "neighbours": _neighbours_in_words,
        "frames": _frames_in_words,
        "lease": _lease_in_words,
        "dhcp": _dhcp_in_words,
        "announced": _announced_in_words,
        "conflict": _conflict_in_words,
        "grant": _grant_in_words,
        "holds_key": _key_in_words,
        "proved": _proved_in_words,
        "certificate_of": _certificate_in_words,
        "known_by": _known_in_words,
        "credential": _credential_in_words,
        "behaviour": _behaviour_in_words,
    }
)
"""How each field of the evidence is described to people, in this order."""


def _on(link: str) -> str:
    return f" on {link}" if link else ""
