"""How far a phone is on its way to files that only it can read, and which forms of its files it is to find.

The order is that of TRUST.md, and none of its steps is skipped: a phone is offered a list and signed files; once it
was seen to take signed files the plain ones can go; once its certificate is known it is offered an encrypted file; once
it was seen to take that, no clear one is left. A phone that may hold a list of ours refuses what is not signed, so
signed files go on until it was released: it took a list without TFTP and TVS, and asked for a plain file again.
"""

from dataclasses import dataclass
from enum import StrEnum


class Trust(StrEnum):
    """What a phone's files are to be: the setting."""

    OFF = "off"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"


class TrustState(StrEnum):
    """How far a phone is."""

    UNKNOWN = "unknown"
    """Nothing was offered to it."""
    OFFERED = "offered"
    """Its list and signed files are there; it was not seen to take them."""
    SIGNED = "signed"
    """It takes signed files: it holds a list of ours."""
    CERTIFIED = "certified"
    """And its certificate is known, so that files can be encrypted for it."""
    ENCRYPTED = "encrypted"
    """It takes encrypted files."""
    RELEASING = "releasing"
    """It is offered the list that lets it go."""
    RELEASED = "released"
    """It was let go, and takes anybody's files."""


class Transport(StrEnum):
    """How a phone with a trust list is to get its configuration: the setting ``trust_transport``."""

    FILES = "files"
    HTTPS = "https"


class ListOffer(StrEnum):
    """Which list a phone is to find."""

    NONE = "none"
    FULL = "full"
    HTTPS = "https"
    """Of signer version 1.1, with the keys of its site's edges: whoever takes it asks for its file by HTTPS."""
    RELEASE = "release"
    """Without TFTP and TVS: whoever takes it takes anybody's files."""


@dataclass(frozen=True, slots=True)
class TrustFacts:
    """What is known of one phone; each was seen, or ordered by a person."""

    took_list: bool = False
    """A list of ours was served to it whole: it may hold it."""
    takes_signed: bool = False
    """It took its signed file after that, which a phone does that holds a list with a TFTP record."""
    has_certificate: bool = False
    """A certificate of its own with an RSA key is known, and was not revoked."""
    takes_encrypted: bool = False
    is_releasing: bool = False
    """Somebody ordered that it be let go."""
    is_released: bool = False
    """It took the list that lets it go, and asked for a plain file after that."""
    took_https: bool = False
    """The list that was served to it last is of signer version 1.1."""

    @property
    def may_hold_list(self) -> bool:
        """Whether it may refuse what is not signed."""
        return (self.took_list or self.takes_signed) and not self.is_released


@dataclass(frozen=True, slots=True)
class FileForms:
    """Which forms of a phone's own files there are to be, and which list.

    Where ``encrypted``, its signed configuration is the stub that leads to the encrypted one.
    """

    plain: bool = True
    signed: bool = False
    encrypted: bool = False
    trust_list: ListOffer = ListOffer.NONE
    https: bool = False
    """Whether its plain configuration is there for HTTPS, and for nothing else."""


def state_of(wanted: Trust, facts: TrustFacts) -> TrustState:
    """Return how far a phone is."""
    if facts.is_released:
        return TrustState.RELEASED
    if facts.is_releasing:
        return TrustState.RELEASING
    if facts.takes_encrypted:
        return TrustState.ENCRYPTED
    if facts.takes_signed:
        return TrustState.CERTIFIED if facts.has_certificate else TrustState.SIGNED
    return TrustState.UNKNOWN if wanted is Trust.OFF and not facts.took_list else TrustState.OFFERED


def forms_of(
    wanted: Trust, facts: TrustFacts, *, withdraws: bool = True, transport: Transport = Transport.FILES
) -> FileForms:
    """Return the forms of a phone's files.

    A phone that may hold a list of signer version 1.1 goes on finding its configuration by HTTPS until it took another.

    Args:
        wanted: The setting.
        facts: What is known of the phone.
        withdraws: Whether plain forms go once the phone takes signed ones.
        transport: How it is to get its configuration; HTTPS only where an edge of its site has a key for that.
    """
    if facts.is_released or (wanted is Trust.OFF and not facts.may_hold_list and not facts.is_releasing):
        return FileForms()
    if facts.is_releasing:
        return FileForms(plain=True, signed=True, trust_list=ListOffer.RELEASE, https=facts.took_https)
    encrypted = wanted is Trust.ENCRYPTED and facts.takes_signed and facts.has_certificate
    is_wanted = wanted is not Trust.OFF
    clear_goes = facts.takes_signed and (withdraws or (encrypted and facts.takes_encrypted))
    offer = ListOffer.HTTPS if wanted is Trust.SIGNED and transport is Transport.HTTPS else ListOffer.FULL
    return FileForms(
        plain=not (is_wanted and clear_goes), signed=True, encrypted=encrypted, trust_list=offer,
        https=offer is ListOffer.HTTPS or facts.took_https,
    )  # fmt: skip
