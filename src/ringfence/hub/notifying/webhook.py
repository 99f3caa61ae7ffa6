"""Notices by webhook: signed as the Standard Webhooks specification says (version 1.0, symmetric signatures).

What is signed is ``ID.TIMESTAMP.BODY``, with HMAC-SHA-256; the receiver gets the three, and the signature, as headers
``webhook-id``, ``webhook-timestamp`` and ``webhook-signature`` and the body.
"""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import urllib3

from ringfence.hub.errors import AlertChannelUnavailable
from ringfence.hub.fleet.alert_channels import SECRET_PREFIX
from ringfence.hub.notifying.deadline import TIMEOUT_S, deadline
from ringfence.secret import Secret

_SUCCESS = range(200, 300)


def post(url: str, secret: Secret, message_id: str, now: float, message: dict[str, Any]) -> None:
    """Send one message; it has arrived when this returns.

    Redirections are not followed, and of an answer nothing is read but its status.

    Raises:
        AlertChannelUnavailable: It can't be reached, answers too slowly, or doesn't take it.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ringfence",
        "Connection": "close",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": sign(secret, message_id, int(now), body),
    }
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        with deadline(lambda: connection.sock):
            connection.request("POST", path, body=body, headers=headers, preload_content=False)
            status = connection.getresponse().status
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as fault:
        raise AlertChannelUnavailable(f"the webhook can't be reached: {fault}", where=parts.netloc) from None
    finally:
        connection.close()
    if status not in _SUCCESS:
        raise AlertChannelUnavailable(f"the webhook answered with status {status}", where=parts.netloc)


def sign(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``."""
    key = base64.b64decode(secret.reveal().removeprefix(SECRET_PREFIX))
    signed = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode()


def _connection(scheme: str, host: str, port: int | None) -> urllib3.connection.HTTPConnection:
    if scheme == "http":
        return urllib3.connection.HTTPConnection(host, port, timeout=TIMEOUT_S)
    return urllib3.connection.HTTPSConnection(host, port, timeout=TIMEOUT_S, ssl_context=ssl.create_default_context())
