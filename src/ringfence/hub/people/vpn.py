"""VPN head ends: where phones with an AnyConnect client of their own connect to."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from ringfence.hub.core import Hub
from ringfence.hub.fleet import phones, vpn_phones
from ringfence.hub.fleet.vpn_certificate_states import VpnCertificateState
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.vpn import (
    HeadEndCertificateView,
    HeadEndChangesBody,
    HeadEndFilesView,
    HeadEndLook,
    HeadEndOrder,
    HeadEndSwitch,
    HeadEndUsersView,
    HeadEndView,
    NewHeadEnd,
    NewHeadEndCertificate,
    NewVpnPassword,
    VpnPasswordView,
    VpnPhoneView,
)
from ringfence.hub.store import audit_chain, pages
from ringfence.hub.store.binding import whose
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.vpn_models import VpnCertificateRow, VpnHeadEndRow, VpnPasswordRow, VpnPhoneRow
from ringfence.hub.vpn import certificates, export, head_ends, users, vpn_alerts
from ringfence.hub.vpn.head_ends import HeadEndChanges
from ringfence.phones.mac import Mac
from ringfence.phones.vpn.head_end import VpnLogin
from ringfence.phones.vpn.users import user_of

router = APIRouter()

LONGEST_WAIT_S = 25
_LOOK_EVERY_S = 1.0


@router.get("/vpn", tags=["vpn"])
def list_head_ends(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[HeadEndView]:
    """List the VPN head ends by name."""
    with hub.database.reading() as session:
        found = pages.read(session, head_ends.choose(), page, VpnHeadEndRow.name)
        return Items.of(found.each(lambda row: _head_end(hub, session, row)))


@router.post("/vpn", status_code=201, tags=["vpn"])
def create_head_end(body: NewHeadEnd, hub: TheHub, caller: TheCaller) -> HeadEndView:
    """Add a VPN head end; its certificate is announced after that."""
    said = HeadEndChanges(body.addresses, body.login, body.network, body.routes)
    with hub.change(caller.name) as change:
        row = head_ends.create(change, body.name, said)
        return _flushed(hub, change.session, row)


@router.get("/vpn/{head_end}", tags=["vpn"])
def show_head_end(head_end: str, hub: TheHub, _caller: TheCaller) -> HeadEndView:
    """Show a VPN head end, and how far the change of its certificate is."""
    with hub.database.reading() as session:
        return _head_end(hub, session, head_ends.get(session, head_end))


@router.patch("/vpn/{head_end}", tags=["vpn"])
def change_head_end(head_end: str, body: HeadEndChangesBody, hub: TheHub, caller: TheCaller) -> HeadEndView:
    """Change where a head end is, how phones sign in, or what they reach through it; phones are told by a publish."""
    said = HeadEndChanges(body.addresses, body.login, body.network, body.routes)
    with hub.change(caller.name) as change:
        row = head_ends.change_head_end(change, head_end, said)
        certificates.check_addresses(change.session, row)
        return _flushed(hub, change.session, row)


@router.delete("/vpn/{head_end}", status_code=204, tags=["vpn"])
def remove_head_end(head_end: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a head end that no setting and no phone's file names."""
    with hub.change(caller.name) as change:
        head_ends.remove(change, head_end)


@router.post("/vpn/{head_end}/certificates", status_code=201, tags=["vpn"])
def announce_certificate(
    head_end: str, body: NewHeadEndCertificate, hub: TheHub, caller: TheCaller
) -> HeadEndCertificateView:
    """Announce a certificate: the next publish puts it beside the present one in every phone's file."""
    with hub.change(caller.name) as change:
        row = certificates.announce(change, head_end, body.pem)
        change.session.flush()
        return _certificate(row)


@router.delete("/vpn/{head_end}/certificates", status_code=204, tags=["vpn"])
def withdraw_certificate(head_end: str, hub: TheHub, caller: TheCaller) -> None:
    """Take back the announcement of a certificate that was never used."""
    with hub.change(caller.name) as change:
        certificates.withdraw(change, head_end)


@router.post("/vpn/{head_end}/switch", tags=["vpn"])
def switch_certificate(head_end: str, body: HeadEndSwitch, hub: TheHub, caller: TheCaller) -> HeadEndView:
    """Take the announced certificate into use, once every phone knows it; the next export has it."""
    with hub.change(caller.name) as change:
        certificates.switch(change, head_end, leaves_behind=body.leave_behind)
        return _flushed(hub, change.session, head_ends.get(change.session, head_end))


@router.get("/vpn/{head_end}/phones", tags=["vpn"])
def list_phones_of_head_end(
    head_end: str,
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    missing: Annotated[bool, Query(description="Only phones that could not connect")] = False,
) -> Items[VpnPhoneView]:
    """List a head end's phones by address. With ``missing`` a page may be short: go on while there is a next one."""
    with hub.database.reading() as session:
        name = head_ends.get(session, head_end).name
        found = pages.read(session, vpn_phones.of_head_end(name), page, VpnPhoneRow.mac)
        views = _phones(session, name, found.rows)
        return Items(items=[each for each in views if not missing or each.missing], next=found.next)


@router.post("/vpn/{head_end}/export", tags=["vpn"])
def export_head_end(head_end: str, body: HeadEndOrder, hub: TheHub, caller: TheCaller) -> HeadEndFilesView:
    """Return what a head end needs: its configuration, and who may use it. The audit log records this."""
    with hub.change(caller.name) as change:
        made = export.export(hub, change, head_end, body.folder, body.version)
    return HeadEndFilesView(
        files=made.files, certificate=made.certificate, key_file=made.key_file, warnings=made.warnings
    )


@router.post("/vpn/{head_end}/passwords", status_code=201, tags=["vpn"])
def make_vpn_password(head_end: str, body: NewVpnPassword, hub: TheHub, caller: TheCaller) -> VpnPasswordView:
    """Give a phone another password for its head end. It is shown only once; the one before counts no more."""
    mac = Mac.parse(body.mac)
    with hub.change(caller.name) as change:
        head_ends.get(change.session, head_end)
        password = users.new_password(change, mac)
    return VpnPasswordView(mac=str(mac), user=user_of(mac), password=password.reveal())


@router.post("/vpn/{head_end}/shown", tags=["vpn"])
def note_shown_certificate(head_end: str, body: HeadEndLook, hub: TheHub, caller: TheCaller) -> HeadEndView:
    """Tell which certificate a head end shows; with the one in use, phones' files need older ones no more."""
    with hub.change(caller.name) as change:
        row = certificates.note_shown(change, head_end, body.fingerprint, follows=body.follows)
        return _flushed(hub, change.session, row)


@router.get("/vpn/{head_end}/users", tags=["vpn"])
async def follow_users(
    head_end: str,
    hub: TheHub,
    _caller: TheCaller,
    since: Annotated[str, Query(max_length=64, description="The version that is there already")] = "",
    wait_s: Annotated[int, Query(ge=0, le=LONGEST_WAIT_S, description="How long to wait for another one")] = 0,
) -> HeadEndUsersView:
    """Return who may use a head end, at once or as soon as that is another than ``since``."""
    entry = await run_in_threadpool(_newest_entry, hub)
    found = await run_in_threadpool(_users, hub, head_end, since)
    for _turn in range(int(wait_s / _LOOK_EVERY_S)):
        if found.files or hub.wakeups.closing:
            break
        await asyncio.sleep(_LOOK_EVERY_S)
        newest = await run_in_threadpool(_newest_entry, hub)
        if newest != entry:  # whatever lets somebody in or out has an entry in the audit log
            entry, found = newest, await run_in_threadpool(_users, hub, head_end, since)
    return found


def _newest_entry(hub: Hub) -> int:
    with hub.database.reading() as session:
        return audit_chain.head(session, whose(session))[0]


def _users(hub: Hub, name: str, since: str) -> HeadEndUsersView:
    with hub.database.reading() as session:
        row = head_ends.get(session, name)
        found = users.of_head_end(hub, session, row, hub.clock())
        used = certificates.used_of(session, name)
        files = {} if found.version == since else dict(found.files)
        return HeadEndUsersView(
            version=found.version,
            files=files,
            users=list(found.users) if files else [],
            revoked=dict(found.revoked) if files else {},
            certificate=used.fingerprint,
        )


def _flushed(hub: Hub, session: Session, row: VpnHeadEndRow) -> HeadEndView:
    session.flush()
    return _head_end(hub, session, row)


def _head_end(hub: Hub, session: Session, row: VpnHeadEndRow) -> HeadEndView:
    at = certificates.roll_over(session, row.name)
    return HeadEndView(
        name=row.name, addresses=list(row.addresses), login=VpnLogin(row.login), network=row.network,
        routes=list(row.routes),
        certificates=[_certificate(each) for each in head_ends.certificates(session, row.name)],
        phones=vpn_phones.count(session, row.name), missing=len(at.missing), exported_at=row.exported_at,
        exported_by=row.exported_by, exported=row.exported, shown_at=row.shown_at, shown=row.shown,
        followed_at=row.followed_at, attention=vpn_alerts.attention(row, at, hub.clock()),
        next_step=vpn_alerts.next_step(row, at),
    )  # fmt: skip


def _certificate(row: VpnCertificateRow) -> HeadEndCertificateView:
    return HeadEndCertificateView(
        fingerprint=row.fingerprint, pin=row.pin, state=VpnCertificateState(row.state), subject=row.subject,
        ends_at=row.ends_at, announced_at=row.announced_at, announced_by=row.announced_by, used_since=row.used_since,
    )  # fmt: skip


def _phones(session: Session, name: str, rows: Sequence[VpnPhoneRow]) -> list[VpnPhoneView]:
    at = certificates.roll_over(session, name)
    due = at.announced or at.used
    macs = [row.mac for row in rows]
    known = {each.mac: each for each in session.scalars(select(PhoneRow).where(PhoneRow.mac.in_(macs)))}
    chosen = select(VpnPasswordRow.mac).where(VpnPasswordRow.mac.in_(macs))
    with_password = set(session.scalars(chosen))
    views = []
    for row in rows:
        phone = known.get(row.mac) or phones.get(session, Mac(row.mac))
        finds = due is not None and row.offered_to == name and due.pin in row.offered
        missing = due is not None and not vpn_phones.knows(row, name, due.pin)
        mac = str(Mac(row.mac))
        step = "" if not missing else f"Reload it: ringfence phone reload {mac}." if finds else "ringfence publish"
        views.append(
            VpnPhoneView(
                mac=mac, site=phone.site_id, model=phone.model, description=phone.description, missing=missing,
                finds=finds, taken_at=row.taken_at, has_password=row.mac in with_password, next_step=step,
            )
        )  # fmt: skip
    return views
