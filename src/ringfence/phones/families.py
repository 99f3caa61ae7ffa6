"""The families of phones: their models, their settings, and the facts that differ between them, each with its mark."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Generic, TypeVar

from ringfence.phones.cisco_call_settings import CALLS, SIP, SOUND, TIME
from ringfence.phones.cisco_device_settings import (
    ACCESS,
    BLUETOOTH,
    DISPLAY,
    FEATURE_POLICY_FILE,
    FIRMWARE,
    URLS,
    USB,
    WIFI,
)
from ringfence.phones.errors import UnknownFamily
from ringfence.phones.setting_types import Mark, Setting, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One thing that is known of a family: how well, and from where."""

    value: T
    mark: Mark
    source: str


@dataclass(frozen=True, slots=True)
class Limit:
    """How many characters an element holds: as rendered here, and as the phone itself refuses it.

    Where sources disagree the two differ: we write what the stricter source allows, and the virtual phone refuses what
    the laxer one forbids, so that neither reading breaks a phone.
    """

    we_write: int
    phone_takes: int
    source: str


@dataclass(frozen=True, slots=True)
class Family:
    """One family of phones."""

    id: str
    title: str
    models: tuple[str, ...]
    settings: Mapping[str, Setting]
    template_name: str
    limits: Mapping[str, Limit]
    """Element → limit; an element may be given with its parent, as in ``ntp/name``."""
    line_keys: Fact[int]
    locale_file: Fact[str]
    """The language archive that the phone fetches from the user locale's folder."""
    tones_file: Fact[str]
    """The tones that it fetches from the network locale's folder."""
    load_prefixes: Fact[tuple[str, ...]]
    http_provisioning: Fact[bool | None]
    """Whether it tries HTTP on port 6970 before TFTP; None where nobody knows."""


_UCM = "PHONES.md section 4 (usecallmanager.nz)"
_SIPCC = "PHONES.md section 4f (Cisco's SIP stack)"

CISCO_LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "featureLabel": Limit(30, 32, _UCM),
        "line/name": Limit(30, 127, f"{_UCM}; {_SIPCC}: 127"),
        "displayName": Limit(30, 32, f"{_UCM}; {_SIPCC}: 32"),
        "authName": Limit(30, 128, f"{_UCM}; {_SIPCC}: 128"),
        "authPassword": Limit(31, 31, _SIPCC),
        "contact": Limit(127, 127, _SIPCC),
        "messagesNumber": Limit(127, 127, _SIPCC),
        "externalNumberMask": Limit(40, 40, _SIPCC),
        "phoneLabel": Limit(12, 12, _UCM),
        "processNodeName": Limit(50, 50, _UCM),
        "ntp/name": Limit(50, 50, _UCM),
        "loadInformation": Limit(64, 64, _SIPCC),
    }
    | {
        element: Limit(255, 255, _UCM)
        for element in (
            "authenticationURL",
            "messagesURL",
            "servicesURL",
            "directoryURL",
            "informationURL",
            "idleURL",
            "proxyServerURL",
        )
    }
)


_CISCO_COMMON = (*TIME, *SIP, *SOUND, *CALLS, *DISPLAY, *URLS, *ACCESS, *FIRMWARE)


def _settings(*more: Setting, **differing: Mapping[str, Value | Mark]) -> Mapping[str, Setting]:
    """Return the common settings and ``more``, with what ``differing`` changes in some of them."""
    table = {setting.name: setting for setting in (*_CISCO_COMMON, *more)}
    for name, changes in differing.items():
        # replace() can't be typed by name; a wrong name or value fails the test that reads every family's table.
        table[name] = replace(table[name], **changes)  # type: ignore[arg-type]
    return MappingProxyType(table)


_TEMPLATE = "cisco-enterprise.cnf.xml.j2"

_ALL = (
    Family(
        id="cisco-8941",
        title="Cisco Unified IP Phone 8941",
        models=("CP-8941",),
        settings=_settings(
            # Stock Asterisk, in production with UDP; another source warns of UDP in general.
            sip_transport={"default": "udp", "mark": Mark.LIKELY},
            kpml={"default": 3, "mark": Mark.LIKELY},
            max_calls={"maximum": 24},
            busy_trigger={"maximum": 24},
        ),
        template_name=_TEMPLATE,
        limits=CISCO_LIMITS,
        line_keys=Fact(4, Mark.LIKELY, "the maker's data sheet"),
        locale_file=Fact("gb-sccp-sip.jar", Mark.CERTAIN, "PHONES.md, locales"),
        tones_file=Fact("g3-tones.xml", Mark.CERTAIN, "PHONES.md, locales"),
        load_prefixes=Fact(("SIP8941_8945.", "SIP894x."), Mark.CERTAIN, "PHONES.md section 4e"),
        http_provisioning=Fact(None, Mark.UNKNOWN, "PHONES.md section 11"),
    ),
    Family(
        id="cisco-9971",
        title="Cisco Unified IP Phone 9971",
        models=("CP-9971",),
        settings=_settings(BLUETOOTH, WIFI, USB, FEATURE_POLICY_FILE),
        template_name=_TEMPLATE,
        limits=CISCO_LIMITS,
        line_keys=Fact(6, Mark.LIKELY, "the maker's data sheet"),
        locale_file=Fact("gd-sip.jar", Mark.CERTAIN, "PHONES.md, locales"),
        tones_file=Fact("g4-tones.xml", Mark.CERTAIN, "PHONES.md, locales"),
        load_prefixes=Fact(("sip9971.",), Mark.CERTAIN, "PHONES.md section 12"),
        http_provisioning=Fact(None, Mark.UNKNOWN, "PHONES.md section 11"),
    ),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.id: family for family in _ALL})


def family(family_id: str) -> Family:
    """Return the family of that id; UnknownFamily names the nearest ones."""
    found = FAMILIES.get(family_id)
    if found is None:
        near = difflib.get_close_matches(family_id.lower(), FAMILIES, n=3, cutoff=0.4) or list(FAMILIES)
        raise UnknownFamily(
            f"there is no family of phones called {family_id[:60]!r}", to_do=f"Known: {', '.join(near)}."
        )
    return found
