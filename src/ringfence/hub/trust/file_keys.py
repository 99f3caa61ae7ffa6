"""Keys in files: each in one of its own in the ``keys`` of the hub's data folder, which its copies take along.

The folder is for its owner alone (0700), and so is each file (0600).
"""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ringfence.hub.data.folder import replace_file
from ringfence.hub.trust.errors import TrustKeyForeign, TrustKeyMissing, TrustKeyStoreAway
from ringfence.hub.trust.role_certificates import KEY_BITS, PUBLIC_EXPONENT

_LARGEST_BYTES = 16 * 1024


class FileKeys:
    """A store of keys in a folder."""

    word = "file"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, name: str) -> rsa.RSAPrivateKey:
        """Make a key and keep it.

        Raises:
            DataFolderUnusable: The file can't be written.
        """
        key = rsa.generate_private_key(PUBLIC_EXPONENT, KEY_BITS)
        replace_file(
            self._file(name),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        return key

    def get(self, name: str) -> rsa.RSAPrivateKey:
        """Return a key.

        Raises:
            TrustKeyMissing: Its file is not there.
            TrustKeyForeign: Its file holds no such key.
            TrustKeyStoreAway: Its file can't be read.
        """
        file = self._file(name)
        try:
            with file.open("rb") as opened:
                pem = opened.read(_LARGEST_BYTES)
        except FileNotFoundError:
            raise TrustKeyMissing(
                "a key of the phones' trust is not there", where=str(file),
                to_do="Restore it from your copy of the hub.",
            ) from None  # fmt: skip
        except OSError as fault:
            raise _unusable(fault, file) from None
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != KEY_BITS:
            raise TrustKeyForeign(
                f"this file holds no RSA key of {KEY_BITS} bits", where=str(file),
                to_do="Restore it from your copy of the hub.",
            )  # fmt: skip
        return key

    def remove(self, name: str) -> None:
        """Destroy a key, if it is there.

        Raises:
            TrustKeyStoreAway: Its file can't be removed.
        """
        file = self._file(name)
        try:
            file.unlink(missing_ok=True)
        except OSError as fault:
            raise _unusable(fault, file) from None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.key"


def _unusable(fault: OSError, file: Path) -> TrustKeyStoreAway:
    return TrustKeyStoreAway(
        f"a key of the phones' trust can't be read or removed: {fault.strerror or fault}", where=str(file),
        to_do="Check the disk and the owner of the folder.",
    )  # fmt: skip
