"""Notices by webhook: signed as the Standard Webhooks specification says (version 1.0, symmetric signatures).

What is signed is ``ID.TIMESTAMP.BODY``, with HMAC-SHA-256; the receiver gets the three, and the signature, as headers
``webhook-id``, ``webhook-timestamp`` and ``webhook-signature`` and the body.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from ringfence.hub.fleet.alert_channels import SECRET_PREFIX
from ringfence.hub.notifying import posting
from ringfence.secret import Secret


def post(
    url: str, secret: Secret, message_id: str, now: float, message: dict[str, Any], networks: Sequence[str]
) -> None:
    """Send one message; it has arrived when this returns.

    Raises:
        AlertChannelUnavailable: It may not or can't be reached, answers too slowly, or doesn't take it.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": sign(secret, message_id, int(now), body),
    }
    posting.post("the webhook", url, body, headers, networks)


def sign(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``."""
    key = base64.b64decode(secret.reveal().removeprefix(SECRET_PREFIX))
    signed = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode()
