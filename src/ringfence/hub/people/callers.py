"""Who calls: the API token of each request, and what handlers get of it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ringfence.hub.core import Hub
from ringfence.hub.errors import NotSignedIn
from ringfence.hub.fleet import api_tokens
from ringfence.phones.mac import Mac

_bearer = HTTPBearer(auto_error=False, description="An API token, `rft_…`")


@dataclass(frozen=True, slots=True)
class Caller:
    """The token that a request came with."""

    id: str
    name: str


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


TheHub = Annotated[Hub, Depends(_hub)]


def _caller(hub: TheHub, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    if credentials is None:
        raise NotSignedIn("this needs an API token", to_do="Send it as `Authorization: Bearer rft_…`.")
    now = hub.clock()
    with hub.database.reading() as session:
        token = api_tokens.authenticate(session, credentials.credentials)
    if token.last_used_at is None or now - token.last_used_at > api_tokens.USE_NOTED_EVERY_S:
        with hub.database.writing() as session:
            api_tokens.note_use(session, token.id, now)
    return Caller(token.id, token.name)


TheCaller = Annotated[Caller, Depends(_caller)]


def _mac(mac: Annotated[str, Path(description="In any usual notation", examples=["00:1B:54:C2:9A:10"])]) -> Mac:
    return Mac.parse(mac)


ThePhone = Annotated[Mac, Depends(_mac)]
