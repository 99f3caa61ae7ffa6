"""Whose a certificate is that a phone shows over TLS, in every form in which makers name their phones.

- Enterprise phones have it in the common name: ``CP-9971-SEP<MAC>``, or ``SEP<MAC>`` where a CAPF issued it.
- SPA and Multiplatform phones: OU is the model, L the serial number, S (also ST) the MAC address.
- The oldest small-business units all share one certificate, ``ciscogeneric``: it names no phone.

Invariants:

- A certificate that names several phones, or one in part, names none.
- What it says of model and serial number never makes a phone of another: it can only be a reason to refuse.

Source: PHONES.md sections 8 and 8b, from the maker's provisioning guides; User-Agents: section 3.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from ringfence.phones.errors import CertificateRefused
from ringfence.phones.mac import Mac
from ringfence.phones.trust.certificate_rules import load_certificate
from ringfence.phones.trust.phone_certificates import (
    PHONE_NAME,
    CertificateKind,
    Issuers,
    PhoneCertificate,
    issuer_kind,
    require_begun,
)
from ringfence.phones.trust.refusals import CertificateRefusal, refused
from ringfence.printable import printable

_MAC = re.compile(r"[0-9A-Fa-f]{12}")
_GENERIC = "ciscogeneric"
_LONGEST_TOLD = 80
_LONGEST_AGENT = 200
_AGENT_PARTS = re.compile(r"\(([0-9A-Za-z]{8,16})\)")
_AGENT_MODEL = re.compile(r"(?:Cisco|Linksys)[/-](?:CP-)?([0-9A-Z]+(?:-[0-9]{3,4}(?![0-9.])|-3PCC)?)", re.IGNORECASE)
_NOT_COMPARED = re.compile(r"^CP(?:-|(?=[0-9]))|[^0-9A-Z]")
_MOST_LETTERS_MORE = 2
"""By how much two writings of one model may differ at their ends, as 7965 and 7965G do."""


@dataclass(frozen=True, slots=True)
class NamedPhone:
    """The phone that a certificate names; model and serial number are empty where it has none."""

    mac: Mac
    model: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class AgentSays:
    """What a User-Agent says of its phone; empty where it says nothing."""

    mac: str = ""
    serial: str = ""
    model: str = ""


def named_phone(certificate: x509.Certificate) -> NamedPhone:
    """Return the phone that a certificate names.

    Raises:
        CertificateRefused: ``no-name``, or ``generic`` for the certificate that many old units share.
    """
    subject = certificate.subject
    commons = _values(subject, NameOID.COMMON_NAME)
    units, serials = _values(subject, NameOID.ORGANIZATIONAL_UNIT_NAME), _values(subject, NameOID.LOCALITY_NAME)
    states = _values(subject, NameOID.STATE_OR_PROVINCE_NAME)
    if any(_GENERIC in value.casefold() for value in (*commons, *serials, *states)):
        raise refused(CertificateRefusal.GENERIC)
    found = PHONE_NAME.fullmatch(commons[0]) if len(commons) == 1 else None
    if found is not None:
        return NamedPhone(Mac(found[1]), model=(found[0].rpartition("-SEP")[0]))
    if len(states) == len(units) == len(serials) == 1 and _MAC.fullmatch(states[0]):
        return NamedPhone(Mac(states[0].upper()), units[0], serials[0])
    raise refused(CertificateRefusal.NO_NAME, printable(", ".join((*commons, *states)), _LONGEST_TOLD))


def judge_client(
    certificate: x509.Certificate, model: str, issuers: Issuers, now: float, before: Sequence[x509.Certificate] = ()
) -> PhoneCertificate:
    """Return what a certificate is to the phone that it names. TLS has proved already who holds its key.

    Args:
        certificate: As shown; ``named_phone`` says whose.
        model: The phone's model as the fleet has it.
        issuers: The CAs that count.
        now: Unix seconds.
        before: Certificates of the phone's maker that it has shown before.

    Raises:
        CertificateRefused: ``foreign-issuer``, ``no-name``, ``generic``, ``other-model``, ``other-serial`` or
            ``not-yet``. Whether one that has expired counts is the caller's policy.
    """
    kind = issuer_kind(certificate, issuers)
    named = named_phone(certificate)
    if named.model and not is_same_model(named.model, model):
        told = f"{printable(named.model, _LONGEST_TOLD)}, not {model}"
        raise refused(CertificateRefusal.OTHER_MODEL, told)
    known = {other.serial for each in before if (other := _or_none(each)) is not None and other.serial}
    if kind is CertificateKind.MIC and named.serial and known and named.serial not in known:
        raise refused(CertificateRefusal.OTHER_SERIAL, printable(named.serial, _LONGEST_TOLD))
    require_begun(certificate, now)
    return PhoneCertificate(certificate, kind, certificate.not_valid_after_utc.timestamp() <= now)


def agent_says(user_agent: str) -> AgentSays:
    """Return what a User-Agent says of its phone, whatever it is."""
    text = user_agent[:_LONGEST_AGENT]
    macs = [each for each in _AGENT_PARTS.findall(text) if _MAC.fullmatch(each)]
    serials = [each for each in _AGENT_PARTS.findall(text) if not _MAC.fullmatch(each)]
    found = _AGENT_MODEL.match(text)
    return AgentSays(macs[0].upper() if macs else "", serials[0] if serials else "", found[1] if found else "")


def check_agent(user_agent: str, named: NamedPhone) -> None:
    """Check that a User-Agent does not speak of another phone than the certificate; saying nothing is no fault.

    Raises:
        CertificateRefused: ``other-agent``.
    """
    said = agent_says(user_agent)
    is_other_mac = bool(said.mac) and said.mac != named.mac.bare
    is_other_serial = bool(said.serial) and bool(named.serial) and said.serial.upper() != named.serial.upper()
    is_other_model = bool(said.model) and bool(named.model) and not is_same_model(said.model, named.model)
    if is_other_mac or is_other_serial or is_other_model:
        raise refused(CertificateRefusal.OTHER_AGENT, printable(user_agent, _LONGEST_TOLD))


def is_same_model(one: str, other: str) -> bool:
    """Return whether two writings mean one model, such as SPA-504G and SPA504G, or CP-7965G and 7965."""
    shorter, longer = sorted((_compared(one), _compared(other)), key=len)
    more = longer.removeprefix(shorter)
    return bool(shorter) and len(longer) - len(more) == len(shorter) and len(more) <= _MOST_LETTERS_MORE


def read_client(der: bytes) -> x509.Certificate:
    """Return the certificate that a phone showed over TLS. CertificateRefused: ``unreadable``."""
    certificate = load_certificate(der)
    if certificate is None:
        raise refused(CertificateRefusal.UNREADABLE)
    return certificate


def _compared(model: str) -> str:
    return _NOT_COMPARED.sub("", model.upper())


def _or_none(certificate: x509.Certificate) -> NamedPhone | None:
    try:
        return named_phone(certificate)
    except CertificateRefused:
        return None


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(each.value) for each in name.get_attributes_for_oid(oid)]
