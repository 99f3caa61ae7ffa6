"""Notices pushed to people's telephones by ntfy, or what speaks like it: JSON to the server, which names the topic.

Source: docs.ntfy.sh/publish, "Publish as JSON", "Access tokens" and "Limitations".
"""

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from ringfence.hub.notifying import posting
from ringfence.secret import Secret

MOST_BYTES = 3500
"""Of a text; servers turn messages of more than 4,096 bytes into attachments."""
HIGH, LOW = 4, 2
"""Priorities, of 1 to 5."""


def publish(url: str, token: Secret, title: str, text: str, priority: int, networks: Sequence[str]) -> None:
    """Publish a message to the topic that an address ends with; the server has taken it when this returns.

    Raises:
        AlertChannelUnavailable: It may not or can't be reached, answers too slowly, or doesn't take it.
    """
    parts = urlsplit(url)
    topic = parts.path.strip("/")
    body = json.dumps({"topic": topic, "title": title, "message": text, "priority": priority}).encode()
    headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
    posting.post("the push service", f"{parts.scheme}://{parts.netloc}/", body, headers, networks)
