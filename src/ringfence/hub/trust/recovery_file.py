"""The recovery file: SAST 2's private key and its certificate, encrypted with a passphrase in the age format.

It is made and opened by the command, on the machine of whoever uses it: the hub never has the key. The file is text, so
that paper can hold it, and ``age --decrypt`` (https://age-encryption.org) opens it too: inside are the key in PKCS #8
and then the certificate, both in DER. The certificate is there for a hub that has lost everything: phones know a key by
the certificate's name and number, so that another one of the same key would not do.
"""

import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ringfence.hub import age_passphrase
from ringfence.hub.trust import role_certificates
from ringfence.hub.trust.errors import BadRecoveryFile, NotAListToSign, RecoveryPassphraseWrong
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.key_stores import HASHES
from ringfence.hub.trust.role_certificates import KEY_BITS, PUBLIC_EXPONENT
from ringfence.identity.certificates import fingerprint
from ringfence.phones.trust.roles import SigningHash
from ringfence.secret import Secret

LARGEST_BYTES: Final = 16 * 1024
_BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_SIGNS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""What passphrases are made of: nothing that is read as something else on paper."""
_GROUPS, _GROUP = 6, 4
_GENERATED = re.compile(f"[{_SIGNS}]{{{_GROUPS * _GROUP}}}")
_PROOF: Final = b"ringfence trust check\0"
"""Before every challenge that is signed: no list and no file begins like this."""
_BEGIN_OF_LIST: Final = bytes((1, 0, 2, 1, 2))
"""The version with which every list begins (PHONES.md 5.4)."""
_DER_HEAD_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """SAST 2's private key, in the memory of a command."""

    certificate: x509.Certificate
    _key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def new(cls, organisation_id: str) -> "RecoveryKey":
        """Make one for an organisation, and its certificate by this machine's clock.

        Raises:
            TrustClockWrong: The clock can't be right.
        """
        key = rsa.generate_private_key(PUBLIC_EXPONENT, KEY_BITS)
        serial = role_certificates.serial_from(secrets.token_bytes(16))
        name = secrets.token_hex(6)
        return cls(
            role_certificates.make(KeyRole.SAST_2, organisation_id, name, key, serial=serial, now=time.time()), key
        )

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256."""
        return fingerprint(self.certificate)

    def prove(self, challenge: bytes) -> bytes:
        """Return the signature that answers a hub's challenge (``check_proof``)."""
        return self._key.sign(_PROOF + challenge, padding.PKCS1v15(), hashes.SHA512())

    def sign_list(self, data: bytes, digest: SigningHash) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature over a list.

        Raises:
            NotAListToSign: This is none: the key signs nothing else.
        """
        if not data.startswith(_BEGIN_OF_LIST):
            raise NotAListToSign("the hub asks for a signature over what is no trust list; it was not given")
        return self._key.sign(data, padding.PKCS1v15(), HASHES[digest])

    def sealed(self, passphrase: Secret) -> bytes:
        """Return the recovery file's bytes."""
        der = self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + self.certificate.public_bytes(serialization.Encoding.DER)
        return age_passphrase.armoured(age_passphrase.sealed(der, passphrase))


def check_proof(certificate: x509.Certificate, challenge: bytes, signature: bytes) -> None:
    """Check what ``RecoveryKey.prove`` returned; cryptography's InvalidSignature where another key has signed."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("the recovery key is RSA")
    key.verify(signature, _PROOF + challenge, padding.PKCS1v15(), hashes.SHA512())


def new_passphrase() -> Secret:
    """Return a passphrase of six groups, which nobody guesses (118 bits)."""
    groups = ("".join(secrets.choice(_SIGNS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return Secret("-".join(groups))


def typed_passphrase(text: str) -> Secret:
    """Return a passphrase as somebody typed it from paper: capitals and other gaps don't matter."""
    bare = re.sub(r"[\s-]", "", text).lower()
    if _GENERATED.fullmatch(bare) is None:
        return Secret(text.strip())
    return Secret("-".join(bare[start : start + _GROUP] for start in range(0, len(bare), _GROUP)))


def open_file(path: Path, passphrase: Secret) -> RecoveryKey:
    """Return the key in a recovery file.

    Raises:
        BadRecoveryFile: It is none, or is cut short or damaged.
        RecoveryPassphraseWrong: The passphrase does not open it.
        TooMuchWork: It can't be opened on this machine.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_BYTES + 1).strip()
    except OSError as fault:
        raise BadRecoveryFile(f"the file can't be read: {fault.strerror or fault}", where=str(path)) from None
    if not text.startswith(_BEGIN) or len(text) > LARGEST_BYTES:
        raise BadRecoveryFile(
            "this is not a recovery file", where=str(path), to_do=f"It begins with {_BEGIN.decode()}."
        )
    return _key_in(_opened(text, passphrase, path), path)


def _opened(text: bytes, passphrase: Secret, path: Path) -> bytes:
    try:
        found = age_passphrase.opened(text, passphrase)
    except (OSError, ValueError):
        raise _damaged(path) from None
    if found is None:
        raise RecoveryPassphraseWrong(
            "the passphrase does not open this file, or the file is damaged", where=str(path),
            to_do="Type it as it stands on the recovery sheet, six groups of four.",
        )  # fmt: skip
    return found


def _key_in(der: bytes, path: Path) -> RecoveryKey:
    end = _DER_HEAD_BYTES + int.from_bytes(der[2:_DER_HEAD_BYTES])
    try:
        key = serialization.load_der_private_key(der[:end], password=None)
        certificate = x509.load_der_x509_certificate(der[end:])
    except (ValueError, TypeError):
        raise _no_key(path) from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise _no_key(path)
    return RecoveryKey(certificate, key)


def _no_key(path: Path) -> BadRecoveryFile:
    return BadRecoveryFile("the file opens, but holds no recovery key with its certificate", where=str(path))


def _damaged(path: Path) -> BadRecoveryFile:
    return BadRecoveryFile(
        "the recovery file is damaged or cut short", where=str(path), to_do="Use another copy of it, or the sheet."
    )
