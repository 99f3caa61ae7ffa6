"""A client of the hub's people's API, for the command line."""

import json
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from ringfence.cli.support.errors import (
    FAMILY_OF_STATUS,
    BadArgument,
    HubAway,
    Interrupted,
    NotLoggedIn,
)
from ringfence.cli.support.hub_address import read_address
from ringfence.errors import RingfenceError
from ringfence.secret import Secret

Json = dict[str, Any]
"""Any: JSON objects as the API describes them in its OpenAPI document."""

TIMEOUT_S = 120
_FIRST_ERROR = 400
_PAGE = 1000
"""How many rows of a list are asked for at once."""


@dataclass(frozen=True, slots=True)
class Login:
    """The address of a user's hub and how to talk to it; an empty ``authority_pem`` means the system's own CAs."""

    url: str
    token: Secret
    authority_pem: str


def login_file() -> Path:
    """Return the path of this user's login file."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "ringfence" / "login.json"


def save_login(login: Login) -> Path:
    """Save a login in a file that only this user can read; return its path."""
    path = login_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {"url": login.url, "token": login.token.reveal(), "authority": login.authority_pem}
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(kept, file, indent=1)
    temporary.replace(path)
    return path


def load_login() -> Login:
    """Return the login from RINGFENCE_HUB, RINGFENCE_TOKEN and RINGFENCE_CA where set, otherwise the saved one."""
    kept: dict[str, str] = {}
    try:
        kept = json.loads(login_file().read_text())
    except FileNotFoundError:
        pass
    except ValueError:
        raise BadArgument(
            "the saved login can't be read", where=str(login_file()), to_do="Log in again: ringfence login HUB."
        ) from None
    url = os.environ.get("RINGFENCE_HUB", kept.get("url", ""))
    token = os.environ.get("RINGFENCE_TOKEN", kept.get("token", ""))
    if not url or not token:
        raise NotLoggedIn(
            "you are not logged in to a hub",
            to_do="`ringfence hub init` printed how: ringfence login HUB --fingerprint SHA256.",
        )
    authority = os.environ.get("RINGFENCE_CA")
    return Login(
        read_address(url), Secret(token), read_authority(Path(authority)) if authority else kept.get("authority", "")
    )


def read_authority(path: Path) -> str:
    """Read a CA certificate in PEM."""
    try:
        return path.read_text("ascii")
    except (OSError, ValueError) as fault:
        raise BadArgument(
            "the CA certificate can't be read",
            where=f"{path}: {fault}",
            to_do="Use authority.pem from the hub's data folder.",
        ) from None


class PeoplesApi:
    """One hub, called with one login."""

    def __init__(self, login: Login) -> None:
        self._login = login
        context = ssl.create_default_context()
        if login.authority_pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                context.load_verify_locations(cadata=login.authority_pem)
            except ssl.SSLError:
                raise BadArgument(
                    "this is not a CA certificate", to_do="Use authority.pem from the hub's data folder."
                ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=urllib3.Timeout(total=TIMEOUT_S))

    def get(self, path: str, **query: str | int | None) -> Json:
        """Get the resource at a path below ``/api/v1``."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: Json | None = None) -> Json:
        """Post a request."""
        return self._ask("POST", path, body=body or {})

    def put(self, path: str, body: Json) -> Json:
        """Create or replace a resource."""
        return self._ask("PUT", path, body=body)

    def patch(self, path: str, body: Json) -> Json:
        """Change parts of a resource."""
        return self._ask("PATCH", path, body=body)

    def delete(self, path: str) -> Json:
        """Delete a resource."""
        return self._ask("DELETE", path)

    def upload(self, path: str, parts: Iterator[bytes]) -> Json:
        """Upload bytes, part by part."""
        return self._ask("PUT", path, parts=parts)

    def items(self, path: str, *, limit: int | None = None, **query: str | int | None) -> list[Json]:
        """Get a list, page by page: all of it, or its first ``limit`` rows."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            wanted = _PAGE if limit is None else min(limit - len(found), _PAGE)
            page = self.get(path, limit=wanted, cursor=cursor, **query)
            found += page["items"]
            cursor = page.get("next")
            if cursor is None or (limit is not None and len(found) >= limit):
                return found

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: dict[str, str | int | None] | None = None,
        parts: Iterator[bytes] | None = None,
    ) -> Json:
        fields = {name: str(value) for name, value in (query or {}).items() if value is not None}
        address = self._login.url.rstrip("/") + "/api/v1" + path
        if fields:
            address += "?" + urlencode(fields)
        headers = {"Authorization": f"Bearer {self._login.token.reveal()}", "Accept": "application/json"}
        try:
            if parts is not None:
                headers["Content-Type"] = "application/octet-stream"
                response = self._pool.request(method, address, headers=headers, body=parts, chunked=True)
            else:
                response = self._pool.request(method, address, headers=headers, json=body)
        except KeyboardInterrupt:
            raise _interrupted(method, is_upload=parts is not None) from None
        except urllib3.exceptions.ReadTimeoutError:
            raise HubAway(
                f"the hub has not answered within {TIMEOUT_S} s",
                where=self._login.url,
                to_do="" if method == "GET" else f"{_GOES_ON} Wait until it is done before you try again.",
            ) from None
        except urllib3.exceptions.HTTPError as fault:
            cause = getattr(fault, "reason", None) or fault
            is_trust = "CERTIFICATE_VERIFY_FAILED" in str(cause)
            raise HubAway(
                f"the hub can't be reached: {cause}",
                where=self._login.url,
                to_do=_OTHER_CERTIFICATE
                if is_trust
                else "Check that it is running (ringfence hub run), and its address.",
            ) from None
        return _answer(response)


_OTHER_CERTIFICATE = (
    "Its certificate is none that this login trusts. `ringfence hub init` printed the fingerprint of the hub's CA: "
    "ringfence login HUB --fingerprint SHA256. If people see a certificate of another CA there, log in without it, or "
    "with --ca."
)
_GOES_ON = "It may still be at work, and finishes what it has begun; ringfence access audit shows what it did."


def _interrupted(method: str, *, is_upload: bool) -> Interrupted:
    """Return what to say when the user does not wait for the answer to a request."""
    if method == "GET":
        return Interrupted("interrupted; nothing was changed")
    if is_upload:
        return Interrupted("interrupted; the hub discards what was uploaded of the file")
    return Interrupted("interrupted, but the hub was told what to do", to_do=_GOES_ON)


def _answer(response: urllib3.BaseHTTPResponse) -> Json:
    try:
        answer = json.loads(response.data) if response.data else {}
    except ValueError:
        raise HubAway(
            "the answer did not come from a Ringfence hub",
            where=response.url or "",
            to_do="Check the address: ringfence login.",
        ) from None
    if response.status < _FIRST_ERROR:
        return dict(answer)
    family = FAMILY_OF_STATUS.get(response.status, RingfenceError)
    raise family(
        answer.get("what", f"the hub answered with status {response.status}"),
        where=answer.get("where", ""),
        to_do=answer.get("to_do", ""),
    )
