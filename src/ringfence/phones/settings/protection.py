"""The settings that protect calls; what follows from them is in ``phones/rendering/protection.py``."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

from ringfence.phones.settings.builders import choice_setting, text_setting, url_setting
from ringfence.phones.settings.types import HOST_CHARACTERS, Form, Mark, Setting, Value

PROTECT_CALLS = "protect_calls"
SRTP = "srtp"
SERVERS: Mapping[str, str] = MappingProxyType({
    "sip_server": "tunnel_sip_server", "sip_server_2": "tunnel_sip_server_2", "sip_server_3": "tunnel_sip_server_3",
})  # fmt: skip
"""Each SIP server's setting, with that of its address in a tunnel."""
_ORDER = ("first", "second", "third")


class ProtectCalls(StrEnum):
    """What protects a phone's calls on their way to the PBX."""

    NONE = "none"
    TUNNEL = "tunnel"
    TLS = "tls"


_PROTECT = choice_setting(
    PROTECT_CALLS,
    "What protects calls on their way to the PBX: tunnel (the phone box's; SIP servers are then those of "
    "tunnel_sip_server), tls (TLS and SRTP, where the phone can), or none. `ringfence phone explain` says what is "
    "protected and what is not.",
    "the SIP server, transport, port and SRTP",
    {each.value: each.value for each in ProtectCalls},
    ProtectCalls.NONE.value,
)
_SOURCE = "the elements of the settings that follow from it"


def with_protection(settings: Mapping[str, Setting], *own: Setting) -> Mapping[str, Setting]:
    """Return a model's settings with those that protect its calls, and what only its kind has of them."""
    servers = [_tunnel_server(at, name) for at, name in enumerate(SERVERS) if name in settings]
    found = (replace(_PROTECT, source=_SOURCE), *servers, *own)
    return MappingProxyType({**settings, **{setting.name: setting for setting in found}})


def srtp_setting(element: str, wire: Mapping[Value, str], source: str, mark: Mark = Mark.CERTAIN) -> Setting:
    """Return the setting of SRTP of a kind of phones: its weakest value first, its strongest last."""
    return replace(
        choice_setting(
            SRTP, "Whether voice is encrypted (SRTP): required refuses calls without. Its keys are in SIP, so it needs "
            "TLS or a tunnel.", element, wire, str(next(iter(wire))), mark,
        ),
        source=source,
    )  # fmt: skip


def ca_setting(element: str, source: str) -> Setting:
    """Return the setting of the authority that a kind of phones is to trust."""
    return replace(
        url_setting(
            "trusted_ca_url", "Where the phone fetches the certificate of a CA that it is to trust, such as that of "
            "the SIP server's; empty: it trusts those that it has.", element,
        ),
        source=source,
    )  # fmt: skip


def _tunnel_server(at: int, name: str) -> Setting:
    return replace(
        text_setting(
            SERVERS[name], f"The {_ORDER[at]} SIP server as phones reach it through the tunnel, by its inner address; "
            f"it stands for {name} where {PROTECT_CALLS} is tunnel.", name, HOST_CHARACTERS, Form.HOST,
        ),
        source=_SOURCE,
    )  # fmt: skip
