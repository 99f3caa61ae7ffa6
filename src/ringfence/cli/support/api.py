"""A client of the hub's people's API, for the command line."""

import json
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from ringfence.cli.support.errors import (
    BadArgument,
    HubAway,
    Interrupted,
    NotLoggedIn,
)
from ringfence.cli.support.hub_address import read_address
from ringfence.imports.hub_requests import require_success
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
    organisation: str = ""
    """The organisation that requests are about; empty for the token's own."""
    draft: str = ""
    """The draft that requests are about; empty for none."""


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
    """Return the login from RINGFENCE_HUB, RINGFENCE_TOKEN and RINGFENCE_CA where set, otherwise the saved one.

    RINGFENCE_ORGANISATION says which organisation it is for, RINGFENCE_DRAFT in which draft.
    """
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
        read_address(url), Secret(token), read_authority(Path(authority)) if authority else kept.get("authority", ""),
        os.environ.get("RINGFENCE_ORGANISATION", ""), os.environ.get("RINGFENCE_DRAFT", ""),
    )  # fmt: skip


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

    def __init__(self, login: Login, *, timeout_s: float = TIMEOUT_S) -> None:
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
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=urllib3.Timeout(total=timeout_s))

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

    def download(self, path: str, **query: str | int | None) -> Iterator[bytes]:
        """Get what is no JSON, part by part; HubAway where it ends before its end."""
        return self._fetch("GET", path, query)

    def fetch(self, path: str) -> Iterator[bytes]:
        """Have what is no JSON made, and get it part by part, as ``download`` does."""
        return self._fetch("POST", path, {})

    def _fetch(self, method: str, path: str, query: Mapping[str, str | int | None]) -> Iterator[bytes]:
        try:
            response = self._pool.request(
                method, self._address(path, query), headers=self._headers(), preload_content=False
            )
            if response.status >= _FIRST_ERROR:
                _answer(response)
            yield from response.stream()
        except urllib3.exceptions.HTTPError as fault:
            raise self._away(fault) from None

    def items(self, path: str, *, limit: int | None = None, **query: str | int | None) -> list[Json]:
        """Get a list, page by page: all of it, or its first ``limit`` rows."""
        rows = self.rows(path, query, at_once=limit)
        return list(rows if limit is None else islice(rows, max(limit, 1)))

    def rows(self, path: str, query: Mapping[str, str | int | None], *, at_once: int | None = None) -> Iterator[Json]:
        """Get a list row by row; a page of it, of ``at_once`` rows at most, is fetched when the last one is used up."""
        cursor: str | None = None
        while True:
            page = self.get(path, limit=_PAGE if at_once is None else min(at_once, _PAGE), cursor=cursor, **query)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: dict[str, str | int | None] | None = None,
        parts: Iterator[bytes] | None = None,
    ) -> Json:
        address, headers = self._address(path, query or {}), self._headers()
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
            raise self._away(fault) from None
        return _answer(response)

    def _address(self, path: str, query: Mapping[str, str | int | None]) -> str:
        fields = {name: str(value) for name, value in query.items() if value is not None}
        return self._login.url.rstrip("/") + "/api/v1" + path + ("?" + urlencode(fields) if fields else "")

    def _headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._login.token.reveal()}", "Accept": "application/json"}
        if self._login.organisation:
            headers["Ringfence-Organisation"] = self._login.organisation
        if self._login.draft:
            headers["Ringfence-Draft"] = self._login.draft
        return headers

    def _away(self, fault: urllib3.exceptions.HTTPError) -> HubAway:
        cause = getattr(fault, "reason", None) or fault
        is_trust = "CERTIFICATE_VERIFY_FAILED" in str(cause)
        return HubAway(
            f"the hub can't be reached: {cause}",
            where=self._login.url,
            to_do=_OTHER_CERTIFICATE if is_trust else "Check that it is running (ringfence hub run), and its address.",
        )


_OTHER_CERTIFICATE = (
    "Its certificate is none that this login trusts. `ringfence hub init` printed the fingerprint of the hub's CA: "
    "ringfence login HUB --fingerprint SHA256. If people see a certificate of another CA there, log in without it, or "
    "with --ca."
)
_GOES_ON = "It may still be at work, and finishes what it has begun; ringfence audit list shows what it did."


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
    return require_success(response.status, dict(answer))
