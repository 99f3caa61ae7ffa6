"""Profiles that only one phone can read, and the first profile, which leads the phone to them.

The first profile gives the phone a phrase and a rule, ``[--key "$SA"] /FOLDER/$MA.cfg``, and nothing else. The phone
keeps both, and asks for the encrypted profile from then on. Nobody learns the folder's name but who has read the rule:
so a phone that asks for it holds the phrase. This is the maker's own way: a first file that gives a key and a random
folder, both of which may be changed later by the encrypted profile.

``GPP_SA`` is a parameter for exactly this: profiles alone can set it, the phone's pages and logs don't show it, and its
text stands for ``$SA`` only behind ``--key``. An encrypted profile holds the rule by which the next one is asked for.
"""

import hmac
import re
from dataclasses import dataclass
from html import escape

from ringfence.phones.errors import ValueOutOfRange
from ringfence.phones.flat_profile.profile_file import FlatProfile
from ringfence.phones.trust.encrypted_profiles import SALT_BYTES, salted
from ringfence.secret import Secret

SEALED_ON_SPA = (
    "the manufacturer's guides: of the SPA2000 (its steps SEC-PRV-1 and -2, and GPP_SA), of the SPA900 (--key) and of "
    "the SPA100 series (macro expansion), and of the SPA300 and SPA500 series (its table of macros)"
)
SEALED_ON_MPP = (
    "the manufacturer's guides: for provisioning of the 6800 series, and for administration of the 8800 series, with "
    "multiplatform firmware (general purpose parameters, optional resync arguments)"
)
PROFILE_URL = "profile_url"
FIRST_RESYNC_S = 60
"""How soon a phone that has its first profile alone asks for the encrypted one, whose own time holds after that."""
FOLDER = re.compile(r"[0-9a-f]{12}")
_FIRST = """<?xml version="1.0" encoding="UTF-8"?>
<flat-profile>
  <Provision_Enable ua="na">Yes</Provision_Enable>
  <Resync_On_Reset ua="na">Yes</Resync_On_Reset>
  <Resync_Periodic ua="na">{resync_s}</Resync_Periodic>
  <GPP_SA ua="na">{phrase}</GPP_SA>
  <Profile_Rule ua="na">{rule}</Profile_Rule>
</flat-profile>
"""


@dataclass(frozen=True, slots=True)
class ProfileKey:
    """What a phone opens its profiles with: a phrase of letters and digits, and the folder that only it knows."""

    phrase: Secret
    folder: str

    def name_of(self, own: str) -> str:
        """Return the name under which the phone asks for its encrypted profile; ``own`` is that of the one in clear."""
        return f"{self.folder}/{own}"


def first_profile(key: ProfileKey, end: str, base: str = "") -> bytes:
    """Return the profile that gives a phone its key.

    Args:
        key: The phone's.
        end: How names of profiles end.
        base: What stands before the names in rules: empty, or where the phone fetches its files by HTTPS.
    """
    rule = escape(_rule(key, end, base), quote=False)
    text = _FIRST.format(resync_s=FIRST_RESYNC_S, phrase=key.phrase.reveal(), rule=rule)
    return text.encode()


def with_key(profile: bytes, key: ProfileKey, end: str, profile_url: str = "", base: str = "") -> bytes:
    """Return a phone's profile with the key that the phone is to have, and the rule that goes with it; still in clear.

    Raises:
        ValueOutOfRange: The phone is to fetch its profile from elsewhere.
        NotWellFormed: It is no profile.
    """
    if profile_url:
        raise ValueOutOfRange(
            f"{PROFILE_URL} leads the phone away from its encrypted profile, which its edge has",
            to_do=f"Leave {PROFILE_URL} empty, or set trust=off for this phone.",
        )
    return FlatProfile().patch(profile, {"GPP_SA": key.phrase.reveal(), "Profile_Rule": _rule(key, end, base)})


def sealed(profile: bytes, key: ProfileKey) -> bytes:
    """Return a profile encrypted for a phone: the same bytes each time, and others for each content."""
    salt = hmac.digest(key.phrase.reveal().encode(), profile, "sha256")[:SALT_BYTES]
    return salted(profile, key.phrase, salt)


def _rule(key: ProfileKey, end: str, base: str) -> str:
    return f'[--key "$SA"] {base}/{key.folder}/$MA{end}'
