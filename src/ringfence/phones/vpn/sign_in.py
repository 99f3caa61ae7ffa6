"""How a phone signs in at a head end, over HTTP inside TLS: a machine, without I/O.

- It has nothing: it sends ``GET /svc``. 200 with a cookie ``webvpnlogin`` that is not empty asks it to sign in.
- It was asked: it sends ``POST /svc`` with its name and password, or with nothing where its certificate says who it is.
  200 with a cookie ``webvpn`` lets it in, 401 refuses it.
- It has the cookie: it sends ``CONNECT /CSCOSSLC/tunnel`` with it, and has the tunnel.

Recorded from ocserv: the answers, by ``src/worker-svc.c`` of version 1.2 and newer, whose author wrote it for these
phones. Inferred: the order of header lines in a phone's requests, as no capture of one is at hand.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote

from ringfence.secret import Secret

PATH, TUNNEL = "/svc", "/CSCOSSLC/tunnel"
LOGIN_COOKIE, SESSION_COOKIE = "webvpnlogin", "webvpn"
USER_AGENT = "Cisco SVC IPPhone Client"
"""By which ocserv knows phones (``src/worker-http.c``)."""
_COOKIE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})=([^;\s]{0,4096})\s*(?:;.*)?", re.DOTALL)
_MOST_COOKIES = 32


class SignInState(Enum):
    """How far a phone is."""

    STARTS = auto()
    ASKED = auto()
    IN = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class SvcRequest:
    """A request that a phone sends."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str = ""


class VpnSignIn:
    """One phone's way in.

    Args:
        host: The head end, as the phone's file names it.
        user: The phone's name; empty where its certificate says who it is.
        password: What goes with the name.
    """

    def __init__(self, host: str, user: str = "", password: Secret | None = None) -> None:
        self._host, self._user, self._password = host, user, password
        self.state = SignInState.STARTS
        self.why = ""
        """Why it gave up."""
        self.cookie: Secret | None = None

    def poll(self) -> SvcRequest | None:
        """Return what to send now; None where it gave up."""
        match self.state:
            case SignInState.STARTS:
                return SvcRequest("GET", PATH, self._headers())
            case SignInState.ASKED:
                body = ""
                if self._password is not None:
                    body = f"username={quote(self._user)}&password={quote(self._password.reveal())}"
                kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
                return SvcRequest("POST", PATH, self._headers() | kind | {"Content-Length": str(len(body))}, body)
            case SignInState.IN:
                cookie = "" if self.cookie is None else self.cookie.reveal()
                return SvcRequest("CONNECT", TUNNEL, self._headers() | {"Cookie": f"{SESSION_COOKIE}={cookie}"})
            case SignInState.REFUSED:
                return None

    def on_answer(self, status: int, set_cookies: Sequence[str]) -> None:
        """Take an answer's status and its cookies in."""
        found = cookies(set_cookies)
        match self.state, status:
            case SignInState.STARTS, 200 if found.get(LOGIN_COOKIE):
                self.state = SignInState.ASKED
            case SignInState.STARTS, _:
                self._give_up(f"it does not ask to sign in at {PATH} (status {status})")
            case SignInState.ASKED, 200 if found.get(SESSION_COOKIE):
                self.cookie, self.state = Secret(found[SESSION_COOKIE]), SignInState.IN
            case SignInState.ASKED, 200:
                self._give_up("it asks to sign in again: name or password are not there")
            case SignInState.ASKED, 401:
                self._give_up("it refuses this phone")
            case _:
                self._give_up(f"an answer that is not understood (status {status})")

    def _give_up(self, why: str) -> None:
        self.state, self.why = SignInState.REFUSED, why

    def _headers(self) -> dict[str, str]:
        return {"Host": self._host, "User-Agent": USER_AGENT}


def cookies(lines: Sequence[str]) -> dict[str, str]:
    """Return the cookies that an answer sets, by name; one that is set to nothing is there and empty."""
    found: dict[str, str] = {}
    for line in lines[:_MOST_COOKIES]:
        if (parts := _COOKIE.fullmatch(line)) is not None:
            found[parts[1]] = parts[2]
    return found
