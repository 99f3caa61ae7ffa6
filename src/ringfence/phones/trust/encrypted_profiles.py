"""Encrypted profiles of the SPA and Multiplatform (MPP) phones: two forms, for a key that the phone was given before.

The first, for ``--key`` in a profile rule, is what ``openssl enc -aes-256-cbc -k PHRASE`` wrote at version 0.9.7c, with
which the firmware was tested: ``Salted__``, 8 bytes of salt, and AES-256 in CBC mode. One round of MD5 derives key and
vector. Profiles are compressed by gzip before. Good for TFTP and for HTTP. [certain: Cisco's provisioning guides of the
SPA900 series, "File Encryption", of the SPA100 series, p. 21, and of the 6800 and 8800 multiplatform series]

The second is RFC 8188 with AES-128-GCM, on MPP phones whose parameter ``IKM_HTTP_Encrypt_Content`` holds the keying
material. [certain: Cisco 8800 multiplatform guide, "RFC 8188-Based HTTP Content Encryption"] The answer must say
``Content-Encoding: aes128gcm`` (RFC 8188 2), so it is for HTTP alone. In which form the parameter has the octets is
not in that guide, so the parameter is not written here.

The first form has no signature: a stranger who changes it makes garbage, and who has the phrase can make profiles. MD5
costs nothing to try out, so a phrase must be random.
"""

import gzip
import hashlib
import hmac
import re
import zlib
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ringfence.phones.errors import BadFields, LimitExceeded, WrongKey
from ringfence.secret import Secret

SALT_BYTES = 8
HTTP_SALT_BYTES = 16
RECORD_SIZE = 4096
LARGEST_PROFILE = 1 << 20
_MAGIC = b"Salted__"
_KEY_BYTES, _IV_BYTES, _BLOCK = 32, 16, 16
_PHRASE = re.compile(r"[A-Za-z0-9]{16,64}")
_HEAD = HTTP_SALT_BYTES + 5
_TAG_BYTES = 16
_LAST, _NOT_LAST = b"\x02", b"\x01"
_SMALLEST_RECORD = 18
_CONTENT_CODING = b"aes128gcm"


def salted(profile: bytes, phrase: Secret, salt: bytes) -> bytes:
    """Return a profile as ``--key`` opens it: the same bytes each time.

    Args:
        profile: In clear.
        phrase: 16 to 64 letters and digits, random: they stand in a profile rule between quotation marks.
        salt: 8 bytes, others for each profile: the caller derives them.

    Raises:
        LimitExceeded: The profile is too large, or phrase or salt don't fit.
    """
    if not _PHRASE.fullmatch(phrase.reveal()):
        raise LimitExceeded("a phrase for --key has 16 to 64 letters and digits, and nothing else")
    if len(salt) != SALT_BYTES:
        raise LimitExceeded(f"a salt has {SALT_BYTES} bytes and not {len(salt)}")
    clear = _compressed(profile)
    fill = _BLOCK - len(clear) % _BLOCK
    sealer = _cipher(phrase, salt).encryptor()
    return _MAGIC + salt + sealer.update(clear + bytes((fill,)) * fill) + sealer.finalize()


def open_salted(data: bytes, phrase: Secret) -> bytes:
    """Return a profile in clear, as a phone gets it from what ``--key`` opens.

    Raises:
        BadFields: It is no such file.
        WrongKey: It is not of this phrase, or not a whole profile.
    """
    body = data[len(_MAGIC) + SALT_BYTES :]
    if not data.startswith(_MAGIC) or not body or len(body) % _BLOCK or len(body) > LARGEST_PROFILE + _BLOCK:
        raise BadFields(f"no profile as openssl encrypts it, of {len(data)} bytes", where="byte 0")
    opener = _cipher(phrase, data[len(_MAGIC) : len(_MAGIC) + SALT_BYTES]).decryptor()
    filled = opener.update(body) + opener.finalize()
    fill = filled[-1]
    if not 1 <= fill <= _BLOCK or filled[-fill:] != bytes((fill,)) * fill:
        raise WrongKey("the profile is encrypted with another phrase")
    return _decompressed(filled[:-fill])


def http_encrypted(profile: bytes, keying_material: bytes, salt: bytes, record_size: int = RECORD_SIZE) -> bytes:
    """Return a profile as RFC 8188 encrypts a body, with an empty key identifier: the same bytes each time.

    Args:
        profile: In clear; an answer's body is not compressed by this form.
        keying_material: What the phone holds, 16 bytes or more, random.
        salt: 16 bytes, others for each content: with the same salt and key, two contents would open each other.
        record_size: How many bytes a record has.

    Raises:
        LimitExceeded: The profile is too large, or one of the others doesn't fit.
    """
    if len(profile) > LARGEST_PROFILE:
        raise LimitExceeded(f"a profile of {len(profile)} bytes is too large: at most {LARGEST_PROFILE}")
    if len(salt) != HTTP_SALT_BYTES or len(keying_material) < HTTP_SALT_BYTES or record_size < _SMALLEST_RECORD:
        raise LimitExceeded("salt and keying material have 16 bytes, and a record 18 or more")
    key, nonce = _key_and_nonce(keying_material, salt)
    step = record_size - _TAG_BYTES - 1
    sealed = [salt + record_size.to_bytes(4, "big") + b"\0"]
    for number, at in enumerate(range(0, max(len(profile), 1), step)):
        delimiter = _LAST if at + step >= len(profile) else _NOT_LAST
        sealed.append(key.encrypt(_nonce(nonce, number), profile[at : at + step] + delimiter, None))
    return b"".join(sealed)


def open_http_encrypted(data: bytes, keying_material: bytes) -> bytes:
    """Return what a body of RFC 8188 has in it.

    Raises:
        BadFields: It is none.
        WrongKey: It is not of this keying material, was changed, or is cut off.
    """
    if len(data) < _HEAD or len(data) > 2 * LARGEST_PROFILE:
        raise BadFields(f"no encrypted body, of {len(data)} bytes", where="byte 0")
    salt, record_size, identifier = (
        data[:HTTP_SALT_BYTES],
        int.from_bytes(data[HTTP_SALT_BYTES : _HEAD - 1], "big"),
        data[_HEAD - 1],
    )
    start = _HEAD + identifier
    if record_size < _SMALLEST_RECORD or start >= len(data):
        raise BadFields(f"records of {record_size} bytes, from byte {start} of {len(data)}", where="byte 16")
    return b"".join(_open_records(data, start, record_size, keying_material, salt))


def _open_records(data: bytes, start: int, size: int, keying_material: bytes, salt: bytes) -> Iterator[bytes]:
    key, nonce = _key_and_nonce(keying_material, salt)
    for number, at in enumerate(range(start, len(data), size)):
        try:
            opened = key.decrypt(_nonce(nonce, number), data[at : at + size], None).rstrip(b"\0")
        except (InvalidTag, ValueError):
            raise WrongKey("the content is encrypted with other keying material, or was changed") from None
        is_last = at + size >= len(data)
        if opened[-1:] != (_LAST if is_last else _NOT_LAST):
            raise WrongKey("the content is cut off, or a record has no end")
        yield opened[:-1]


def _compressed(profile: bytes) -> bytes:
    if len(profile) > LARGEST_PROFILE:
        raise LimitExceeded(f"a profile of {len(profile)} bytes is too large: at most {LARGEST_PROFILE}")
    return gzip.compress(profile, mtime=0)


def _decompressed(data: bytes) -> bytes:
    try:
        opener = zlib.decompressobj(wbits=31)
        profile = opener.decompress(data, LARGEST_PROFILE + 1)
    except zlib.error:
        raise WrongKey("the profile is encrypted with another phrase") from None
    if not opener.eof or len(profile) > LARGEST_PROFILE:
        raise WrongKey("the profile is cut off, or larger than one can be")
    return profile


def _cipher(phrase: Secret, salt: bytes) -> Cipher[modes.CBC]:
    """Derive key and vector as EVP_BytesToKey does it, once, by MD5."""
    derived, last = b"", b""
    while len(derived) < _KEY_BYTES + _IV_BYTES:
        last = hashlib.md5(last + phrase.reveal().encode() + salt, usedforsecurity=False).digest()
        derived += last
    return Cipher(algorithms.AES(derived[:_KEY_BYTES]), modes.CBC(derived[_KEY_BYTES : _KEY_BYTES + _IV_BYTES]))


def _key_and_nonce(keying_material: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """Derive them (RFC 8188 2.2 and 2.3): HKDF with SHA-256, whose one block is enough for each."""
    extracted = hmac.digest(salt, keying_material, "sha256")
    key = hmac.digest(extracted, b"Content-Encoding: " + _CONTENT_CODING + b"\0\x01", "sha256")
    nonce = hmac.digest(extracted, b"Content-Encoding: nonce\0\x01", "sha256")
    return AESGCM(key[:16]), nonce[:12]


def _nonce(base: bytes, number: int) -> bytes:
    return (int.from_bytes(base, "big") ^ number).to_bytes(12, "big")
