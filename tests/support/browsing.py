"""A browser as plain as can be: it keeps cookies, follows forms, and says what browsers say of themselves."""

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

from support.running_hub import Answer, RunningHub


@dataclass
class PlainBrowser:
    """Somebody without JavaScript."""

    running: RunningHub
    keeps_cookies: bool = True
    cookies: dict[str, str] = field(default_factory=dict)
    """By name, what the hub had it keep."""
    told: dict[str, str] = field(default_factory=dict)
    """By name, with which attributes."""

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, {"Sec-Fetch-Site": "none", **headers})

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        """Send fields from a page of the hub."""
        sent = {
            "Origin": "null", "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded", **headers,
        }  # fmt: skip
        return self._ask("POST", path, sent, urlencode(fields or {}).encode())

    def submit(self, page: str | Answer, action: str = "", **typed: str) -> Answer:
        """Fill the form of a page that has this action, or its first one, and send it."""
        target, fields = form_of(self.get(page) if isinstance(page, str) else page, action)
        path = target or (page if isinstance(page, str) else "")
        return self.post(path, {**fields, **typed})

    def follow(self, answer: Answer) -> Answer:
        assert answer.status == 303, (answer.status, answer.data)
        return self.get(answer.headers["Location"])

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        cookie = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        sent = {"Accept": "text/html", "User-Agent": "Plain/1.0", **({"Cookie": cookie} if cookie else {}), **headers}
        answer = self.running.at(method, path, sent, body)
        for line in answer.headers.getlist("set-cookie") if self.keeps_cookies else ():
            pair, _semicolon, attributes = line.partition(";")
            name, _equals, text = pair.partition("=")
            self.told[name] = attributes
            if text.strip('"'):
                self.cookies[name] = text
            else:
                self.cookies.pop(name, None)
        return answer


def form_of(shown: Answer, action: str = "") -> tuple[str, dict[str, str]]:
    """Where the form of a page that has this action, or its first one, is sent, and its fields as they are there."""
    forms = re.findall(r'<form method="post"(?: action="([^"]*)")?[^>]*>(.*?)</form>', shown.data.decode(), re.DOTALL)
    target, inside = next(each for each in forms if not action or unescape(each[0]) == action)
    inputs = re.findall(r"<input [^>]*>", inside)
    return unescape(target), {unescape(_of(each, "name")): unescape(_of(each, "value")) for each in inputs}


def _of(tag: str, attribute: str) -> str:
    found = re.search(rf'\b{attribute}="([^"]*)"', tag)
    return found[1] if found else ""
