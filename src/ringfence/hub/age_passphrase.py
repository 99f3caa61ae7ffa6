"""Small age files for a passphrase, the same on each machine: what one has made opens on a slower or busier one.

age's libraries choose how much work a passphrase costs by the speed of the machine that encrypts, and refuse more than
the machine that decrypts seems to do within some seconds; a machine that is busy just then seems slow. A copy is opened
after a loss, on whatever machine there is. So the work is always the same here, and what is refused as too much is
opened by the portable's reader, which is bounded by memory alone.
"""

import base64
import binascii
import os
import textwrap
from typing import Final

import pyrage
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ringfence.errors import EnvironmentFault
from ringfence.portable import primitives
from ringfence.portable.age_file import AgeFile
from ringfence.portable.errors import BundleRefused, CannotServe, WrongOpener
from ringfence.secret import Secret

WORK_FACTOR: Final = 18
"""Of scrypt, as age's own tool has it: 256 MiB and a second on a usual machine."""
LARGEST_BYTES: Final = 64 * 1024
"""Of plaintext: one chunk."""
_KEY_BYTES, _SALT_BYTES, _FILE_KEY_BYTES, _NONCE_BYTES = 32, 16, 16, 16
_BEGIN, _END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
_LINE_LETTERS = 64
_TOO_MUCH_WORK = "excessive work"


class TooMuchWork(EnvironmentFault):
    """A passphrase costs more memory than this machine gives."""


def sealed(plain: bytes, passphrase: Secret) -> bytes:
    """Return a few bytes as an age file (https://age-encryption.org/v1) that a passphrase opens.

    Raises:
        ValueError: They are more than one chunk.
    """
    if len(plain) > LARGEST_BYTES:
        raise ValueError("it is too large for one chunk")
    file_key, salt, nonce = os.urandom(_FILE_KEY_BYTES), os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    label = b"age-encryption.org/v1/scrypt" + salt
    wrap = Scrypt(salt=label, length=_KEY_BYTES, n=1 << WORK_FACTOR, r=8, p=1).derive(passphrase.reveal().encode())
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    head = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_base64(salt), WORK_FACTOR, _base64(body))
    code = hmac.HMAC(_derived(file_key, None, b"header"), hashes.SHA256())
    code.update(head)
    payload = ChaCha20Poly1305(_derived(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\x01", plain, None)
    return head + b" " + _base64(code.finalize()) + b"\n" + nonce + payload


def armoured(data: bytes) -> bytes:
    """Return an age file as lines of text, which its tools take as well."""
    lines = textwrap.wrap(base64.b64encode(data).decode(), _LINE_LETTERS)
    return b"\n".join((_BEGIN, *(line.encode() for line in lines), _END)) + b"\n"


def opened(data: bytes, passphrase: Secret) -> bytes | None:
    """Return the plaintext of a small age file, armoured or not; None where the passphrase does not open it.

    Raises:
        ValueError: It is no age file with a passphrase, or is damaged.
        TooMuchWork: It can't be opened on this machine.
    """
    try:
        return bytes(pyrage.passphrase.decrypt(data, passphrase.reveal()))
    except pyrage.DecryptError as fault:
        said = str(fault).lower()
        if "decryption failed" in said:  # age's words for a key that does not open its head
            return None
        if _TOO_MUCH_WORK not in said:
            raise ValueError("it is damaged") from None
    return _opened_in_its_time(_bare(data), passphrase)


def _opened_in_its_time(data: bytes, passphrase: Secret) -> bytes | None:
    try:
        file = AgeFile(
            lambda offset, size: data[offset : offset + size], len(data), passphrase.reveal().encode(),
            primitives.compiled(),
        )  # fmt: skip
        return file.read(0, file.length)
    except WrongOpener:
        return None
    except (BundleRefused, CannotServe):  # what is damaged has been told by now, but for too high a cost
        raise TooMuchWork(
            "this machine has too little memory for the work that the passphrase was made to cost",
            to_do="Open it on a larger machine, one like the one that it was made on.",
        ) from None


def _bare(data: bytes) -> bytes:
    """Return an age file without its armour."""
    text = data.strip()
    if not text.startswith(_BEGIN):
        return data
    try:
        return base64.b64decode(b"".join(text.removeprefix(_BEGIN).removesuffix(_END).split()), validate=True)
    except binascii.Error:
        raise ValueError("its armour is damaged") from None


def _derived(secret: bytes, salt: bytes | None, label: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt, label).derive(secret)


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")
