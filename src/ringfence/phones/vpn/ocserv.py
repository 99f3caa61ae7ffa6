"""The configuration of ocserv as a head end for phones, as text.

Why a line is written, and by which source:

| What | Why | Source |
|---|---|---|
| ``cisco-svc-client-compat`` | phones ask for /svc, and want answers of its own | ocserv's README-cisco-svc.md |
| ``dtls-legacy``, ``udp-port = 443`` | phones know DTLS by the old way alone, on no other port | the same |
| AES-256-CBC with SHA-1 and RSA | older phones pick a cipher that they find not for DTLS | the same, PHONES.md 5.6 |
| ``cert-user-oid = 2.5.4.3`` | the common name says which phone it is | PHONES.md 5.8, ocserv's manual |
| ``connect-script`` | a maker's certificate says "a phone", not "ours" | ocserv's manual |
| ``crl`` | a certificate may be revoked while its phone has a newer one | ocserv's manual |
| ``max-ban-score = 800`` | phones of one office share an address, and come back together | ocserv's manual |
| ``max-same-clients = 2`` | a phone that lost its line is back before that is noticed | ocserv's manual |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

from ringfence.phones.vpn.head_end import HTTPS, VpnLogin

CONFIGURATION, PASSWORDS, AUTHORITIES, REVOKED = "ocserv.conf", "ocpasswd", "phones-ca.pem", "revoked.pem"
USERS, CONNECT = "users", "ringfence-connect"
FILES = frozenset({CONFIGURATION, PASSWORDS, AUTHORITIES, REVOKED, USERS, CONNECT})
_HEAD = "written by ringfence vpn export; the next export overwrites changes made here"
OLD_CIPHERS = (
    "NONE:%SERVER_PRECEDENCE:%COMPAT:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:+VERS-DTLS1.2:+VERS-DTLS1.0:+COMP-NULL:"
    "+SIGN-ALL:+RSA:+SHA1:+AES-256-CBC"
)
NEW_CIPHERS = "NORMAL:%SERVER_PRECEDENCE:%COMPAT:-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS1.0:+SHA1"


class OcservVersion(StrEnum):
    """The versions of ocserv that are told apart; phones need 1.2 (README-cisco-svc.md)."""

    WITHOUT_PHONES = "1.1"
    """As Debian 12 has it: it does not know phones' own way to sign in."""
    WITH_PHONES = "1.2"


@dataclass(frozen=True, slots=True)
class Ocserv:
    """A head end's configuration.

    Args:
        version: What it runs.
        folder: Where the files are at the head end.
        port: The port of TLS there.
        login: How phones sign in.
        certificate: The file with the certificate that it is to show; its key lies beside it.
        network: Phones' addresses inside.
        routes: Networks that phones reach through it; none for everything.
        mtu: The largest packet inside, as phones' files have it.
        takes_old: Whether a phone of it speaks TLS 1.0 alone.
        has_revoked: Whether there is a list of revoked certificates.
    """

    version: OcservVersion
    folder: str
    port: int
    login: VpnLogin
    certificate: str
    network: IPv4Network
    routes: tuple[str, ...]
    mtu: int
    takes_old: bool
    has_revoked: bool = False


def certificate_file(fingerprint: str) -> str:
    """Return the name of the file with a head end's certificate.

    Each has a file of its own: ocserv reads a certificate anew for each connection, and its key when it starts alone.
    """
    return f"server-{fingerprint[:16]}.pem"


def key_file(fingerprint: str) -> str:
    """Return the name of the file with the key of a head end's certificate."""
    return f"server-{fingerprint[:16]}.key"


def configuration(ocserv: Ocserv) -> str:
    """Return ``ocserv.conf``."""
    own = ocserv.version is OcservVersion.WITH_PHONES
    folder = ocserv.folder
    lines = [
        f"# {_HEAD}",
        *_login(ocserv),
        f"tcp-port = {ocserv.port}",
        f"udp-port = {HTTPS}",
        "run-as-user = nobody",
        "run-as-group = nogroup",
        "socket-file = /run/ocserv.socket",
        "occtl-socket-file = /run/occtl.socket",
        "use-occtl = true",
        "pid-file = /run/ocserv.pid",
        f"server-cert = {folder}/{ocserv.certificate}",
        f"server-key = {folder}/{ocserv.certificate.removesuffix('.pem')}.key",
        "isolate-workers = true",
        f'tls-priorities = "{OLD_CIPHERS if ocserv.takes_old else NEW_CIPHERS}"',
        "dtls-legacy = true",
        *(["cisco-svc-client-compat = true"] if own else []),
        "max-clients = 0",
        "max-same-clients = 2",
        "rate-limit-ms = 0",
        "auth-timeout = 240",
        "cookie-timeout = 300",
        "keepalive = 300",
        "dpd = 60",
        "mobile-dpd = 300",
        "switch-to-tcp-timeout = 25",
        "try-mtu-discovery = false",
        f"mtu = {ocserv.mtu}",
        "deny-roaming = false",
        "rekey-time = 172800",
        "rekey-method = ssl",
        "max-ban-score = 800",
        "ban-reset-time = 300",
        "device = phones",
        "predictable-ips = true",
        f"ipv4-network = {ocserv.network.network_address}",
        f"ipv4-netmask = {ocserv.network.netmask}",
        "ping-leases = false",
        *[f"route = {route}" for route in ocserv.routes or ("default",)],
        f"connect-script = {folder}/{CONNECT}",
        "",
    ]
    return "\n".join(lines)


def connect_script(folder: str) -> str:
    """Return what ocserv runs for a phone that has signed in: who is not in the list is refused."""
    return _CONNECT.format(head=_HEAD, users=f"{folder}/{USERS}")


def files(ocserv: Ocserv, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the files for a head end by their names; ``texts`` are those that follow the fleet."""
    return {
        CONFIGURATION: configuration(ocserv), CONNECT: connect_script(ocserv.folder), **texts,
    }  # fmt: skip


def _login(ocserv: Ocserv) -> list[str]:
    folder = ocserv.folder
    if ocserv.login is VpnLogin.PASSWORD:
        return [f'auth = "plain[passwd={folder}/{PASSWORDS}]"']
    crl = [f"crl = {folder}/{REVOKED}"] if ocserv.has_revoked else []
    return ['auth = "certificate"', f"ca-cert = {folder}/{AUTHORITIES}", *crl, "cert-user-oid = 2.5.4.3"]


_CONNECT = """\
#!/bin/sh
# {head}
# ocserv lets nobody in for whom this fails. The list is that of the phones which the hub has, so that a phone with a
# certificate of its maker that is not one of them, or not any more, stays out.
[ "$REASON" = connect ] || exit 0
exec grep -qxF -e "$USERNAME" {users}
"""
