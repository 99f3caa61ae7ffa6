"""Phones' provisioning credentials."""

from collections.abc import Sequence

from fastapi import APIRouter

from ringfence.hub.fleet import phones
from ringfence.hub.fleet.guard import credentials
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.schemas.guard.credentials import (
    CredentialPasswordView,
    NewProvisioningCredential,
    ProvisioningCredentialsView,
    ProvisioningCredentialView,
)
from ringfence.hub.store import guard_models
from ringfence.phones.credentials import credential_user
from ringfence.phones.mac import Mac

router = APIRouter()


@router.get("/phones/{mac}/credential", tags=["guard"])
def show_credential(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> ProvisioningCredentialsView:
    """Show which provisioning credentials of a phone are good, without passwords."""
    with hub.database.reading() as session:
        phones.get(session, mac)
        return _view(mac, credentials.of_phone(session, mac))


@router.post("/phones/{mac}/credential", tags=["guard"])
def create_credential(
    mac: ThePhone, body: NewProvisioningCredential, hub: TheHub, caller: TheCaller
) -> ProvisioningCredentialsView:
    """Give a phone a new credential; its file holds it from the next publish on."""
    with hub.change(caller.name) as change:
        return _view(mac, credentials.create(change, hub.sealer, mac, is_only=body.only))


@router.post("/phones/{mac}/credential/reveal", tags=["guard"])
def reveal_credential(mac: ThePhone, hub: TheHub, caller: TheCaller) -> CredentialPasswordView:
    """Show a phone's newest credential, to type it into the phone; the audit log records this."""
    with hub.change(caller.name) as change:
        password = credentials.reveal(change, hub.sealer, mac).reveal()
        return CredentialPasswordView(user=credential_user(mac.bare), password=password)


@router.delete("/phones/{mac}/credential", status_code=204, tags=["guard"])
def remove_credential(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """End all of a phone's credentials."""
    with hub.change(caller.name) as change:
        credentials.remove(change, mac)


def _view(mac: Mac, rows: Sequence[guard_models.ProvisioningCredentialRow]) -> ProvisioningCredentialsView:
    return ProvisioningCredentialsView(
        mac=str(mac),
        user=credential_user(mac.bare),
        good=[
            ProvisioningCredentialView(serial=row.serial, created_at=row.created_at, proved_at=row.proved_at)
            for row in rows
        ],
    )
