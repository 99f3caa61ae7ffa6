"""What went wrong on the way to the hub, in words: who answers instead of it, which proxy does not let us through."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3

from ringfence.edge.agent.proxy import without_password
from ringfence.edge.errors import HubUnreachable

_SOMEBODY_ELSE = (
    "A sign-in page of the network (a captive portal) or a firewall that opens TLS answers like that: sign in from "
    "this network, or let the edge through. The edge will try again by itself."
)
_TRIES_AGAIN = "The edge will try again by itself."


@contextmanager
def network_faults(hub_url: str, proxy: str = "") -> Iterator[None]:
    """Turn what urllib3 and the machine say of a connection into HubUnreachable."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError) as fault:
        raise _in_words(_cause(fault), hub_url, proxy) from None


def no_hub(hub_url: str, what: str) -> HubUnreachable:
    """Return what to say of an answer that no hub gives."""
    return HubUnreachable(f"what answers there is not the hub: {what}", where=hub_url, to_do=_SOMEBODY_ELSE)


def _cause(fault: BaseException) -> BaseException:
    """Return the innermost fault that urllib3 has wrapped."""
    if isinstance(fault, urllib3.exceptions.MaxRetryError) and fault.reason is not None:
        return _cause(fault.reason)
    if isinstance(fault, urllib3.exceptions.SSLError) and fault.args and isinstance(fault.args[0], ssl.SSLError):
        return fault.args[0]
    return fault


def _in_words(fault: BaseException, hub_url: str, proxy: str) -> HubUnreachable:
    if isinstance(fault, urllib3.exceptions.ProxyError):
        inner = fault.original_error
        if "Tunnel connection failed" in str(inner):
            refused = str(inner).partition("Tunnel connection failed:")[2].strip()
            asks_who = " Its user name or password is missing or wrong." if refused.startswith("407") else ""
            what = f"the proxy {without_password(proxy)} does not let us through to the hub: {refused}.{asks_who}"
            return HubUnreachable(what.rstrip("."), where=hub_url, to_do=_TRIES_AGAIN)
        what = f"the proxy {without_password(proxy)} can't be reached: {inner}"
        return HubUnreachable(what, where=hub_url, to_do="Set another: --proxy. " + _TRIES_AGAIN)
    if isinstance(fault, ssl.SSLCertVerificationError):
        return no_hub(hub_url, f"its certificate is another's ({fault.verify_message})")
    if isinstance(fault, ssl.SSLError) and fault.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return no_hub(hub_url, "it does not speak TLS")
    if isinstance(fault, ssl.SSLError) and fault.reason in {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"}:
        return no_hub(hub_url, "it does not speak TLS 1.3")
    return HubUnreachable(f"the hub can't be reached: {fault}", where=hub_url, to_do=_TRIES_AGAIN)
