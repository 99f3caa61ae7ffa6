"""Profiles by HTTPS: the settings that lead a phone to the hub's listener, and the rules that follow from them.

SPA phones speak TLS 1.0 alone, and have an address of their own there: so they have a setting of their own, and both
can be set for a whole organisation. The macros in rules are the phone's own: $MA is its address in lower case.

Source: PHONES.md sections 8 and 8b (rules, macros, HTTPS).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ringfence.phones.errors import ValueOutOfRange
from ringfence.phones.settings.builders import url_setting, yes_no_setting
from ringfence.phones.settings.types import Setting, Value

HTTPS_URL, HTTPS_OLD_URL = "https_url", "https_old_url"
FIRMWARE_URL = "firmware_url"
KEEPS_RULE = "keeps_rule"
SOURCE = "PHONES.md sections 8 and 8b"
_RULE, _UPGRADE = "Profile_Rule", "Upgrade_Rule"
_HTTPS = "https://"
_YES_NO: Mapping[Value, str] = MappingProxyType({True: "Yes", False: "No"})
_TODAYS = url_setting(
    HTTPS_URL,
    "Where the phone fetches its files by HTTPS: the hub's listener for phones, such as "
    "https://phones.example.org:8443; empty: from its edge.",
    _RULE,
)
_OLD = replace(
    _TODAYS,
    name=HTTPS_OLD_URL,
    help="Where the phone, which speaks TLS 1.0 alone, fetches its files by HTTPS: the hub's listener for old phones, "
    "such as https://phones.example.org:8444; empty: from its edge.",
)
_FIRMWARE = url_setting(
    FIRMWARE_URL, "Where the phone fetches firmware, such as a CDN; empty: where its other files are.", _UPGRADE
)
_KEEPS = yes_no_setting(
    KEEPS_RULE,
    "Whether the phone keeps the rule by which it fetches its profile, such as one with a key in its URL, instead of "
    "being given one.",
    _RULE, _YES_NO, on=False,
)  # fmt: skip


def with_https(settings: Mapping[str, Setting], *, is_old: bool) -> Mapping[str, Setting]:
    """Return a model's settings with those of HTTPS; ``is_old``: it speaks TLS 1.0 alone."""
    own = (_OLD if is_old else _TODAYS, _FIRMWARE, _KEEPS)
    return MappingProxyType({**settings, **{each.name: replace(each, source=SOURCE) for each in own}})


def base_of(settings: Mapping[str, Value]) -> str:
    """Return what stands before the names of a phone's files in its rules; empty if it has them from its edge.

    Raises:
        ValueOutOfRange: It is no address of HTTPS.
    """
    return _base(settings, HTTPS_URL) or _base(settings, HTTPS_OLD_URL)


def firmware_base_of(settings: Mapping[str, Value]) -> str:
    """Return what stands before the name of a phone's firmware in its rule."""
    return str(settings.get(FIRMWARE_URL, "")).rstrip("/") or base_of(settings)


def _base(settings: Mapping[str, Value], name: str) -> str:
    url = str(settings.get(name, "") or "").rstrip("/")
    if url and not url.startswith(_HTTPS):
        raise ValueOutOfRange(
            f"{name} is {url}, which is not HTTPS: anybody on the way would read the phone's passwords",
            to_do="Give an address such as https://phones.example.org:8443.",
        )
    return url
