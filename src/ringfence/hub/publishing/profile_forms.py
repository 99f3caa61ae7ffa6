"""The forms of one phone's profile that it can read alone: the first one, encrypted ones, and the one in clear."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ringfence.content.digests import sha256_hex
from ringfence.content.release import STUBS, Target, TargetKind
from ringfence.hub.fleet.profile_keys import PhoneKeys
from ringfence.hub.publishing.signed_forms import MadeFile
from ringfence.phones.flat_profile.sealed_profile import ProfileKey, first_profile, sealed, with_key
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.trust.profile_state import OwnProfile, ProfileForms


@dataclass(frozen=True, slots=True)
class SealedProfiles:
    """One phone whose profile has other forms than the one in clear; ``end`` is how its profiles' names end."""

    forms: ProfileForms
    keys: PhoneKeys
    end: str
    profile_url: str = ""
    base: str = ""
    """Where it fetches its files by HTTPS; empty for its edge."""

    @property
    def secrets(self) -> set[str]:
        """The phrases that its files hold."""
        return {key.phrase.reveal() for key in self._keys}

    @property
    def _keys(self) -> tuple[ProfileKey, ...]:
        before = self.keys.previous if self.forms.by_previous else None
        return (self.keys.newest,) if before is None else (self.keys.newest, before)

    def applied(self, phone: PhoneToRender, made: Sequence[MadeFile]) -> list[MadeFile]:
        """Return a phone's files with its own profile in all the forms that it is to find.

        Raises:
            BadInput: It can't have them; the error says why.
        """
        own = f"{phone.mac.bare.lower()}{self.end}"
        found: list[MadeFile] = []
        for target, data in made:
            if target.name == own:
                found += self._forms(target, data)
            elif target.name != STUBS + own or self.forms.own is not OwnProfile.NONE:
                found.append((target, data))
        return found

    def _forms(self, target: Target, clear: bytes) -> Iterator[MadeFile]:
        newest = self.keys.newest
        if self.forms.own is OwnProfile.WHOLE:
            yield target, clear
        elif self.forms.own is OwnProfile.FIRST:
            yield _as(target, target.name, first_profile(newest, self.end, self.base))
        body = clear if self.forms.leads_back else with_key(clear, newest, self.end, self.profile_url, self.base)
        for key in self._keys:
            made, data = _as(target, key.name_of(target.name), sealed(body, key))
            yield replace(made, sealed=True), data


def _as(target: Target, name: str, data: bytes) -> MadeFile:
    return replace(
        target, name=name, digest=sha256_hex(data), length=len(data), kind=TargetKind.CONFIGURATION, secret=True
    ), data
