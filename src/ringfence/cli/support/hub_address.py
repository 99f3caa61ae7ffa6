"""A hub's address as people write it, and the hub's CA, known by its fingerprint alone."""

import hashlib
import hmac
import ipaddress
import re
import ssl
import warnings
from urllib.parse import urlsplit

import urllib3

from ringfence.cli.support.errors import BadArgument, HubAway

PEOPLE_PORT = 8443
CA_PATH = "/authority.pem"
_LARGEST_PEM = 64 * 1024
_IPV6 = 6
_TIMEOUT_S = 20.0


def read_address(text: str) -> str:
    """Return a hub's address as ``https://HOST:PORT``; without a scheme HTTPS is meant, and the hub's own port.

    Raises:
        BadArgument: It is no address, or would send a token in clear text to another machine.
    """
    text = text.strip()
    has_scheme = "://" in text
    try:
        parts = urlsplit(text if has_scheme else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if "[" not in text and ("::" in text or text.count(":") > 2):  # noqa: PLR2004 - a scheme's colon, and a port's
        shown = f"[{text}]" if _is_ipv6(text) else "[2001:db8::1]:8443"
        raise BadArgument(f"{text[:80]!r} is not a hub's address", to_do=f"Write IPv6 in brackets, as in {shown}.")
    if port == 0:
        raise BadArgument(f"{text[:80]!r} names port 0, which is none", to_do=f"The hub's own is {PEOPLE_PORT}.")
    if not host or parts.scheme not in {"https", "http"} or parts.username is not None or parts.path.strip("/"):
        raise BadArgument(f"{text[:80]!r} is not a hub's address", to_do="Give one such as hub.example.org.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise BadArgument(
            f"{text[:80]!r} would send your token in clear text", to_do="Use https, or leave the scheme out."
        )
    if port is None and not has_scheme:
        port = PEOPLE_PORT
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def fetch_authority(url: str, fingerprint: str) -> str:
    """Return a hub's CA certificate in PEM if it is the one with this SHA-256.

    Nothing secret is sent, and the answer counts only by its fingerprint: what else the server sends is discarded, as
    every certificate in the returned text will be trusted.

    Raises:
        BadArgument: The fingerprint is none, or the server that answers has another CA.
        HubAway: Nothing answers there.
    """
    wanted = fingerprint.replace(":", "").strip().lower()
    if re.fullmatch(r"[0-9a-f]{64}", wanted) is None:
        raise BadArgument("a fingerprint has 64 hexadecimal digits", to_do="`ringfence hub init` prints it.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings(), urllib3.PoolManager(ssl_context=context, retries=False, timeout=_TIMEOUT_S) as pool:
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)  # the fingerprint is the check
        try:
            answer = pool.request("GET", url + CA_PATH, preload_content=False)
            pem = answer.read(_LARGEST_PEM).decode("ascii", "replace")
        except urllib3.exceptions.HTTPError as fault:
            raise HubAway(f"the hub can't be reached: {fault}", where=url, to_do="Is it running there?") from None
    try:
        der = ssl.PEM_cert_to_DER_cert(pem)
    except ValueError:
        der = b""
    found = hashlib.sha256(der).hexdigest() if der else ""
    if not hmac.compare_digest(found, wanted):
        raise BadArgument(
            f"the server at {url} has another CA than this fingerprint names", where=found[:16] + "…" if found else "",
            to_do="Check the address and the fingerprint. If both are right, somebody intercepts the connection; your "
            "token was not sent.",
        )  # fmt: skip
    return ssl.DER_cert_to_PEM_cert(der)


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == _IPV6
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
