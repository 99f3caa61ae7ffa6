"""A virtual phone's trust: which lists it believes, which files then, and how it opens what is encrypted to it.

As strict as phones are (PHONES.md 5.2 to 5.4 and 5.7):

- Invariant: a list is believed if the phone has none that binds it, or if a SAST key of those that it has signed it.
- Invariant: while a list has a TFTP record, only ``NAME.sgn`` is asked for, and only what such a key has signed, under
  just that name, is used; firmware alone is asked for as it is: its maker has signed it.
- Invariant: what is refused changes nothing. Lists and configuration last over boots.

A list without TFTP and TVS records binds no longer. Dates in headers and certificates are not judged: nobody has seen
phones do it, and so an old file that is signed well is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ringfence.errors import ContentRefused
from ringfence.phones.document import NotWellFormed, parse, text_of
from ringfence.phones.errors import BadFields
from ringfence.phones.family import Family, Model
from ringfence.phones.filenames import is_firmware, is_own_configuration
from ringfence.phones.settings.trust import SIGNATURE_HASH
from ringfence.phones.trust.certificate_rules import name_as_text
from ringfence.phones.trust.encrypted_file import ENCRYPTED_SUFFIX, fingerprint, read_encrypted
from ringfence.phones.trust.header import TrustHeader
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.signed_file import SIGNED_SUFFIX, read_signed
from ringfence.phones.trust.trust_list import CTL_NAME, ITL_NAME, TAKES_FILES_FROM, TrustList, read_trust_list
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import FileDistrusted, MemoryUnusable, NoTrustList, UnusableIdentity
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.trust_steps import Decrypted, ListRefused, ListTaken, TrustStep

Get = Callable[[str], bytes | None]
"""Gets a file by its name from the server; None if the server refuses it."""
Tell = Callable[[TrustStep], None]
GetByHttps = Callable[[str, Tell], bytes | None]
"""Gets a configuration by HTTPS; None where that comes to nothing."""
_LIST_SUFFIX = ".tlv"
_LARGEST_IDENTITY = 64 * 1024
EVERY_HASH = frozenset(SigningHash)


@dataclass(slots=True)
class PhoneTrust:
    """What a phone believes.

    Args:
        memory: What it keeps over boots.
        mic: The certificate that its maker gave it; None for a phone without one.
        hashes: The digests that its firmware checks; None for those that its model's is known to check, once a virtual
            phone has it.
        knows_curves: Whether it takes lists of signer version 1.1, as the 7800 and 8800 series do.
        typed: The authentication string that somebody typed at it, for CAPF.
    """

    memory: PhoneMemory = field(default_factory=PhoneMemory)
    mic: PhoneIdentity | None = None
    hashes: frozenset[SigningHash] | None = None
    knows_curves: bool = False
    typed: str = ""
    ask_by_https: GetByHttps | None = None
    """Gets its configuration by HTTPS; None for a phone that can't."""
    stub: bytes | None = None
    """The last one, which leads to a configuration that may be encrypted to a certificate that it lacks."""
    _own_list_came: bool = False

    @property
    def lsc(self) -> PhoneIdentity | None:
        """The certificate that a CAPF gave it; used before the MIC."""
        kept = self.memory.lsc
        return identity_in(kept, "its memory") if kept is not None else None

    @lsc.setter
    def lsc(self, given: PhoneIdentity | None) -> None:
        self.memory.keep_lsc(as_pem(given) if given is not None else None)

    def lists(self) -> list[TrustList]:
        """Return the lists that it has, CTL first; MemoryUnusable where what it kept is none."""
        kept = (self.memory.trust_list(name) for name in (CTL_NAME, ITL_NAME))
        try:
            return [read_trust_list(data) for data in kept if data is not None]
        except BadFields as fault:
            raise MemoryUnusable(
                f"a list in the phone's memory can't be read: {fault.what}", to_do="Empty the folder."
            ) from None

    @property
    def wants_https(self) -> bool:
        """Whether it asks for its configuration by HTTPS first."""
        return any(each.signer_version > (1, 0) and each.wants_signed_files for each in self.lists())

    @property
    def wants_signed_files(self) -> bool:
        """Whether it refuses unsigned files."""
        return any(each.wants_signed_files for each in self.lists())

    def begin_boot(self) -> None:
        """Begin to ask for lists again: its own first, then the one for all."""
        self._own_list_came = False
        self.stub = None

    def certificates(self, role: TrustRole) -> list[x509.Certificate]:
        """Return those in its lists with a role."""
        return [each for held in self.lists() for each in held.certificates(role)]

    def ask(self, name: str, get: Get, tell: Tell) -> bytes | None:
        """Get a file as a phone with these lists does, and return what of it is believed.

        Raises:
            FileDistrusted: It came, and is not believed.
        """
        if name.endswith(_LIST_SUFFIX):
            return self._ask_list(name, get, tell)
        if is_firmware(name) or not self.wants_signed_files:
            return get(name)
        if self.ask_by_https is not None and self.wants_https and is_own_configuration(name):
            data = self.ask_by_https(name, tell)
            if data is not None:
                return self._unsigned(name, data)
        return self._ask_signed(name, get, tell)

    def _ask_list(self, name: str, get: Get, tell: Tell) -> bytes | None:
        kind = CTL_NAME if name.startswith("CTL") else ITL_NAME
        if name == ITL_NAME and self._own_list_came:
            return None
        data = get(name)
        if data is None:
            return None
        self._own_list_came = self._own_list_came or (kind == ITL_NAME and name != ITL_NAME)
        if data == self.memory.trust_list(kind):
            return data
        held = self.lists()
        binds = any(not each.lets_go for each in held)
        try:
            new = read_trust_list(data)
            self._check_list(new, kind)
            signer = new.verify([c for each in held for c in each.certificates(TrustRole.SAST)] if binds else None)
        except ContentRefused as fault:
            tell(ListRefused(name, str(fault)))
            return None
        self.memory.keep_trust_list(kind, data)
        lets_go = all(each.lets_go for each in self.lists())
        tell(ListTaken(name, name_as_text(signer.subject), not binds, self.wants_signed_files, lets_go))
        return data

    def _check_list(self, new: TrustList, kind: str) -> None:
        if new.header.filename != kind:
            raise FileDistrusted(f"the list's header says {new.header.filename} instead of {kind}")
        if new.signer_version > (1, 0) and not self.knows_curves:
            raise FileDistrusted("the list has a signer version that this phone does not know")
        self._check_hash(new.header.digest)

    def _check_hash(self, digest: SigningHash) -> None:
        if digest not in (EVERY_HASH if self.hashes is None else self.hashes):
            raise FileDistrusted(f"it is signed with {digest.name}, which this phone does not check")

    def _ask_signed(self, name: str, get: Get, tell: Tell) -> bytes | None:
        data = get(name + SIGNED_SUFFIX)
        if data is None:
            return None
        try:
            read = read_signed(data)
            self._check_signature(read.header, name + SIGNED_SUFFIX)
            if (wanted := _certificate_of_stub(read.body)) is not None:
                self.stub = read.body
                return self._ask_encrypted(name, wanted, get, tell)
        except ContentRefused as fault:
            raise FileDistrusted(fault.what, where=fault.where) from None
        return read.body

    def _unsigned(self, name: str, data: bytes) -> bytes:
        """Return a file that came by HTTPS: it is the XML itself, and a signed one is of no use.

        Raises:
            FileDistrusted: It is not.
        """
        if not data.lstrip().startswith(b"<"):
            raise FileDistrusted("it came by HTTPS and is not the unsigned file", where=name)
        return data

    def _check_signature(self, header: TrustHeader, name: str) -> None:
        if header.filename != name.lstrip("/"):  # a locale without a name leaves a "/" before the file's
            raise FileDistrusted(f"its header says {header.filename}", where=name)
        self._check_hash(header.digest)
        signers = [each for role in TAKES_FILES_FROM for each in self.certificates(role)]
        for certificate in signers:
            if certificate.serial_number == header.serial:
                header.verify(certificate)
                return
        raise FileDistrusted(f"its list has no TFTP certificate with the number {header.serial:x}", where=name)

    def _ask_encrypted(self, name: str, wanted: str, get: Get, tell: Tell) -> bytes | None:
        own = next((each for each in (self.lsc, self.mic) if each and fingerprint(each.certificate) == wanted), None)
        if own is None or not isinstance(own.key, rsa.RSAPrivateKey):
            raise FileDistrusted(f"it is encrypted to certificate {wanted}, which this phone does not have", where=name)
        data = get(name + ENCRYPTED_SUFFIX)
        if data is None:
            return None
        read = read_encrypted(data)
        self._check_signature(read.header, name + ENCRYPTED_SUFFIX)
        self._check_hash(read.clear_digest)
        clear = read.decrypt(own.key)
        tell(Decrypted(name + ENCRYPTED_SUFFIX, name_as_text(own.certificate.subject)))
        return clear


def check_family(family: Family) -> None:
    """Check that phones of this family ask for trust lists.

    Raises:
        NoTrustList: They don't.
    """
    if not any(ask.name.endswith(_LIST_SUFFIX) for ask in family.boot.value):
        raise NoTrustList(
            f"phones of the family {family.id} ask for no trust lists", to_do="Take one that does, such as 9971."
        )


def hashes_of(model: Model) -> frozenset[SigningHash]:
    """Return the digests that a model's firmware is known to check: SHA-1 alone where nobody has seen more."""
    setting = model.settings.get(SIGNATURE_HASH)
    return frozenset(SigningHash[choice.upper()] for choice in (setting.choices if setting else ("sha1",)))


def read_identity(path: Path) -> PhoneIdentity:
    """Return a phone's certificate and its RSA key from a PEM file that has both.

    Raises:
        UnusableIdentity: They aren't in it, or don't belong together.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_IDENTITY)
    except OSError as fault:
        raise UnusableIdentity(f"a phone's certificate can't be read: {fault.strerror}", where=str(path)) from None
    return identity_in(data, str(path))


def identity_in(data: bytes, where: str) -> PhoneIdentity:
    """Return the certificate and the RSA key in PEM; UnusableIdentity if they aren't there or don't belong together."""
    try:
        certificate, key = x509.load_pem_x509_certificate(data), load_pem_private_key(data, None)
    except (ValueError, TypeError):
        raise UnusableIdentity("there is no certificate, or no key without a password", where=where) from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise UnusableIdentity("the key is not its certificate's, or not RSA", where=where)
    return PhoneIdentity(certificate, key)


def as_pem(identity: PhoneIdentity) -> bytes:
    """Return a certificate and its key in PEM."""
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return identity.certificate.public_bytes(Encoding.PEM) + key


def _certificate_of_stub(body: bytes) -> str | None:
    """Return which certificate a stub says its configuration is encrypted to; None for any other file."""
    if b"<encrConfig>" not in body:
        return None
    try:
        root = parse(body).root
    except NotWellFormed:
        return None
    return text_of(root, "certHash").lower() if text_of(root, "encrConfig") == "true" else None
