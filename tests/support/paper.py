"""Pages and forms without a browser: as the hub's owner sends them, by a token."""

from collections.abc import Mapping
from urllib.parse import urlencode

from support.running_hub import Answer, RunningHub


def send(running: RunningHub, path: str, typed: Mapping[str, str] | None = None, *, token: str = "") -> Answer:
    """Send a form; the answer is a page, or leads on to one."""
    headers = {
        "Authorization": f"Bearer {token or running.token.reveal()}",
        "Accept": "text/html",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return running.at("POST", path, headers, urlencode(typed or {}).encode())


def read(running: RunningHub, path: str) -> str:
    """Return a page's text, which must be there."""
    answer = running.raw("GET", path)
    assert answer.status == 200, answer.data
    return answer.data.decode()
