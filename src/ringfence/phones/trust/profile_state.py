"""Which forms of its profile a phone is to find that opens encrypted ones by a key which it was given before.

A phone without a key of ours finds the first profile under its own name, and the encrypted one in a folder that the
first one names. Once it was seen there, the first profile goes. While its key changes, the profile is there under both
keys. A phone whose setting was turned off is led back: the encrypted profile goes on until it took the one in clear.
"""

from dataclasses import dataclass
from enum import StrEnum

from ringfence.phones.trust.state import Trust, TrustState


class OwnProfile(StrEnum):
    """What is under the name of a phone's own profile."""

    NONE = "none"
    FIRST = "first"
    """The one that gives it its key."""
    WHOLE = "whole"
    """All that it has, in clear."""


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """What is known of one phone."""

    has_key: bool = False
    """A key was made for it, and it was not seen to take files in clear since the setting was turned off."""
    needs_first: bool = True
    takes_key: bool = False
    """It took a profile by its newest key."""
    has_previous: bool = False
    """It may hold the key before the newest one."""


@dataclass(frozen=True, slots=True)
class ProfileForms:
    """The forms of one phone's profile. ``leads_back``: the encrypted ones lead to the one in clear."""

    own: OwnProfile
    encrypted: bool = False
    by_previous: bool = False
    leads_back: bool = False


def profile_forms_of(wanted: Trust, facts: ProfileFacts, *, withdraws: bool = True) -> ProfileForms:
    """Return the forms of a phone's profile; with ``withdraws`` the first one goes once it is not needed."""
    if wanted is Trust.ENCRYPTED:
        own = OwnProfile.FIRST if facts.needs_first or not withdraws else OwnProfile.NONE
        return ProfileForms(own, encrypted=True, by_previous=facts.has_previous)
    back = facts.has_key
    return ProfileForms(OwnProfile.WHOLE, encrypted=back, by_previous=back and facts.has_previous, leads_back=back)


def profile_state_of(wanted: Trust, facts: ProfileFacts) -> TrustState:
    """Return how far a phone is."""
    if wanted is not Trust.ENCRYPTED:
        return TrustState.RELEASING if facts.has_key else TrustState.UNKNOWN
    return TrustState.OFFERED if facts.needs_first else TrustState.ENCRYPTED
