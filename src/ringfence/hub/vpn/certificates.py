"""Changing the certificate of a VPN head end without a phone that is locked out.

A phone takes a head end by the certificates that its file names, and by no other. So a new one is announced first: the
next publish puts it beside the old one in every file. Once each phone was seen to take such a file, the head end is
switched. The old one goes out of the files when the head end was seen to show the new one (``states.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.fleet import vpn_phones
from ringfence.hub.fleet.vpn_certificate_states import KNOWN_TO_PHONES, VpnCertificateState
from ringfence.hub.store.change import Change
from ringfence.hub.store.vpn_models import VpnCertificateRow, VpnHeadEndRow
from ringfence.hub.vpn import head_ends
from ringfence.hub.vpn_errors import (
    BadVpnCertificate,
    NothingAnnounced,
    NoVpnCertificate,
    VpnCertificateTaken,
    VpnPhonesMissing,
)
from ringfence.identity.certificates import fingerprint, to_pem, validity
from ringfence.phones.vpn.head_end import MOST_PINS, host_and_port, pin_of
from ringfence.printable import printable

LARGEST_BYTES = 32 * 1024
ENDS_WITHIN_S = 60 * 86_400.0
"""Phones are off over long holidays, and have to take a file before the next certificate is used."""
_KEY_BITS = 2048
"""What these phones take: RSA, 2048 bits at most (PHONES.md section 5.4); fewer are not safe."""
_MOST_IN_CHAIN = 6
_MOST_KEPT = 20
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class RollOver:
    """How far the change of a head end's certificate is."""

    used: VpnCertificateRow | None
    announced: VpnCertificateRow | None
    leaving: Sequence[VpnCertificateRow]
    missing: Sequence[str]
    """Phones, by MAC address, that could not connect by the announced certificate, or by the one in use."""
    unpublished: int
    """How many of these find no file that names it."""


def announce(change: Change, name: str, pem: str) -> VpnCertificateRow:
    """Have phones' files name another certificate of a head end from the next publish on.

    The first one of a head end is in use at once.

    Args:
        change: The transaction.
        name: The head end's.
        pem: The certificate, with those of the CAs behind it.

    Raises:
        UnknownHeadEnd: There is none with this name.
        BadVpnCertificate: Phones could not use a head end with it.
        VpnCertificateTaken: It is there already, or another one waits for its turn.
    """
    head_end, session = head_ends.get(change.session, name), change.session
    leaf, chain = read_chain(pem, head_end.addresses, change.now)
    there = head_ends.certificates(session, name)
    digest = fingerprint(leaf)
    if any(row.fingerprint == digest and row.state in KNOWN_TO_PHONES for row in there):
        raise VpnCertificateTaken(f"{name} has this certificate already", where=digest)
    if waiting := [row for row in there if row.state == VpnCertificateState.ANNOUNCED.value]:
        raise VpnCertificateTaken(
            f"another certificate of {name} is announced and waits for its turn",
            where=waiting[0].fingerprint,
            to_do=f"Switch to it, or withdraw it: ringfence vpn withdraw {name}.",
        )
    if sum(row.state in KNOWN_TO_PHONES for row in there) >= MOST_PINS:
        raise VpnCertificateTaken(
            f"phones' files name at most {MOST_PINS} certificates",
            to_do=f"See whether the head end shows the newest: ringfence vpn check {name}.",
        )
    row = session.get(VpnCertificateRow, (name, digest))
    if row is None:
        row = VpnCertificateRow(head_end=name, fingerprint=digest)
        session.add(row)
    is_first = not any(each.state in KNOWN_TO_PHONES for each in there)
    state = VpnCertificateState.IN_USE if is_first else VpnCertificateState.ANNOUNCED
    row.pin, row.state, row.chain = pin_of(leaf.public_bytes(Encoding.DER)), state.value, chain
    row.subject, row.ends_at = printable(leaf.subject.rfc4514_string(), 200), validity(leaf)[1]
    row.announced_at, row.announced_by, row.used_since = change.now, change.who, change.now if is_first else None
    _forget_oldest(change, there)
    change.note("vpn.announce", name, f"{state}: {digest}")
    return row


def withdraw(change: Change, name: str) -> VpnCertificateRow:
    """Take back the announcement of a certificate that was never used.

    Raises:
        UnknownHeadEnd, NothingAnnounced: There is no such head end, or nothing waits.
    """
    row = announced_of(change.session, head_ends.get(change.session, name).name)
    row.state = VpnCertificateState.RETIRED.value
    change.note("vpn.withdraw", name, row.fingerprint)
    return row


def switch(change: Change, name: str, *, leaves_behind: bool = False) -> VpnCertificateRow:
    """Take the announced certificate into use; the next export for the head end has it.

    Args:
        change: The transaction.
        name: The head end's.
        leaves_behind: Whether to do so though phones are missing, which then can't connect.

    Raises:
        UnknownHeadEnd, NothingAnnounced: There is no such head end, or nothing waits.
        VpnPhonesMissing: Phones were not seen to take a file that names it; they are named.
        BadVpnCertificate: It has ended meanwhile.
    """
    head_ends.get(change.session, name)
    row = announced_of(change.session, name)
    if row.ends_at <= change.now:
        raise BadVpnCertificate("the announced certificate has ended meanwhile", to_do="Withdraw it, announce another.")
    missing = vpn_phones.without(change.session, name, row.pin)
    if missing and not leaves_behind:
        raise VpnPhonesMissing(
            f"{counted(len(missing), 'phone was', 'phones were')} not seen to take a file that names this certificate: "
            f"{named(missing)}",
            to_do=f"Publish, and reload them; who is missing: ringfence vpn phones {name} --missing. To lock these "
            "phones out: --leave-behind.",
        )
    for each in head_ends.certificates(change.session, name):
        if each.state == VpnCertificateState.IN_USE.value:
            each.state = VpnCertificateState.LEAVING.value
    row.state, row.used_since = VpnCertificateState.IN_USE.value, change.now
    said = f"; left behind: {named(missing)}" if missing else ""
    change.note("vpn.switch", name, row.fingerprint + said)
    return row


def note_shown(change: Change, name: str, shown: str, *, follows: bool = False) -> VpnHeadEndRow:
    """Note which certificate a head end was seen to show; with the one in use, phones need older ones no more.

    Args:
        change: The transaction.
        name: The head end's.
        shown: The certificate's SHA-256.
        follows: Whether what follows its users tells this.

    Raises:
        UnknownHeadEnd: There is none with this name.
    """
    row = head_ends.get(change.session, name)
    if row.shown != shown:
        change.note("vpn.shown", name, shown)
    row.shown_at, row.shown = change.now, shown
    if follows:
        row.followed_at = change.now
    rows = head_ends.certificates(change.session, name)
    if any(each.fingerprint == shown and each.state == VpnCertificateState.IN_USE.value for each in rows):
        for each in rows:
            if each.state == VpnCertificateState.LEAVING.value:
                each.state = VpnCertificateState.RETIRED.value
                change.note("vpn.retire", name, each.fingerprint)
    return row


def roll_over(session: Session, name: str) -> RollOver:
    """Return how far the change of a head end's certificate is."""
    rows = head_ends.certificates(session, name)
    by_state = {state: [row for row in rows if row.state == state.value] for state in VpnCertificateState}
    used = next(iter(by_state[VpnCertificateState.IN_USE]), None)
    coming = next(iter(by_state[VpnCertificateState.ANNOUNCED]), None)
    due = coming or used
    missing = vpn_phones.without(session, name, due.pin) if due is not None else []
    unpublished = vpn_phones.finding_without(session, name, due.pin) if due is not None else 0
    return RollOver(used, coming, by_state[VpnCertificateState.LEAVING], missing, unpublished)


def used_of(session: Session, name: str) -> VpnCertificateRow:
    """Return the certificate in use. NoVpnCertificate."""
    found = [each for each in head_ends.certificates(session, name) if each.state == VpnCertificateState.IN_USE.value]
    if not found:
        raise NoVpnCertificate(
            f"the VPN head end {name} has no certificate yet", to_do=f"Announce it: ringfence vpn announce {name} FILE."
        )
    return found[0]


def announced_of(session: Session, name: str) -> VpnCertificateRow:
    """Return the certificate that waits for its turn. NothingAnnounced."""
    chosen = select(VpnCertificateRow).where(
        VpnCertificateRow.head_end == name, VpnCertificateRow.state == VpnCertificateState.ANNOUNCED.value
    )
    row = session.scalar(chosen)
    if row is None:
        raise NothingAnnounced(
            f"no certificate of {name} waits to be used", to_do=f"Announce one: ringfence vpn announce {name} FILE."
        )
    return row


def named(macs: Sequence[str]) -> str:
    """Return the first of some phones, and how many more there are."""
    more = f" and {len(macs) - _MOST_NAMED} more" if len(macs) > _MOST_NAMED else ""
    return ", ".join(macs[:_MOST_NAMED]) + more


def read_chain(pem: str, addresses: Sequence[str], now: float) -> tuple[x509.Certificate, str]:
    """Return a head end's certificate, and the PEM of it and those behind it, if phones can use it.

    Raises:
        BadVpnCertificate: They can't, or it is none.
    """
    if len(pem.encode(errors="replace")) > LARGEST_BYTES:
        raise BadVpnCertificate(f"a head end's certificates have at most {LARGEST_BYTES // 1024} KiB")
    if "PRIVATE KEY" in pem:
        raise BadVpnCertificate(
            "this holds the private key, which is to stay at the head end", to_do="Give the certificate alone."
        )
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, TypeError):
        raise BadVpnCertificate(
            "this is not a certificate in PEM", to_do="Give the file that begins with BEGIN CERTIFICATE."
        ) from None
    if not 1 <= len(found) <= _MOST_IN_CHAIN:
        raise BadVpnCertificate(f"there are {len(found)} certificates in this; 1 to {_MOST_IN_CHAIN} are expected")
    leaf = found[0]
    _check_key(leaf)
    begins_at, ends_at = validity(leaf)
    if ends_at <= now or begins_at > now:
        raise BadVpnCertificate("this certificate is not valid now", to_do="Give one that is.")
    _check_names(leaf, addresses)
    return leaf, "".join(map(to_pem, found))


def check_addresses(session: Session, row: VpnHeadEndRow) -> None:
    """Check that the certificates in phones' files name where a head end is said to be.

    Raises:
        BadVpnCertificate: One does not, and phones would refuse it there.
    """
    for each in head_ends.certificates(session, row.name):
        if each.state in KNOWN_TO_PHONES:
            _check_names(x509.load_pem_x509_certificates(each.chain.encode())[0], row.addresses)


def _check_names(leaf: x509.Certificate, addresses: Sequence[str]) -> None:
    names = _names(leaf)
    if lacking := [each for each in addresses if not _is_named(host_and_port(each)[0], names)]:
        raise BadVpnCertificate(
            f"the certificate {fingerprint(leaf)[:16]} does not name {', '.join(lacking)}, and phones compare it with "
            "what they connect to",
            to_do="Announce one with all addresses as subject alternative names (subjectAltName), and use it, first.",
        )


def _check_key(leaf: x509.Certificate) -> None:
    try:
        key = leaf.public_key()
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != _KEY_BITS:
        raise BadVpnCertificate(
            f"phones need a head end's key to be RSA of {_KEY_BITS} bits",
            to_do="Make it so: ringfence vpn announce NAME --make FOLDER, or ask your CA for one with such a key.",
        )


def _names(leaf: x509.Certificate) -> frozenset[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    hosts = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    return frozenset({*hosts, *map(str, names.get_values_for_type(x509.IPAddress))})


def _is_named(host: str, names: frozenset[str]) -> bool:
    _first, dot, rest = host.partition(".")
    return host in names or bool(dot and f"*.{rest}" in names)


def _forget_oldest(change: Change, rows: Sequence[VpnCertificateRow]) -> None:
    retired = [row for row in rows if row.state == VpnCertificateState.RETIRED.value]
    for row in retired[_MOST_KEPT:]:
        change.session.delete(row)
