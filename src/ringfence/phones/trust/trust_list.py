"""Trust lists, CTL and ITL: whose keys a phone believes, and for what.

A phone without a list takes the first that it meets; from then on a list counts if a SAST key of the one that it holds
has signed it. A TFTP record makes it refuse unsigned files; a list without TFTP and TVS records lets it go. The name in
the header is ``ITLFile.tlv`` or ``CTLFile.tlv``, whatever the file is served as. Source: PHONES.md 5.4 and 5.7.

Fields without a source for what phones make of them are read and not written: DNS name, address, certificate's hash.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ringfence.archives.signed_header import HeaderTag
from ringfence.phones.errors import BadFields, LimitExceeded, UnfitCertificate, WrongKey
from ringfence.phones.trust.certificate_rules import check_listed, load_certificate, name_as_text, serial_as_bytes
from ringfence.phones.trust.header import TrustHeader, read_header, with_header
from ringfence.phones.trust.roles import Signer, SigningHash, TrustRole
from ringfence.phones.trust.tlv import Field, field, number_field, read_fields, text_field

ITL_NAME = "ITLFile.tlv"
CTL_NAME = "CTLFile.tlv"
LARGEST_LIST = 64 * 1024
"""Phones don't load longer ones."""
MOST_SAST = 2
MOST_RECORDS = 64
"""Some 39 certificates fit into the largest list."""
SIGNER_VERSIONS = ((1, 0), (1, 1))
"""1.1 is for phones of the 7800 and 8800 series: elliptic curves, and HTTPS for configurations."""
_VERSION = (1, 2)
_RECORD_LENGTH_BYTES = 5
TAKES_FILES_FROM = frozenset({TrustRole.TFTP, TrustRole.CCM_AND_TFTP})
"""The roles that sign files."""


class RecordTag(IntEnum):
    """The fields of a record, by their numbers."""

    RECORD_LENGTH = 1
    DNS_NAME = 2
    SUBJECT_NAME = 3
    ROLE = 4
    ISSUER_NAME = 5
    SERIAL_NUMBER = 6
    PUBLIC_KEY = 7
    SIGNATURE = 8
    CERTIFICATE = 9
    IP_ADDRESS = 10
    CERTIFICATE_HASH = 11
    HASH_ALGORITHM = 12


_IN_RECORDS = frozenset(map(int, RecordTag)) - {RecordTag.RECORD_LENGTH}


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """One certificate of a list, and what it vouches for."""

    role: TrustRole
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """A record that was read. ``role`` is a number, since other systems may have roles that we don't know.

    ``certificate`` is None where the list has only its names and its key.
    """

    role: int
    subject: str
    issuer: str
    serial: int
    public_key: bytes
    certificate: x509.Certificate | None


@dataclass(frozen=True, slots=True)
class TrustList:
    """A list that can be read; whether its signature is good is ``verify``'s to say."""

    header: TrustHeader
    signer_version: tuple[int, int]
    records: tuple[ListedRecord, ...]

    def certificates(self, *roles: TrustRole) -> list[x509.Certificate]:
        """Return the certificates with one of these roles."""
        return [each.certificate for each in self.records if each.role in roles and each.certificate is not None]

    @property
    def wants_signed_files(self) -> bool:
        """Whether a phone with this list refuses unsigned files."""
        return any(each.role in TAKES_FILES_FROM for each in self.records)

    @property
    def lets_go(self) -> bool:
        """Whether a phone with this list takes files from anybody again."""
        return not any(each.role in TAKES_FILES_FROM | {TrustRole.TVS} for each in self.records)

    def verify(self, known: Sequence[x509.Certificate] | None = None) -> x509.Certificate:
        """Check that a SAST key has signed this list, and return its certificate.

        Args:
            known: The SAST certificates of the list that the phone holds; None if it holds none and believes this one.

        Raises:
            WrongKey: None of them has the header's serial number and signed this.
        """
        trusted = self.certificates(TrustRole.SAST) if known is None else known
        for certificate in trusted:
            if certificate.serial_number == self.header.serial:
                self.header.verify(certificate)
                return certificate
        raise WrongKey(
            f"no SAST key that is trusted has the signer's serial number {self.header.serial:x}",
            where=self.header.filename,
        )


def trust_list(
    records: Sequence[TrustRecord], *, filename: str, signed_at: int, signer: Signer, digest: SigningHash,
    signer_version: tuple[int, int] = (1, 0),
) -> bytes:  # fmt: skip
    """Return a trust list: the same bytes each time.

    Args:
        records: What is in it, in this order; the signer's certificate among them as SAST.
        filename: ``ITL_NAME`` or ``CTL_NAME``.
        signed_at: The time in the header, in seconds since 1970.
        signer: A SAST key.
        digest: The hash that the phone's firmware checks.
        signer_version: One of ``SIGNER_VERSIONS``.

    Raises:
        LimitExceeded: It would have more than 64 KB, more than two SAST records, none of the signer's, or another name.
        UnfitCertificate: Phones would not take one of its certificates.
        RingfenceError: The signer's key is out of reach.
    """
    if filename not in {ITL_NAME, CTL_NAME}:
        raise LimitExceeded(f"the name in a list's header is {ITL_NAME} or {CTL_NAME}", where=filename)
    if signer_version not in SIGNER_VERSIONS:
        raise LimitExceeded(f"no phone knows signer version {signer_version[0]}.{signer_version[1]}", where=filename)
    sast = [each.certificate for each in records if each.role is TrustRole.SAST]
    if len(sast) > MOST_SAST:
        raise LimitExceeded(
            f"a list has {len(sast)} SAST records, and phones take {MOST_SAST}", where=filename,
            to_do="Replace one SAST key at a time.",
        )  # fmt: skip
    if signer.certificate not in sast:
        raise UnfitCertificate(
            "the certificate that signs a list is not in it as SAST", where=name_as_text(signer.certificate.subject)
        )
    body = b"".join(_record(each, takes_curves=signer_version > (1, 0)) for each in records)
    made = with_header(
        body,
        version=_VERSION,
        filename=filename,
        signed_at=signed_at,
        signer=signer,
        digest=digest,
        first=field(HeaderTag.SIGNER_VERSION, bytes(signer_version)),
    )
    if len(made) > LARGEST_LIST:
        raise LimitExceeded(
            f"a list of {len(made)} bytes would not load: phones take {LARGEST_LIST}", where=filename,
            to_do=f"It has {len(records)} certificates; let TVS vouch for some of them.",
        )  # fmt: skip
    return made


def read_trust_list(data: bytes) -> TrustList:
    """Return what a list says, whoever made it; its signature is not checked yet.

    Raises:
        BadFields: It is none, or one that phones don't load; the error says what is wrong, and where.
    """
    if len(data) > LARGEST_LIST:
        raise BadFields(f"a list of {len(data)} bytes is longer than phones load: {LARGEST_LIST}")
    header = read_header(data, version=_VERSION, also=frozenset({HeaderTag.SIGNER_VERSION}))
    version = header.rest[HeaderTag.SIGNER_VERSION]
    said = version.number(2)
    signer_version = (said >> 8, said & 0xFF)
    if signer_version not in SIGNER_VERSIONS:
        raise BadFields(f"the signer has version {said >> 8}.{said & 0xFF}", where=f"byte {version.value_offset}")
    records = tuple(_read_records(data, header.length))
    count = sum(each.role == TrustRole.SAST for each in records)
    if count > MOST_SAST:
        raise BadFields(f"the list has {count} SAST records, and phones take {MOST_SAST}")
    return TrustList(header, signer_version, records)


def _record(record: TrustRecord, *, takes_curves: bool) -> bytes:
    certificate = record.certificate
    check_listed(certificate, takes_curves=takes_curves and record.role is not TrustRole.SAST)
    content = (
        text_field(RecordTag.SUBJECT_NAME, name_as_text(certificate.subject))
        + text_field(RecordTag.ISSUER_NAME, name_as_text(certificate.issuer))
        + field(RecordTag.SERIAL_NUMBER, serial_as_bytes(certificate))
        + number_field(RecordTag.ROLE, record.role, 2)
        + field(RecordTag.PUBLIC_KEY, _public_key(certificate))
        + field(RecordTag.SIGNATURE, certificate.signature)
        + field(RecordTag.CERTIFICATE, certificate.public_bytes(Encoding.DER))
    )
    return number_field(RecordTag.RECORD_LENGTH, _RECORD_LENGTH_BYTES + len(content), 2) + content


def _public_key(certificate: x509.Certificate) -> bytes:
    """Return a key as records have it: PKCS #1 for RSA, the uncompressed point for a curve; empty for others."""
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        case ec.EllipticCurvePublicKey() as key:
            return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        case _:
            return b""


def _read_records(data: bytes, start: int) -> Iterator[ListedRecord]:
    at = start
    for _ in range(MOST_RECORDS):
        if at == len(data):
            return
        head = read_fields(data, start=at, end=at + _RECORD_LENGTH_BYTES).get(RecordTag.RECORD_LENGTH)
        if head is None:
            raise BadFields("a record does not begin with its length", where=f"byte {at}")
        length = head.number(2)
        if length <= _RECORD_LENGTH_BYTES or at + length > len(data):
            left = len(data) - at
            raise BadFields(f"a record says {length} bytes, and {left} are left", where=f"byte {head.value_offset}")
        yield _read_record(data, at + _RECORD_LENGTH_BYTES, at + length)
        at += length
    if at < len(data):
        raise BadFields(f"the list has more than {MOST_RECORDS} records", where=f"byte {at}")


def _read_record(data: bytes, start: int, end: int) -> ListedRecord:
    fields = read_fields(data, start=start, end=end)
    for each in fields.values():
        if each.tag not in _IN_RECORDS:
            raise BadFields(f"field {each.tag} has no place in a record", where=f"byte {each.offset}")
    needed = {
        tag: fields.need(tag, f"a record's {tag.name.lower().replace('_', ' ')}")
        for tag in (
            RecordTag.SUBJECT_NAME,
            RecordTag.ISSUER_NAME,
            RecordTag.SERIAL_NUMBER,
            RecordTag.ROLE,
            RecordTag.PUBLIC_KEY,
        )
    }
    record = ListedRecord(
        role=needed[RecordTag.ROLE].number(2),
        subject=needed[RecordTag.SUBJECT_NAME].text(),
        issuer=needed[RecordTag.ISSUER_NAME].text(),
        serial=int.from_bytes(needed[RecordTag.SERIAL_NUMBER].value, "big"),
        public_key=needed[RecordTag.PUBLIC_KEY].value,
        certificate=_read_certificate(fields.get(RecordTag.CERTIFICATE)),
    )
    certificate = record.certificate
    if certificate is not None and (
        certificate.serial_number != record.serial or _public_key(certificate) != record.public_key
    ):
        raise BadFields("a record's number or key is not its certificate's", where=f"byte {start}")
    return record


def _read_certificate(said: Field | None) -> x509.Certificate | None:
    if said is None:
        return None
    certificate = load_certificate(said.value)
    if certificate is None:
        raise BadFields("a record's certificate can't be read", where=f"byte {said.value_offset}")
    return certificate
