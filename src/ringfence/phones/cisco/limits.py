"""How long the elements of a Cisco enterprise phone's file may be."""

from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.family import Limit

_UCM = "PHONES.md section 4 (usecallmanager.nz)"
_SIPCC = "PHONES.md section 4f (Cisco's SIP stack)"
_FIELD = "PHONES.md section 4b (a report from the field)"

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "featureLabel": Limit(30, 32, _UCM),
        "line/name": Limit(30, 127, f"{_UCM}; {_SIPCC}: 127"),
        "displayName": Limit(30, 32, f"{_UCM}; {_SIPCC}: 32"),
        "authName": Limit(30, 128, f"{_UCM}; {_SIPCC}: 128"),
        "authPassword": Limit(31, 31, _SIPCC),
        "contact": Limit(127, 127, _SIPCC),
        "messagesNumber": Limit(127, 127, _SIPCC),
        "speedDialNumber": Limit(127, 127, _SIPCC),
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
            "serviceURI",
        )
    }
)

SHORT_PASSWORD: Mapping[str, Limit] = MappingProxyType({**LIMITS, "authPassword": Limit(12, 31, _FIELD)})
"""For the models whose older firmware refuses a file with a longer password, by one report; others contradict it."""
