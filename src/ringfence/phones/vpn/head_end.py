"""What phones know of a VPN head end: where it is, how they sign in, and which certificates they take from it.

Sources: PHONES.md section 4 (the elements of ``vpnGroup``) and section 5.6; ocserv's ``doc/README-cisco-svc.md``.
"""

import base64
import hashlib
import ipaddress
import re
from collections.abc import Sequence
from enum import StrEnum

from ringfence.addresses import host_port
from ringfence.phones.errors import ValueOutOfRange

MOST_ADDRESSES = 3
"""``url1`` to ``url3``."""
MOST_PINS = 10
"""``certHash1`` to ``certHash10``."""
HTTPS = 443
HEAD_END_SETTINGS = ("vpn_url", "vpn_url_2", "vpn_url_3", "vpn_certificates", "vpn_login")
"""The settings that follow from a phone's head end."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_NAME = 253
_LARGEST_PORT = 65_535


class VpnLogin(StrEnum):
    """How phones sign in at a head end; the values are those of the setting ``vpn_login``."""

    PASSWORD = "name-and-password"  # noqa: S105 - the setting's word
    CERTIFICATE = "certificate"


def pin_of(der: bytes) -> str:
    """Return what phones compare a head end's certificate with: the base64 of its SHA-1 (``certHash``)."""
    return base64.b64encode(hashlib.sha1(der, usedforsecurity=False).digest()).decode()


def read_address(said: str) -> str:
    """Return where a head end is, ``HOST`` or ``HOST:PORT``, in its usual form.

    Raises:
        ValueOutOfRange: It is neither.
    """
    host, port = _parts(said.strip())
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        host = host.lower().removesuffix(".")
        if not host or len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, host.split("."))):
            raise _refused(said) from None
    if not 1 <= port <= _LARGEST_PORT:
        raise _refused(said)
    return (f"[{host}]" if ":" in host else host) if port == HTTPS else host_port(host, port)


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of an address that ``read_address`` has returned."""
    return _parts(address)


def url_of(address: str) -> str:
    """Return the URL that a phone's file names: ocserv answers phones below /svc."""
    return f"https://{address}/svc"


def vpn_settings(addresses: Sequence[str], pins: Sequence[str], login: VpnLogin) -> dict[str, str]:
    """Return the settings that a phone has for a head end."""
    urls = [*map(url_of, addresses), "", ""]
    return dict(zip(HEAD_END_SETTINGS, (*urls[:MOST_ADDRESSES], ",".join(pins), login.value), strict=True))


def _parts(said: str) -> tuple[str, int]:
    if said.startswith("["):
        host, end, rest = said[1:].partition("]")
        port = rest.removeprefix(":") if end and rest.startswith(":") else "" if end and not rest else "x"
    elif said.count(":") > 1:
        host, port = said, ""
    else:
        host, _colon, port = said.partition(":")
        port = port if _colon and port else "x" if _colon else ""
    if not port:
        return host, HTTPS
    return host, int(port) if port.isascii() and port.isdecimal() and len(port) <= len(str(_LARGEST_PORT)) else 0


def _refused(said: str) -> ValueOutOfRange:
    return ValueOutOfRange(
        f"{said[:60]!r} is not where phones find a head end",
        to_do="Write it like vpn.example.org, or vpn.example.org:8443.",
    )
