"""Encrypted configurations: the stub that a phone asks for first, and the file that only its own key opens.

A phone that gets the stub as ``SEP<MAC>.cnf.xml.sgn`` asks for ``SEP<MAC>.cnf.xml.enc.sgn``. That is AES-128 in CBC
mode; its key is in the header, encrypted by RSA (PKCS #1 v1.5) to the phone's certificate, which must be RSA. The body
is filled up with 1 to 16 carriage returns, which the header counts. Source: PHONES.md 5.3.

The signature is over the encrypted bytes and is checked first, so what decrypting says tells nobody anything.
"""

import hashlib
from copy import deepcopy
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from lxml import etree

from ringfence.archives.signed_header import HeaderTag
from ringfence.phones.document import NotWellFormed, parse
from ringfence.phones.errors import BadFields, LimitExceeded, RenderFault, WrongKey
from ringfence.phones.trust import tlv
from ringfence.phones.trust.certificate_rules import RSA_SIZES_BITS, require_rsa
from ringfence.phones.trust.header import (
    LONGEST_HEADER,
    TrustHeader,
    digest_of,
    nested_fields,
    read_digest,
    read_header,
    with_header,
)
from ringfence.phones.trust.roles import Signer, SigningHash
from ringfence.phones.trust.signed_file import LARGEST_BODY, check_body

ENCRYPTED_SUFFIX = ".enc.sgn"
KEY_BYTES = 16
IV_BYTES = 16
_VERSION = (2, 0)
_AES = 1
_BLOCK = 16
_FILLING = b"\r"
_IV_INFO = frozenset({HeaderTag.ENCRYPTION_UNKNOWN_1, HeaderTag.ENCRYPTION_IV, HeaderTag.ENCRYPTION_PADDING})
_KEY_INFO = frozenset(
    {
        HeaderTag.ENCRYPTION_UNKNOWN_2,
        HeaderTag.ENCRYPTION_KEY_SIZE,
        HeaderTag.ENCRYPTION_KEY_ALGORITHM,
        HeaderTag.ENCRYPTION_KEY,
    }
)
_ALSO = frozenset({HeaderTag.ENCRYPTION_INFO, HeaderTag.ENCRYPTION_HASH_ALGORITHM, HeaderTag.ENCRYPTION_HASH})
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_IN_STUB = ("ipAddressMode", "loadInformation", "capfAuthMode", "capfList")


@dataclass(frozen=True, slots=True)
class ContentKey:
    """An AES key and its form for one certificate: kept, so that the same configuration stays the same bytes."""

    key: bytes = field(repr=False)
    encrypted: bytes

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise LimitExceeded(f"a content key has {KEY_BYTES} bytes and not {len(self.key)}")
        if len(self.encrypted) * 8 not in RSA_SIZES_BITS:
            raise LimitExceeded(f"no phone's key makes {len(self.encrypted)} bytes of a content key")

    @classmethod
    def for_certificate(cls, certificate: x509.Certificate, key: bytes) -> "ContentKey":
        """Return the key with its encrypted form, which differs each time: the library's padding is random.

        Args:
            certificate: The phone's, its MIC or its LSC.
            key: 16 random bytes, used for nothing else.

        Raises:
            LimitExceeded: The key has another length.
            UnfitCertificate: The certificate's key is not RSA, or of a size that phones don't have.
        """
        public = require_rsa(certificate, "have files encrypted to it")
        return cls(key, public.encrypt(key, padding.PKCS1v15()))


@dataclass(frozen=True, slots=True)
class EncryptedFile:
    """An encrypted file that can be read; ``header.verify`` says whether its signature is good."""

    header: TrustHeader
    iv: bytes
    filled_bytes: int
    encrypted_key: bytes
    clear_digest: SigningHash
    clear_hash: bytes
    body: bytes

    @property
    def filename(self) -> str:
        """The name in the header, as phones ask for it."""
        return self.header.filename

    def decrypt(self, key: rsa.RSAPrivateKey) -> bytes:
        """Return the configuration in clear.

        Args:
            key: The one of the certificate that it is encrypted to.

        Raises:
            WrongKey: It is encrypted to another key, or its hash is not that of what is in it.
        """
        try:
            content_key = key.decrypt(self.encrypted_key, padding.PKCS1v15())
        except ValueError:
            content_key = b""
        if len(content_key) != KEY_BYTES:
            raise WrongKey("the file is encrypted to another certificate", where=self.filename)
        opener = Cipher(algorithms.AES(content_key), modes.CBC(self.iv)).decryptor()
        clear = (opener.update(self.body) + opener.finalize())[: -self.filled_bytes]
        if _hash(clear, self.clear_digest) != self.clear_hash:
            raise WrongKey("the configuration's hash is not the one in its header", where=self.filename)
        return clear


def encrypted(
    body: bytes, *, filename: str, signed_at: int, signer: Signer, digest: SigningHash, content_key: ContentKey,
    iv: bytes,
) -> bytes:  # fmt: skip
    """Return a configuration that only one phone's key opens: the same bytes each time.

    Args:
        body: The configuration in clear.
        filename: As phones ask for it, ``SEP<MAC>.cnf.xml.enc.sgn``.
        signed_at: The time in the header, in seconds since 1970.
        signer: The TFTP role's key.
        digest: The hash that the phone's firmware checks; for the signature and for the clear text's hash.
        content_key: The key, and its encrypted form for that phone's certificate.
        iv: 16 bytes, others for each configuration: the caller derives them.

    Raises:
        LimitExceeded: The file or its name is too long, or the name has no ``.enc.sgn``.
        UnfitCertificate: The signer's certificate can't sign files for phones.
        RingfenceError: The signer's key is out of reach.
    """
    if not filename.endswith(ENCRYPTED_SUFFIX):
        raise LimitExceeded("the name in an encrypted file's header does not end with .enc.sgn", where=filename)
    if len(iv) != IV_BYTES:
        raise LimitExceeded(f"an initial vector has {IV_BYTES} bytes and not {len(iv)}")
    check_body(body, filename)
    filled_bytes = _BLOCK - len(body) % _BLOCK
    sealer = Cipher(algorithms.AES(content_key.key), modes.CBC(iv)).encryptor()
    iv_info = (
        tlv.number_field(HeaderTag.ENCRYPTION_UNKNOWN_1, 0, 1)
        + tlv.field(HeaderTag.ENCRYPTION_IV, iv)
        + tlv.number_field(HeaderTag.ENCRYPTION_PADDING, filled_bytes, 2)
    )
    key_info = (
        tlv.number_field(HeaderTag.ENCRYPTION_UNKNOWN_2, 0, 1)
        + tlv.number_field(HeaderTag.ENCRYPTION_KEY_SIZE, len(content_key.encrypted) * 8, 2)
        + tlv.number_field(HeaderTag.ENCRYPTION_KEY_ALGORITHM, _AES, 1)
        + tlv.field(HeaderTag.ENCRYPTION_KEY, content_key.encrypted)
    )
    information = tlv.field(HeaderTag.ENCRYPTION_IV_INFO, iv_info) + tlv.field(HeaderTag.ENCRYPTION_KEY_INFO, key_info)
    return with_header(
        sealer.update(body + _FILLING * filled_bytes) + sealer.finalize(),
        version=_VERSION,
        filename=filename,
        signed_at=signed_at,
        signer=signer,
        digest=digest,
        last=tlv.field(HeaderTag.ENCRYPTION_INFO, information)
        + tlv.number_field(HeaderTag.ENCRYPTION_HASH_ALGORITHM, digest, 1)
        + tlv.field(HeaderTag.ENCRYPTION_HASH, _hash(body, digest)),
    )


def read_encrypted(data: bytes) -> EncryptedFile:
    """Return what an encrypted file says; its signature is not checked yet.

    Raises:
        BadFields: It is none; the error says what is wrong, and where.
    """
    if len(data) > LARGEST_BODY + LONGEST_HEADER + _BLOCK:
        raise BadFields(f"an encrypted file of {len(data)} bytes is too large")
    header = read_header(data, version=_VERSION, also=_ALSO)
    information = nested_fields(
        header.rest[HeaderTag.ENCRYPTION_INFO],
        frozenset({HeaderTag.ENCRYPTION_IV_INFO, HeaderTag.ENCRYPTION_KEY_INFO}),
        "encryption",
    )
    iv_info = nested_fields(information[HeaderTag.ENCRYPTION_IV_INFO], _IV_INFO, "vector")
    key_info = nested_fields(information[HeaderTag.ENCRYPTION_KEY_INFO], _KEY_INFO, "key")
    iv, key = iv_info[HeaderTag.ENCRYPTION_IV], key_info[HeaderTag.ENCRYPTION_KEY]
    filling, key_size = iv_info[HeaderTag.ENCRYPTION_PADDING], key_info[HeaderTag.ENCRYPTION_KEY_SIZE]
    algorithm = key_info[HeaderTag.ENCRYPTION_KEY_ALGORITHM]
    digest = read_digest(header.rest[HeaderTag.ENCRYPTION_HASH_ALGORITHM])
    clear_hash = header.rest[HeaderTag.ENCRYPTION_HASH]
    body = data[header.length :]
    for is_wrong, what, where in (
        (len(iv.value) != IV_BYTES, f"the vector has {len(iv.value)} bytes instead of {IV_BYTES}", iv),
        (not 1 <= filling.number(2) <= _BLOCK, f"{filling.number(2)} bytes of filling", filling),
        (key_size.number(2) != len(key.value) * 8, f"a key of {len(key.value)} bytes has not its size", key_size),
        (algorithm.number(1) != _AES, f"the key's algorithm is {algorithm.number(1)} instead of {_AES}", algorithm),
        (len(clear_hash.value) != digest_of(digest).digest_size, "the hash is not as long as its kind", clear_hash),
    ):
        if is_wrong:
            raise BadFields(what, where=f"byte {where.offset}")
    if not body or len(body) % _BLOCK:
        raise BadFields(f"the encrypted part has {len(body)} bytes, no multiple of 16", where=f"byte {header.length}")
    return EncryptedFile(header, iv.value, filling.number(2), key.value, digest, clear_hash.value, body)


def stub(configuration: bytes, certificate: x509.Certificate) -> bytes:
    """Return what a phone gets in clear, signed, instead of its configuration: that there is an encrypted one.

    Nothing else of the configuration is in it but how the phone gets its firmware and its certificate.

    Args:
        configuration: The whole configuration in clear.
        certificate: The phone's, to which the encrypted one is encrypted.

    Raises:
        RenderFault: The configuration is no ``<device>``.
        UnfitCertificate: Nothing can be encrypted to this certificate.
    """
    require_rsa(certificate, "have files encrypted to it")
    try:
        root = parse(configuration).root
    except NotWellFormed as fault:
        raise RenderFault(f"the configuration is not well-formed: {fault.reason}", where=f"line {fault.line}") from None
    if root.tag != "device":
        raise RenderFault("only a <device> can have a stub", where=f"<{root.tag}>")
    device = etree.Element("device")
    _add(device, "fullConfig", "false")
    for element in root:
        if element.tag in _IN_STUB:
            device.append(deepcopy(element))
    _add(device, "certHash", fingerprint(certificate))
    _add(device, "encrConfig", "true")
    etree.indent(device)
    return _DECLARATION + etree.tostring(device, encoding="UTF-8") + b"\n"


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the MD5 of a certificate in hexadecimal digits, by which a stub names it: a name, not a protection."""
    return certificate.fingerprint(hashes.MD5()).hex()  # noqa: S303 - the name that phones know


def _add(parent: etree._Element, tag: str, text: str) -> None:
    etree.SubElement(parent, tag).text = text


def _hash(body: bytes, digest: SigningHash) -> bytes:
    return hashlib.new(digest_of(digest).name, body, usedforsecurity=False).digest()
