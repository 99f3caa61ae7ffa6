"""How an old profile is compared with the new one of its phone."""

import re
from collections.abc import Mapping

from ringfence.phones.errors import BadPatch
from ringfence.phones.family import Model
from ringfence.phones.flat_profile.parameters import parameter
from ringfence.phones.flat_profile.profile_file import FlatProfile, split_proxy
from ringfence.phones.flat_profile.series import series_of
from ringfence.phones.importing.compared import Comparison, Said
from ringfence.phones.importing.profile_settings import CLOCK, OF_LINE, accounts_of, plain_rule
from ringfence.phones.rendering.patches import LONGEST_NAME, LONGEST_TEXT, PREFIX

CREDENTIALS = re.compile(r"(?:User_ID|Password|Use_Auth_ID|Auth_ID)_(?P<line>\d{1,2})_")
_OWN = frozenset({"Profile_Rule"})
"""Where the phone fetches its own file is the product's business."""
_NEEDED = frozenset({"Provision_Enable", "Resync_On_Reset", "Resync_Periodic", "Resync_From_SIP"})
"""Without these a phone would not notice a new file."""


def comparison(kind: Model, said: Mapping[str, Said]) -> Comparison:
    """Return how an old profile, which says ``said``, is compared with the new one of a model."""
    series, format_ = series_of(kind), FlatProfile()
    own = {str(line.index) for line in accounts_of(said, kind)}

    def is_derived(name: str) -> bool:
        credential = CREDENTIALS.fullmatch(name)
        return name in _OWN or (credential is not None and credential["line"] in own)

    def is_same(name: str, old: str, new: str) -> bool:
        if old == new or old.lower() == new.lower() in {"yes", "no"}:
            return True
        parts = OF_LINE.fullmatch(name)
        if parts and parts["name"] == "Proxy":
            # A port switches the search by DNS off, so it is not added where that is on.
            by_dns = said.get(f"Use_DNS_SRV_{parts['line']}_", Said("")).text.lower() == "yes"
            return split_proxy(old) == split_proxy(new) and not by_dns
        if name in CLOCK or name.endswith("Daylight_Saving_Time_Rule"):
            return plain_rule(old) == plain_rule(new)
        return False

    def refuses(name: str, text: str) -> str:
        known = parameter(name, series)
        if text and known is not None and not known.values.taken(text):
            return f"{name} is {text[:40]!r}, which {kind.with_article} does not take: it takes {known.values.says}"
        return f"{name} has {len(text)} characters" if len(text) > LONGEST_TEXT else ""

    def can_patch(name: str) -> bool:
        try:
            format_.check_patch(name)
        except BadPatch:
            return False
        return len(name) + len(PREFIX) + 20 <= LONGEST_NAME

    return Comparison(is_derived, _NEEDED, is_same, refuses, can_patch)
