"""The forms of a site's files for phones that hold a trust list: signed, encrypted, and the lists themselves.

Every file that such a phone may ask for, but firmware, is there as ``NAME.sgn`` too. A form that the newest release has
of the same bytes, by the same key, stays as it is, with the time at which it was signed: so nothing is published anew
without an edit. What is encrypted stays the same for the same reason: the key is kept for as long as the phone's
certificate is the same, and its vector is derived from the content.
"""

import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from cryptography import x509

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import BY_HTTPS, STUBS, Target, TargetKind
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.phones.errors import BadFields
from ringfence.phones.filenames import configuration_name, trust_list_name
from ringfence.phones.mac import Mac
from ringfence.phones.trust.certificate_rules import name_as_text
from ringfence.phones.trust.encrypted_file import (
    ENCRYPTED_SUFFIX,
    IV_BYTES,
    ContentKey,
    encrypted,
    read_encrypted,
    stub,
)
from ringfence.phones.trust.header import TrustHeader
from ringfence.phones.trust.roles import Signer, SigningHash
from ringfence.phones.trust.signed_file import SIGNED_SUFFIX, read_signed, signed
from ringfence.phones.trust.state import FileForms, ListOffer


@dataclass(frozen=True, slots=True)
class SealedFor:
    """To whom a phone's configuration is encrypted: its certificate, and the key that is kept for that."""

    certificate: x509.Certificate
    content_key: ContentKey


@dataclass(frozen=True, slots=True)
class TrustingPhone:
    """A phone whose files have other forms than the plain one; ``digest`` is what its firmware checks."""

    forms: FileForms
    digest: SigningHash
    sealed_for: SealedFor | None = None
    """There if its configuration is to be encrypted."""
    had_https: bool = False
    """Whether it ever took a list of signer version 1.1, so that one without is signed at the time of the last such."""

    @property
    def which_list(self) -> "WhichList":
        """The list that it finds."""
        return self.forms.trust_list, self.digest, self.had_https


WhichList = tuple[ListOffer, SigningHash, bool]
"""A kind of list, the hash of its signature, and whether it is for phones that had one of signer version 1.1."""


@dataclass(frozen=True, slots=True)
class SiteTrust:
    """What a site's files are signed with, and for whom: phones by their bare addresses."""

    signer: Signer
    phones: Mapping[str, TrustingPhone]
    lists: Mapping["WhichList", bytes]
    now: int
    """The time in the header of what is signed now, in seconds since 1970."""
    list_number: int = 0
    """The organisation's list that the lists are, or are made from."""

    @property
    def offered(self) -> dict[str, ListOffer]:
        """The list that each phone finds, by its bare address."""
        return {mac: each.forms.trust_list for mac, each in self.phones.items() if each.forms.signed}


class _Nobody:
    """Signs nothing: no phone of the site takes signed files."""

    @property
    def certificate(self) -> x509.Certificate:
        raise ValueError("nobody signs for this site")

    def sign(self, data: bytes, digest: SigningHash) -> bytes:  # noqa: ARG002 - as a Signer does
        raise ValueError("nobody signs for this site")


NO_TRUST = SiteTrust(_Nobody(), MappingProxyType({}), MappingProxyType({}), 0)

MadeFile = tuple[Target, bytes]
"""A file with its content."""


class SignedForms:
    """Makes the signed forms of one site's files.

    Args:
        trust: What to sign with, and for whom.
        published: The files of the site's newest release.
        read: Returns the content of a blob; BlobUnavailable if it can't.
    """

    def __init__(self, trust: SiteTrust, published: Collection[Target], read: Callable[[Digest], bytes]) -> None:
        self._trust = trust
        self._published = {target.name: target for target in published}
        self._read = read

    def of_phone(self, mac: Mac, made: Sequence[MadeFile]) -> list[MadeFile]:
        """Return the files of one phone with all forms of its own ones, and its list.

        Raises:
            RingfenceError: A form can't be made; the error says which, and why.
        """
        phone = self._trust.phones.get(mac.bare)
        if phone is None:
            return list(made)
        found = [(each, data) for each, data in made if phone.forms.plain or each.owner is None or _is_stub(each)]
        if phone.forms.trust_list is not ListOffer.NONE:
            found.append(_list(mac, self._trust.lists[phone.which_list]))
        for target, body in made if phone.forms.signed else ():
            if phone.sealed_for is not None and target.name == configuration_name(mac):
                found += self._encrypted(target, body, phone.digest, phone.sealed_for)
            elif target.owner is not None:
                found.append(self._signed(target, body, phone.digest))
            if phone.forms.https and target.name == configuration_name(mac):
                found.append((replace(target, name=BY_HTTPS + target.name), body))
        return found

    def of_shared(self, files: Iterable[Target], read: Callable[[Digest], bytes]) -> list[MadeFile]:
        """Return the signed forms of files for every phone of the site; none where no phone takes them.

        They are signed as all of the phones can check, as there is one of each name. ``read`` returns their content; a
        file whose content can't be read has no signed form.
        """
        digests = {phone.digest for phone in self._trust.phones.values() if phone.forms.signed}
        found = []
        for target in files if digests else ():
            if target.owner is not None or target.kind is not TargetKind.SHARED or not _is_plain(target):
                continue
            with suppress(BlobUnavailable):  # what can't be read can't be given out either
                found.append(self._signed(target, read(target.digest), min(digests)))
        return found

    def _signed(self, target: Target, body: bytes, digest: SigningHash) -> MadeFile:
        name = target.name + SIGNED_SUFFIX
        data = self._as_before(name, partial(self._is_same_signed, body, digest))
        if data is None:
            trust, filename = self._trust, name.removeprefix(STUBS)
            data = signed(body, filename=filename, signed_at=trust.now, signer=trust.signer, digest=digest)
        return _named(target, name, data)

    def _encrypted(self, target: Target, body: bytes, digest: SigningHash, whose: SealedFor) -> list[MadeFile]:
        """Return what takes the place of a configuration: the stub that leads to it, signed, and the encrypted one."""
        leading = self._signed(replace(target, secret=False), stub(body, whose.certificate), digest)
        trust, name, key = self._trust, target.name + ENCRYPTED_SUFFIX, whose.content_key
        iv = hmac.digest(key.key, body, "sha256")[:IV_BYTES]
        data = self._as_before(name, partial(self._is_same_encrypted, iv, digest, key))
        if data is None:
            data = encrypted(
                body, filename=name, signed_at=trust.now, signer=trust.signer, digest=digest, content_key=key, iv=iv
            )
        return [leading, _named(replace(target, sealed=True), name, data)]

    def _as_before(self, name: str, is_same: Callable[[bytes], bool]) -> bytes | None:
        """Return what the newest release has under a name, if that is what it would be now."""
        target = self._published.get(name)
        if target is None:
            return None
        try:
            data = self._read(target.digest)
            return data if is_same(data) else None
        except (BlobUnavailable, BadFields):
            return None

    def _is_same_signed(self, body: bytes, digest: SigningHash, data: bytes) -> bool:
        before = read_signed(data)
        return before.body == body and self._is_by_us(before.header, digest)

    def _is_same_encrypted(self, iv: bytes, digest: SigningHash, key: ContentKey, data: bytes) -> bool:
        before = read_encrypted(data)
        return (before.iv, before.encrypted_key) == (iv, key.encrypted) and self._is_by_us(before.header, digest)

    def _is_by_us(self, header: TrustHeader, digest: SigningHash) -> bool:
        ours = self._trust.signer.certificate
        said = (header.issuer_name, header.serial)
        return header.digest == digest and said == (name_as_text(ours.issuer), ours.serial_number)


def _named(target: Target, name: str, data: bytes) -> MadeFile:
    return replace(target, name=name, digest=sha256_hex(data), length=len(data)), data


def _list(mac: Mac, data: bytes) -> MadeFile:
    name = trust_list_name(mac)
    return Target(name, sha256_hex(data), len(data), TargetKind.CONFIGURATION, mac.bare, secret=False), data


def _is_stub(target: Target) -> bool:
    return target.name.startswith(STUBS)


def _is_plain(target: Target) -> bool:
    return not target.name.endswith((SIGNED_SUFFIX, ".tlv"))
