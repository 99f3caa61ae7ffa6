"""The keys of an organisation's trust, what each is in a phone's trust list, and how long its certificate lasts.

Lifetimes are those of the reference, whose certificates phones are known to take: 20 years for a SAST, 10 for others
(usecallmanagernz/certutils, mkcert; usecallmanager.nz, Device Security). Nothing would be won by shorter ones: phones
believe what their list names, whatever its dates, and a key that must go is taken out of the list.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ringfence.hub.trust.errors import UnknownTrustRole
from ringfence.phones.trust.roles import TrustRole

_YEAR_S = 365 * 86_400


class KeyRole(StrEnum):
    """What a key is for. SAST 2 signs lists as SAST 1 does, but is kept offline."""

    SAST_1 = "sast-1"
    SAST_2 = "sast-2"
    TFTP = "tftp"
    CAPF = "capf"
    TVS = "tvs"
    CCM = "ccm"

    @property
    def in_lists(self) -> TrustRole:
        """What a record of a trust list says of it."""
        return _IN_LISTS[self]

    @property
    def lifetime_s(self) -> int:
        """How long its certificate lasts."""
        return (20 if self.in_lists is TrustRole.SAST else 10) * _YEAR_S


_IN_LISTS: Final[Mapping[KeyRole, TrustRole]] = {
    KeyRole.SAST_1: TrustRole.SAST,
    KeyRole.SAST_2: TrustRole.SAST,
    KeyRole.TFTP: TrustRole.TFTP,
    KeyRole.CAPF: TrustRole.CAPF,
    KeyRole.TVS: TrustRole.TVS,
    KeyRole.CCM: TrustRole.CCM,
}
AT_THE_HUB: Final = tuple(role for role in KeyRole if role is not KeyRole.SAST_2)
"""The roles whose keys the hub keeps."""
IN_FILES: Final = frozenset({KeyRole.CAPF, KeyRole.TVS, KeyRole.CCM})
"""Roles whose keys are in files whatever the store: programs that speak TLS need them."""


def of_word(word: str) -> KeyRole:
    """Return the role that a word names.

    Raises:
        UnknownTrustRole: It names none.
    """
    try:
        return KeyRole(word.lower())
    except ValueError:
        raise UnknownTrustRole(
            f"no key of phones' trust has the role {word[:20]!r}", to_do=f"The roles are {', '.join(KeyRole)}."
        ) from None


def of_list_role(role: TrustRole) -> KeyRole:
    """Return the role whose key the hub signs with as a role of the list: SAST 1, of both.

    Raises:
        UnknownTrustRole: The hub has no key for it.
    """
    for each in AT_THE_HUB:
        if each.in_lists is role:
            return each
    raise UnknownTrustRole(f"the hub keeps no key for the list's role {role.name}")
