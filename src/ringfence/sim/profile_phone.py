"""An SPA or Multiplatform phone that keeps its parameters over boots, and opens profiles by the key among them.

It asks by the rule that it has: the maker's at first, later the one that a profile gave it. A profile that changes the
rule is followed at once, where real phones wait for their next time to ask. What does not open, or is no profile,
changes nothing.
"""

import re
from collections.abc import Callable, Mapping

from lxml import etree

from ringfence.errors import ContentRefused
from ringfence.phones.document import NotWellFormed, parse
from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.family import Family, Model
from ringfence.phones.flat_profile.profile_file import PROFILE, profile_of
from ringfence.phones.mac import Mac
from ringfence.phones.trust.encrypted_profiles import open_salted
from ringfence.secret import Secret
from ringfence.sim.errors import ConfigurationMissing, FileDistrusted, NoTrustList
from ringfence.sim.https_side import HttpsSide
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.trust_steps import Decrypted, Distrusted, TrustStep
from ringfence.sim.trusting_phone import PhoneTrust

Get = Callable[[str], bytes | None]
_RULE = re.compile(r'(?:\[\s*--key\s+(?:"([^"]*)"|(\S+))\s*\]\s*)?(\S+)')
_MOST_RULES = 4
"""How often a rule may lead on: the maker's, the first profile's, the encrypted one's, and another key's."""
_KEYS = re.compile(r"\$(S[A-D])")
_ENCRYPTED = b"Salted__"


class ProfilePhone:
    """What such a phone has in its flash, and how it asks for its profiles.

    Args:
        mac: The phone's address.
        family: Its family, whose phones take encrypted profiles.
        model: Its model.
        memory: What it keeps over boots.
        https: What of it speaks HTTPS; None for a phone that has its files by TFTP alone.
    """

    def __init__(
        self, mac: Mac, family: Family, model: Model, memory: PhoneMemory, https: HttpsSide | None = None
    ) -> None:
        self._mac, self._family, self._model, self._memory = mac, family, model, memory
        self._https = https

    @property
    def files(self) -> tuple[bytes, ...]:
        """Its parameters as one profile; none before it took any."""
        return self._memory.configuration

    def resync(self, get: Get, tell: Callable[[TrustStep], None]) -> tuple[bytes, ...]:
        """Ask for profiles until none changes the rule, and return what the phone has then.

        Raises:
            ConfigurationMissing: The server has no profile under the name that the rule leads to.
            FileDistrusted: What came does not open by the phone's key.
            ConfigurationRejected: What came is no profile, or rules lead on and on.
        """
        rule = self._rule
        for _turn in range(_MOST_RULES):
            self._take(self._asked(rule, get, tell))
            before, rule = rule, self._rule
            if rule == before:
                return self.files
        raise ConfigurationRejected(f"after {_MOST_RULES} profiles the rule still leads to another one")

    @property
    def _rule(self) -> str:
        first = self._family.boot.value[0].name_for(self._mac, self._model)
        typed = "" if self._https is None else self._https.rule
        return self._parameters.get("Profile_Rule", "") or typed or first

    @property
    def _parameters(self) -> Mapping[str, str]:
        return {str(each.tag): (each.text or "").strip() for each in self._profile.iterchildren("*")}

    @property
    def _profile(self) -> etree._Element:
        kept = self.files
        found = profile_of(parse(kept[0]).root) if kept else None
        return found if found is not None else etree.Element(PROFILE)

    def _asked(self, rule: str, get: Get, tell: Callable[[TrustStep], None]) -> bytes:
        """Return what a rule leads to, opened."""
        said = _RULE.fullmatch(rule.strip())
        if said is None:
            raise ConfigurationRejected(f"the phone can't follow the rule {rule!r}")
        phrase = _KEYS.sub(lambda found: self._parameters.get(f"GPP_{found[1]}", ""), said[1] or said[2] or "")
        name = said[3] if self._https is None else self._https.expand(said[3])
        name = name.replace("$MA", self._mac.bare.lower())
        data = get(name)
        if data is None:
            raise ConfigurationMissing(
                f"the server does not serve {name} to this phone",
                to_do="If the phone was reset: ringfence trust adopt.",
            )
        if not phrase and not data.startswith(_ENCRYPTED):
            return data
        try:
            opened = open_salted(data, Secret(phrase))
        except ContentRefused as fault:
            tell(Distrusted(name, str(fault)))
            raise FileDistrusted(fault.what, where=name) from None
        tell(Decrypted(name, ""))
        return opened

    def _take(self, data: bytes) -> None:
        """Set what a profile names; what it does not name stays."""
        try:
            new = profile_of(parse(data).root)
        except NotWellFormed as fault:
            raise ConfigurationRejected(f"a phone would discard this profile: {fault.reason}") from None
        if new is None:
            raise ConfigurationRejected("a phone would discard this profile: it has no flat-profile element")
        profile = self._profile
        for each in list(new.iterchildren("*")):
            for old in profile.findall(str(each.tag)):
                profile.remove(old)
            profile.append(each)
        self._memory.keep_configuration((etree.tostring(profile, encoding="UTF-8", xml_declaration=True),))


def profile_phone(
    mac: Mac, family: Family, model: Model, trust: PhoneTrust | None, https: HttpsSide | None = None
) -> ProfilePhone | None:
    """Return what keeps the parameters of a phone that takes encrypted profiles; None for others, or without a memory.

    A phone that speaks HTTPS keeps them in its memory for that.

    Raises:
        NoTrustList: It is to have certificates or lists, which such phones don't know.
    """
    if https is not None:
        if family.encrypted_profile is None:
            raise NoTrustList(
                f"phones of the family {family.id} are led to no profile by HTTPS", to_do="Take one that is: SPA504G."
            )
        return ProfilePhone(mac, family, model, https.memory, https)
    if family.encrypted_profile is None or trust is None:
        return None
    if trust.mic is not None or trust.hashes is not None or trust.lists():
        raise NoTrustList(
            f"phones of the family {family.id} have a key for profiles, and no trust lists or signatures",
            to_do="Take a phone that has them, such as 9971.",
        )
    return ProfilePhone(mac, family, model, trust.memory)
