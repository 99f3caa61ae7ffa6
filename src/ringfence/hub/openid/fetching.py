"""Asking a provider by HTTPS: bounded in size and time, without redirections, and of allowed addresses alone."""

import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore
from urllib.parse import urlencode, urlsplit

import urllib3

from ringfence.hub.errors import AddressRefused
from ringfence.hub.fleet import alert_addresses
from ringfence.hub.notifying.deadline import TIMEOUT_S, deadline
from ringfence.hub.notifying.dialling import dial_allowed, encrypted
from ringfence.hub.sign_in_errors import SignInProviderUnavailable

LARGEST_BYTES = 256 << 10
_AT_ONCE = BoundedSemaphore(4)
"""A provider that is slow to answer holds so many of the hub's threads, and no more."""
_HTTPS, _OK = 443, 200

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider answers: a status, and a JSON object."""

    status: int
    fields: JsonObject

    @property
    def is_good(self) -> bool:
        """Whether it is what was asked for."""
        return self.status == _OK


def fetch(
    url: str,
    networks: Sequence[str],
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProviderAnswer:
    """Ask for a JSON object.

    Args:
        url: The whole address, which begins with https.
        networks: hub.toml's ``sign_in_networks``.
        form: What is posted; None: it is only asked for.
        headers: Those beside the usual ones.

    Raises:
        SignInProviderUnavailable: It may not or can't be reached, answers too slowly or too much, or no JSON object.
    """
    host = urlsplit(url).hostname or ""
    if not _AT_ONCE.acquire(blocking=False):
        raise SignInProviderUnavailable("too many sign-ins wait for their provider", to_do="Try again in a moment.")
    try:
        status, body = _exchange(url, networks, None if form is None else urlencode(form).encode(), headers or {})
    except AddressRefused as refused:
        raise SignInProviderUnavailable(
            f"the sign-in provider's address is not allowed: {refused.what}", where=host,
            to_do="If it is meant to be there, add the network to `sign_in_networks` in hub.toml, and restart the hub.",
        ) from None  # fmt: skip
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as fault:
        raise SignInProviderUnavailable(
            f"the sign-in provider can't be reached: {_why(fault)}", where=host, to_do="Try again later."
        ) from None
    finally:
        _AT_ONCE.release()
    if len(body) > LARGEST_BYTES:
        raise SignInProviderUnavailable(
            f"the sign-in provider answered with more than {LARGEST_BYTES} bytes", where=host
        )
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise SignInProviderUnavailable(f"the sign-in provider answered {status} without a JSON object", where=host)
    return ProviderAnswer(status, fields)


def _exchange(url: str, networks: Sequence[str], body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _HTTPS
    usual = {"Host": parts.netloc, "Accept": "application/json", "User-Agent": "ringfence", "Connection": "close"}
    if body is not None:
        usual["Content-Type"] = "application/x-www-form-urlencoded"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = urllib3.connection.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        plain = dial_allowed(host, port, lambda there: alert_addresses.why_not(there, port, networks, is_mail=False))
        connection.sock = encrypted(plain, host)
        with deadline(lambda: connection.sock):
            method = "GET" if body is None else "POST"
            connection.request(method, path, body=body, headers={**usual, **headers}, preload_content=False)
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST_BYTES + 1)
    finally:
        connection.close()


def _why(fault: Exception) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted here ({fault.verify_message})"
    return str(fault)[:200] or type(fault).__name__
