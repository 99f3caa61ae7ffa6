"""Keys in a PKCS #11 token, such as a hardware security module: they are made there, sign there, and never leave.

Tokens are asked by one at a time, over one session each, which is opened when it is needed and again after a fault. A
library that begins anew sees tokens that were plugged in since, but gives the numbers of sessions that are open to
others: so that is done only while none is. Python's part comes with the extra ``hub-pkcs11``.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final, Never, NoReturn, TypeVar

import pkcs11
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from pkcs11.util.rsa import encode_rsa_public_key

from ringfence.hub.trust.errors import TrustKeyForeign, TrustKeyMissing, TrustKeyStoreAway
from ringfence.hub.trust.role_certificates import KEY_BITS

WAIT_S: Final = 30.0
"""How long one waits for another's turn at the token."""
_LARGEST_PIN_BYTES = 256
_MECHANISMS: Final = {
    "sha1": pkcs11.Mechanism.SHA1_RSA_PKCS,
    "sha256": pkcs11.Mechanism.SHA256_RSA_PKCS,
    "sha512": pkcs11.Mechanism.SHA512_RSA_PKCS,
}
_SESSION_ENDED: Final = (
    pkcs11.SessionHandleInvalid, pkcs11.SessionClosed, pkcs11.UserNotLoggedIn, pkcs11.DeviceRemoved,
)  # fmt: skip
"""The token was away for a moment: another session may do."""
_KEPT: Final = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.PRIVATE: True}
T = TypeVar("T")


class Pkcs11Keys:
    """A store of keys in a token."""

    word = "pkcs11"
    _turn: ClassVar = threading.Lock()
    _with_session: ClassVar[set["Pkcs11Keys"]] = set()

    def __init__(self, module: Path, token: str, pin_file: Path) -> None:
        """Take the token with a label, which a PKCS #11 library knows; the PIN is in a file."""
        self._module, self._token, self._pin_file = module, token, pin_file
        self._open: pkcs11.Session | None = None

    def make(self, name: str) -> rsa.RSAPrivateKey:
        """Make a key in the token.

        Raises:
            TrustKeyStoreAway: The token does not answer, or refuses.
        """

        def generate(session: pkcs11.Session) -> rsa.RSAPublicKey:
            public, _private = session.generate_keypair(
                pkcs11.KeyType.RSA, KEY_BITS, id=name.encode(), label=name, store=True, private_template=_KEPT
            )
            return _as_public_key(public)

        return TokenKey(self, name, self.ask(generate))

    def get(self, name: str) -> rsa.RSAPrivateKey:
        """Return what signs with a key in the token.

        Raises:
            TrustKeyMissing: It is not there.
            TrustKeyForeign: It is no such key.
            TrustKeyStoreAway: The token does not answer, or refuses.
        """

        def find(session: pkcs11.Session) -> rsa.RSAPublicKey:
            session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=name)
            return _as_public_key(session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=name))

        try:
            key = self.ask(find)
        except pkcs11.NoSuchKey:
            raise TrustKeyMissing(
                "a key of the phones' trust is not in its token", where=f"{self._token}: {name}",
                to_do="Put the token back in which it was made.",
            ) from None  # fmt: skip
        except (pkcs11.MultipleObjectsReturned, ValueError, TypeError):
            raise TrustKeyForeign("what is in the token is no such key", where=f"{self._token}: {name}") from None
        return TokenKey(self, name, key)

    def remove(self, name: str) -> None:
        """Destroy a key, if it is there.

        Raises:
            TrustKeyStoreAway: The token does not answer, or refuses.
        """

        def destroy(session: pkcs11.Session) -> None:
            for each in list(session.get_objects({pkcs11.Attribute.LABEL: name})):
                each.destroy()

        self.ask(destroy)

    def sign(self, name: str, data: bytes, mechanism: pkcs11.Mechanism) -> bytes:
        """Sign with a key.

        Raises:
            TrustKeyMissing: It is not there any more.
            TrustKeyStoreAway: The token does not answer, or refuses.
        """

        def sign(session: pkcs11.Session) -> bytes:
            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=name)
            if not isinstance(key, pkcs11.SignMixin):
                raise TypeError("this key does not sign")
            return key.sign(data, mechanism=mechanism)

        try:
            return self.ask(sign)
        except pkcs11.NoSuchKey:
            raise TrustKeyMissing("a key of the phones' trust is not in its token any more", where=name) from None

    def ask(self, do: Callable[[pkcs11.Session], T]) -> T:
        """Do something in the token's session; what the token says of objects is raised as it is."""
        with self._my_turn():
            try:
                try:
                    return do(self._session())
                except _SESSION_ENDED:
                    self._close()
                    return do(self._session())
            except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned):
                raise
            except pkcs11.PKCS11Error as fault:
                self._close()
                self._away(type(fault).__name__)

    def close(self) -> None:
        """End the session; the next request opens another."""
        with self._my_turn():
            self._close()

    def _session(self) -> pkcs11.Session:
        if self._open is None:
            try:
                library = pkcs11.lib(str(self._module))
            except (RuntimeError, OSError) as fault:
                self._away(f"the library {self._module} can't be loaded: {fault}")
            try:
                token = library.get_token(token_label=self._token)
            except pkcs11.NoSuchToken:
                if self._with_session:
                    raise
                library.reinitialize()
                token = library.get_token(token_label=self._token)
            self._open = token.open(user_pin=self._pin(), rw=True)
            self._with_session.add(self)
        return self._open

    def _pin(self) -> str:
        try:
            with self._pin_file.open("rb") as file:
                return file.read(_LARGEST_PIN_BYTES).decode("utf-8", "replace").strip()
        except OSError as fault:
            self._away(f"its PIN can't be read from {self._pin_file}: {fault.strerror}")

    def _close(self) -> None:
        session, self._open = self._open, None
        self._with_session.discard(self)
        if session is not None:
            with suppress(pkcs11.PKCS11Error):
                session.close()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=WAIT_S):
            self._away("it has not answered somebody else for long")
        try:
            yield
        finally:
            self._turn.release()

    def _away(self, why: str) -> NoReturn:
        raise TrustKeyStoreAway(
            f"the token with the keys of the phones' trust can't be used: {why}", where=self._token,
            to_do="Check the token, and pkcs11_module, pkcs11_token and pkcs11_pin_file in hub.toml.",
        ) from None  # fmt: skip


class TokenKey(rsa.RSAPrivateKey):
    """A private key in a token, as the library for certificates takes one: it signs, and is not given out."""

    def __init__(self, store: Pkcs11Keys, name: str, public: rsa.RSAPublicKey) -> None:
        self._store, self._name, self._public = store, name, public

    def sign(
        self, data: bytes, padding: AsymmetricPadding, algorithm: Prehashed | hashes.HashAlgorithm | NoDigestInfo
    ) -> bytes:
        """Sign with RSASSA-PKCS1-v1_5, as lists, files and certificates are."""
        if not isinstance(padding, PKCS1v15) or not isinstance(algorithm, hashes.HashAlgorithm):
            raise TypeError("keys of phones' trust sign with PKCS #1 v1.5 alone")
        return self._store.sign(self._name, bytes(data), _MECHANISMS[algorithm.name])

    def public_key(self) -> rsa.RSAPublicKey:
        """Return the public key."""
        return self._public

    @property
    def key_size(self) -> int:
        """Its size in bits."""
        return self._public.key_size

    def decrypt(self, ciphertext: bytes, padding: AsymmetricPadding) -> Never:  # noqa: ARG002 - as the library has it
        """Not what these keys are for."""
        raise TypeError("keys of phones' trust decrypt nothing")

    def private_numbers(self) -> Never:
        """Not given out."""
        raise TypeError("the token does not give its keys out")

    def private_bytes(self, *_how: object) -> Never:
        """Not given out."""
        raise TypeError("the token does not give its keys out")

    def __copy__(self) -> "TokenKey":
        return self

    def __deepcopy__(self, memo: object) -> "TokenKey":
        return self


def _as_public_key(key: pkcs11.Key) -> rsa.RSAPublicKey:
    if not isinstance(key, pkcs11.PublicKey):
        raise TypeError("this is no public key")
    found = serialization.load_der_public_key(encode_rsa_public_key(key))
    if not isinstance(found, rsa.RSAPublicKey):
        raise TypeError("a key of phones' trust is RSA")
    return found
