"""Opening what age has encrypted with a passphrase, also on a machine that is slower or busier than the one that did.

age chooses how much work a passphrase costs by the speed of the machine that encrypts, and refuses more than the
machine that decrypts seems to do within some seconds; a machine that is busy just then seems slow. A copy is opened
after a loss, on whatever machine there is: then the time does not matter, and what bounds the work is memory.
"""

import base64
import binascii

import pyrage

from ringfence.errors import EnvironmentFault
from ringfence.portable import primitives
from ringfence.portable.age_file import AgeFile
from ringfence.portable.errors import BundleRefused, CannotServe, WrongOpener
from ringfence.secret import Secret

_BEGIN, _END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
_TOO_MUCH_WORK = "excessive work"


class TooMuchWork(EnvironmentFault):
    """A passphrase costs more memory than this machine gives."""


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
