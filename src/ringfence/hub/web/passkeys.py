"""What pages with passkeys share: where these can be used, and what browsers send."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from ringfence.hub.core import Hub
from ringfence.hub.fleet import passkeys
from ringfence.hub.people.passkey_sign_ins import PasskeySignIns
from ringfence.hub.sign_in_errors import PasskeysUnavailable

CREDENTIAL = "credential"
"""The field in which a browser sends what its passkey answers."""


@dataclass(frozen=True, slots=True)
class PasskeyPlace:
    """Where passkeys can be used, for a page to say; what a browser claims is checked elsewhere."""

    origin: str
    """The address for people; empty where no passkey can be bound to it."""
    is_here: bool

    @classmethod
    def of(cls, request: Request, hub: Hub) -> "PasskeyPlace":
        """Return it as seen from a request."""
        try:
            origin = passkeys.relying_party(hub.people_url, hub.config.name).origin
        except PasskeysUnavailable:
            return cls("", is_here=False)
        return cls(origin, is_here=origin == f"https://{request.headers.get('host', '')}")


def _passkey_sign_ins(request: Request) -> PasskeySignIns:
    found: PasskeySignIns = request.app.state.passkey_sign_ins
    return found


def _place(request: Request) -> PasskeyPlace:
    return PasskeyPlace.of(request, request.app.state.hub)


ThePasskeySignIns = Annotated[PasskeySignIns, Depends(_passkey_sign_ins)]
ThePlace = Annotated[PasskeyPlace, Depends(_place)]
