"""The header of a signed file, of an encrypted one and of a trust list: one layout, written and read here.

What is signed is the header without the whole field of the signature, but with its final length, and then all that
follows the header. The fields are in the order of PHONES.md 5.2 to 5.4 (usecallmanagernz/certutils, d9db03e): its
earlier generations, and Cisco's own lists, have the serial number before the issuer; phones go by the tags, and so does
``read_header``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ringfence.archives.signed_header import HeaderTag
from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.phones.errors import BadFields, LimitExceeded, WrongKey
from ringfence.phones.trust.certificate_rules import name_as_text, require_rsa, serial_as_bytes
from ringfence.phones.trust.roles import Signer, SigningHash
from ringfence.phones.trust.tlv import Field, FieldsRead, field, number_field, read_fields, text_field

LONGEST_HEADER = 4096
"""A header is some 700 bytes; with an encrypted key and the longest names, some 3,500."""
_PREFIX_BYTES = 10
"""Version and header length come first, in these bytes."""
_MULTIPLE = 4
_RSA = 0
_MODULUS_CODES = {64: 0, 128: 1, 256: 2, 512: 3}
_HASHES = {SigningHash.SHA1: hashes.SHA1, SigningHash.SHA512: hashes.SHA512}
_ALWAYS = frozenset(
    {HeaderTag.SIGNER_INFO, HeaderTag.SIGNATURE_INFO, HeaderTag.SIGNATURE, HeaderTag.FILENAME, HeaderTag.TIMESTAMP}
)


@dataclass(frozen=True, slots=True)
class TrustHeader:
    """What a header says. ``rest`` has the fields that only some kinds of file have, by their tags."""

    version: tuple[int, int]
    length: int
    signer_name: str
    issuer_name: str
    serial: int
    digest: SigningHash
    signature: bytes
    filename: str
    signed_at: int
    """Seconds since 1970."""
    rest: Mapping[int, Field]
    signed_bytes: bytes
    """All that the signature is over: the header without it, and what follows."""

    def verify(self, certificate: x509.Certificate) -> None:
        """Check the signature by a certificate. Its dates and its issuer are for others to judge.

        Raises:
            WrongKey: It isn't this key's, or not over these bytes.
        """
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise WrongKey("the certificate has no RSA key, so it signs no files", where=self.filename)
        try:
            key.verify(self.signature, self.signed_bytes, padding.PKCS1v15(), digest_of(self.digest))
        except InvalidSignature:
            raise WrongKey(
                f"the signature is not {name_as_text(certificate.subject)}'s over this content", where=self.filename
            ) from None


def digest_of(digest: SigningHash) -> hashes.HashAlgorithm:
    """Return the digest as the library has it."""
    return _HASHES[digest]()


def with_header(
    following: bytes, *, version: tuple[int, int], filename: str, signed_at: int, signer: Signer, digest: SigningHash,
    first: bytes = b"", last: bytes = b"",
) -> bytes:  # fmt: skip
    """Return a header and what follows it, signed.

    Args:
        following: A file's body, or a list's records.
        version: The layout's, major and minor.
        filename: As the header has it.
        signed_at: Seconds since 1970.
        signer: Whose key signs.
        digest: What is signed, a hash that the phone's firmware checks.
        first: Fields that come before the signer's.
        last: Fields that come after the time.

    Raises:
        LimitExceeded: The name or a number doesn't fit.
        UnfitCertificate: The signer's certificate can't sign files for phones.
        RingfenceError: The signer's key is out of reach.
    """
    certificate = signer.certificate
    signature_bytes = require_rsa(certificate, "sign files for phones").key_size // 8
    algorithm = number_field(HeaderTag.SIGNATURE_ALGORITHM, _RSA, 1)
    algorithm += number_field(HeaderTag.SIGNATURE_MODULUS, _MODULUS_CODES[signature_bytes], 1)
    before = (
        first
        + field(
            HeaderTag.SIGNER_INFO,
            text_field(HeaderTag.SIGNER_NAME, name_as_text(certificate.subject))
            + text_field(HeaderTag.ISSUER_NAME, name_as_text(certificate.issuer))
            + field(HeaderTag.SERIAL_NUMBER, serial_as_bytes(certificate)),
        )
        + field(
            HeaderTag.SIGNATURE_INFO,
            number_field(HeaderTag.HASH_ALGORITHM, digest, 1) + field(HeaderTag.SIGNATURE_ALGORITHM_INFO, algorithm),
        )
    )
    after = text_field(HeaderTag.FILENAME, check_filename(filename))
    after += number_field(HeaderTag.TIMESTAMP, signed_at, 4) + last
    length = _PREFIX_BYTES + len(before) + len(field(HeaderTag.SIGNATURE, bytes(signature_bytes))) + len(after)
    after += bytes((HeaderTag.PADDING,)) * (-length % _MULTIPLE)
    length += -length % _MULTIPLE
    before = field(HeaderTag.VERSION, bytes(version)) + number_field(HeaderTag.HEADER_LENGTH, length, 2) + before
    signature = signer.sign(before + after + following, digest)
    if len(signature) != signature_bytes:
        raise LimitExceeded(
            f"the key made a signature of {len(signature)} bytes; its certificate says {signature_bytes}"
        )
    return before + field(HeaderTag.SIGNATURE, signature) + after + following


def check_filename(filename: str) -> str:
    """Return a header's file name: the path as phones ask for it, without a "/" before it.

    Raises:
        LimitExceeded: It is too long, or no name that a phone asks for.
    """
    try:
        normal = normalise(filename)
    except BadName as fault:
        raise LimitExceeded(fault.what, where=fault.where, to_do=fault.to_do) from None
    if normal != filename:
        raise LimitExceeded(
            "a file name is not in the form in which phones ask for it", where=filename, to_do=f"Write {normal}."
        )
    return filename


def read_header(data: bytes, *, version: tuple[int, int], also: frozenset[HeaderTag] = frozenset()) -> TrustHeader:
    """Return the header at the start of ``data``; the signature is not checked yet.

    Args:
        data: The whole file, from anywhere.
        version: The one that it must have.
        also: Fields that it must have beside those of every header; others are refused.

    Raises:
        BadFields: It isn't such a header; the error says what is wrong, and where.
    """
    start = read_fields(data, end=_PREFIX_BYTES)
    if list(start) != [HeaderTag.VERSION, HeaderTag.HEADER_LENGTH]:
        raise BadFields("the file does not begin with a version and a header's length", where="byte 0")
    said = start[HeaderTag.VERSION].number(2)
    if (said >> 8, said & 0xFF) != version:
        raise BadFields(
            f"the header has version {said >> 8}.{said & 0xFF} instead of {version[0]}.{version[1]}", where="byte 0"
        )
    length = start[HeaderTag.HEADER_LENGTH].number(2)
    if not _PREFIX_BYTES < length <= min(LONGEST_HEADER, len(data)):
        raise BadFields(
            f"the header says {length} bytes; the file has {len(data)}, and a header at most {LONGEST_HEADER}",
            where=f"byte {start[HeaderTag.HEADER_LENGTH].value_offset}",
        )
    fields = read_fields(data, start=_PREFIX_BYTES, end=length, padding=HeaderTag.PADDING)
    _check_tags(fields, _ALWAYS | also, "header")
    digest, modulus = _read_signature_info(fields[HeaderTag.SIGNATURE_INFO])
    signature = fields[HeaderTag.SIGNATURE]
    if len(signature.value) != modulus:
        raise BadFields(
            f"the signature has {len(signature.value)} bytes instead of {modulus}", where=f"byte {signature.offset}"
        )
    signer = _nested(fields[HeaderTag.SIGNER_INFO])
    _check_tags(signer, {HeaderTag.SIGNER_NAME, HeaderTag.ISSUER_NAME, HeaderTag.SERIAL_NUMBER}, "signer")
    return TrustHeader(
        version=version,
        length=length,
        signer_name=signer[HeaderTag.SIGNER_NAME].text(),
        issuer_name=signer[HeaderTag.ISSUER_NAME].text(),
        serial=int.from_bytes(signer[HeaderTag.SERIAL_NUMBER].value, "big"),
        digest=digest,
        signature=signature.value,
        filename=fields[HeaderTag.FILENAME].text(),
        signed_at=fields[HeaderTag.TIMESTAMP].number(4),
        rest={tag: fields[tag] for tag in also},
        signed_bytes=data[: signature.offset] + data[signature.end :],
    )


def nested_fields(container: Field, tags: frozenset[HeaderTag], what: str) -> FieldsRead:
    """Return the fields in a container, which must be just these.

    Raises:
        BadFields: They aren't.
    """
    fields = _nested(container)
    _check_tags(fields, tags, what)
    return fields


def read_digest(said: Field) -> SigningHash:
    """Return the digest that a field names.

    Raises:
        BadFields: None that phones check.
    """
    try:
        return SigningHash(said.number(1))
    except ValueError:
        raise BadFields(f"no phone checks digest {said.value[0]}", where=f"byte {said.value_offset}") from None


def _nested(container: Field) -> FieldsRead:
    return read_fields(container.value, base=container.value_offset)


def _check_tags(fields: FieldsRead, expected: frozenset[HeaderTag] | set[HeaderTag], what: str) -> None:
    for tag in sorted(expected):
        fields.need(tag, f"the {what}'s {tag.name.lower().replace('_', ' ')}")
    for each in fields.values():
        if each.tag not in expected:
            raise BadFields(f"field {each.tag} has no place in a {what} of this kind", where=f"byte {each.offset}")


def _read_signature_info(info: Field) -> tuple[SigningHash, int]:
    """Return the digest, and how many bytes the signature has."""
    outer = nested_fields(info, frozenset({HeaderTag.HASH_ALGORITHM, HeaderTag.SIGNATURE_ALGORITHM_INFO}), "signature")
    inner = nested_fields(
        outer[HeaderTag.SIGNATURE_ALGORITHM_INFO],
        frozenset({HeaderTag.SIGNATURE_ALGORITHM, HeaderTag.SIGNATURE_MODULUS}),
        "signature",
    )
    algorithm, modulus = inner[HeaderTag.SIGNATURE_ALGORITHM], inner[HeaderTag.SIGNATURE_MODULUS]
    if algorithm.number(1) != _RSA:
        raise BadFields(
            f"the signature's algorithm is {algorithm.number(1)} instead of RSA", where=f"byte {algorithm.value_offset}"
        )
    sizes = [size for size, code in _MODULUS_CODES.items() if code == modulus.number(1)]
    if not sizes:
        raise BadFields(f"no key has the size {modulus.number(1)}", where=f"byte {modulus.value_offset}")
    return read_digest(outer[HeaderTag.HASH_ALGORITHM]), sizes[0]
