"""Changing SIP secrets on both sides, in an order that locks nobody out.

1. The PBX accepts the new secret beside the old one.
2. The phone's file with the new one is published; the phone is told to fetch it.
3. The phone fetches it, which its edge reports.
4. The PBX accepts the new secret alone, for a trial. A registration that it accepts from then on proves that the phone
   has the new secret, whatever anybody reports; a phone that had registered just before is told to do so again.

If step 3 does not happen in time, or nothing proves the new secret during the trial, the old secret is restored in the
phone's file, and is valid at the PBX. Every stage is in the database: a hub that stops half-way continues where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import (
    BadSelection,
    PublishRunning,
    RotationRunning,
    UnknownPbx,
    Unpublished,
)
from ringfence.hub.fleet import (
    lines,
    pbxes,
    phones,
    sites,
)
from ringfence.hub.fleet.accounts import old_record
from ringfence.hub.publishing import holds
from ringfence.hub.publishing.publish import Publication, publish
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeReportRow, OldSecretRow, PbxRow, PhoneRow, RotationRow, SiteRow
from ringfence.hub.store.release_models import ReleaseTargetRow
from ringfence.hub.telephony import links
from ringfence.hub.telephony.pbx.port import PbxLink
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from ringfence.wire.messages import ReportKind

PATIENCE_S = 15 * 60
UNDER_WAY = ("publishing", "fetching", "registering")
_AUTHOR = "secret rotation"
_TELL_AFTER_S = 3.0
"""How long a phone has to obey its edge before it is told through the PBX too."""
_TELL_AGAIN_AFTER_S = 15.0
"""How long a phone that has fetched its file has to register by itself."""
TRIAL_S = 180.0
"""How long the PBX accepts the new secret alone before the old one is restored, if no registration proves it."""

_log = logs.get("rotating")


@dataclass(frozen=True, slots=True)
class _User:
    """One digest user of a phone, with what it registers as and its valid passwords."""

    index: int
    name: str
    auth_name: str
    new: Secret
    old: Secret


def begin(hub: Hub, who: str, macs: Sequence[Mac], patience_s: float = PATIENCE_S) -> None:
    """Start changing the secrets of these phones: all of them, or none if one can't; each then continues by itself."""
    if not macs:
        raise BadSelection("there is no phone whose secrets could be changed", to_do="Add phones to the site first.")
    with hub.change(who) as change:
        users = {mac: _prepare(hub, change, mac, patience_s) for mac in macs}
    with hub.database.reading() as session:
        rows = {mac: session.get_one(RotationRow, mac.bare) for mac in macs}
        serving = {mac: session.get_one(PbxRow, row.pbx_id) for mac, row in rows.items()}
    for mac, pbx in serving.items():
        try:
            _accept(hub, pbx, users[mac], new_first=True)
        except RingfenceError as fault:
            for each in macs:
                _put_back(hub, each, f"the PBX did not accept the new secret: {fault}", reached=False)
            raise
    with hub.change(who) as change:
        for mac in macs:
            row = change.session.get_one(RotationRow, mac.bare)
            row.stage, row.changed_at = "publishing", change.now
    go_on(hub)


def go_on(hub: Hub) -> int:
    """Take every running rotation as far as possible now; return how many are still running."""
    with hub.database.reading() as session:
        rows = session.scalars(select(RotationRow).where(RotationRow.stage.in_(UNDER_WAY))).all()
        sites_of = {row.mac: session.get_one(PhoneRow, row.mac).site_id for row in rows}
    due = sorted({sites_of[row.mac] for row in rows if row.stage == "publishing"})
    if due and not _publish(hub, due):
        return len(rows)
    for row in rows:
        try:
            _go_on_with(hub, Mac(row.mac))
        except RingfenceError as fault:
            _note(hub, Mac(row.mac), str(fault))
    with hub.database.reading() as session:
        return session.scalar(select(func.count()).where(RotationRow.stage.in_(UNDER_WAY))) or 0


def find(session: Session) -> Sequence[RotationRow]:
    """Return all rotations, newest first."""
    return session.scalars(select(RotationRow).order_by(RotationRow.began_at.desc(), RotationRow.mac)).all()


def _prepare(hub: Hub, change: Change, mac: Mac, patience_s: float) -> list[_User]:
    """Create the new secrets and store the old ones, in one transaction with the rotation's row."""
    phone = phones.get(change.session, mac)
    running = change.session.get(RotationRow, mac.bare)
    if running is not None and running.stage in UNDER_WAY:
        raise RotationRunning(f"the secrets of phone {mac} are already being changed", to_do="ringfence sip rotations")
    site = sites.get(change.session, phone.site_id)
    holds.check_not_held(site)
    if site.edits != site.rendered_edits:
        raise Unpublished(
            f"site {site.id} has unpublished edits, which would go out with the new secret",
            to_do=f"Publish them first: ringfence publish {site.id}.",
        )
    pbx, sip_server = pbxes.of_phone(change.session, mac)
    if pbx is None:
        raise UnknownPbx(
            f"there is no PBX for {sip_server}, which phone {mac} registers with",
            to_do="Add it: ringfence pbx add. Or change it by hand: ringfence line rotate, sip export, publish.",
        )
    users = []
    change.session.execute(delete(OldSecretRow).where(OldSecretRow.mac == mac.bare))
    for line in list(phone.lines):
        if not line.sealed_password:
            continue
        old = lines.open_password(hub.sealer, line)
        change.session.add(
            OldSecretRow(
                mac=mac.bare, index=line.index, sealed_password=hub.sealer.seal(old, old_record(mac.bare, line.index))
            )
        )
        lines.rotate(change, hub.sealer, mac, line.index)
        users.append(
            _User(line.index, line.name, line.auth_name or line.name, lines.open_password(hub.sealer, line), old)
        )
    row = running or RotationRow(mac=mac.bare)
    row.pbx_id, row.stage, row.release, row.detail, row.who = pbx.id, "accepting", site.newest_release, "", change.who
    row.began_at = row.changed_at = change.now
    row.until = change.now + patience_s
    change.session.add(row)
    change.note("sip.rotate", str(mac), f"{counted(len(users), 'secret')} at {pbx.id}")
    return users


def _publish(hub: Hub, site_ids: Sequence[str]) -> bool:
    """Publish the sites of new rotations; return whether that is done."""
    try:
        done = publish(hub, _AUTHOR, site_ids=site_ids, comment="New SIP secrets", with_diffs=False)
    except PublishRunning:
        return False
    except RingfenceError as fault:
        with hub.database.reading() as session:
            chosen = select(RotationRow.mac).where(RotationRow.stage == "publishing")
            macs = [Mac(mac) for mac in session.scalars(chosen)]
        for mac in macs:
            _put_back(hub, mac, f"the new secret could not be published: {fault}", reached=False)
        return True
    _put_back_unpublished(hub, done)
    with hub.change(_AUTHOR) as change:
        for row in change.session.scalars(select(RotationRow).where(RotationRow.stage == "publishing")):
            phone = change.session.get_one(PhoneRow, row.mac)
            row.release = change.session.get_one(SiteRow, phone.site_id).newest_release
            row.stage, row.changed_at = "fetching", change.now
    return True


def _put_back_unpublished(hub: Hub, done: Publication) -> None:
    """Put back the secrets of phones that the publish left out, or whose site is held."""
    why = {phone.mac: str(phone.fault) for phone in done.left_out}
    with hub.database.reading() as session:
        chosen = select(RotationRow.mac, PhoneRow.site_id).join(PhoneRow, PhoneRow.mac == RotationRow.mac)
        held = {site.id for site in done.held}
        for mac, site_id in session.execute(chosen.where(RotationRow.stage == "publishing")):
            if site_id in held:
                why.setdefault(Mac(mac), f"site {site_id} is held")
        macs = {Mac(mac) for mac in session.scalars(select(RotationRow.mac).where(RotationRow.stage == "publishing"))}
    for phone in sorted(macs & set(why), key=str):
        _put_back(hub, phone, f"the new secret could not be published: {why[phone]}", reached=False)


def _go_on_with(hub: Hub, mac: Mac) -> None:
    with hub.database.reading() as session:
        row = session.get(RotationRow, mac.bare)
        if row is None or row.stage not in {"fetching", "registering"}:
            return
        pbx = session.get_one(PbxRow, row.pbx_id)
        users = _users(hub, session, mac)
        has_fetched = _has_fetched(session, row)
    link = links.link(hub, pbx)
    now = hub.clock()
    if not has_fetched:
        if now >= row.until:
            _put_back(hub, mac, "the phone did not fetch its new file in time", reached=False)
        else:
            _tell(hub, mac, link, users, row)
        return
    if row.stage == "fetching":
        _begin_trial(hub, mac, pbx, users, link)
    elif _marks(users, link) - set(row.marks.split("\n")):
        _finish(hub, mac, "done", "")
    elif now >= row.changed_at + TRIAL_S:
        _put_back(hub, mac, "the phone has its new file but did not register with it in time", reached=True)
    else:
        _tell(hub, mac, link, users, row)


def _begin_trial(hub: Hub, mac: Mac, pbx: PbxRow, users: Sequence[_User], link: PbxLink) -> None:
    _accept(hub, pbx, users, new_first=True, ends_old=True)
    marks = _marks(users, link)  # read afterwards: what is not among them was accepted with the new secret
    with hub.change(_AUTHOR) as change:
        row = change.session.get_one(RotationRow, mac.bare)
        row.stage, row.changed_at, row.detail = "registering", change.now, "it has its new file"
        row.marks = "\n".join(sorted(marks))


def _marks(users: Sequence[_User], link: PbxLink) -> set[str]:
    """Return what tells each registration of a phone from the one before and the one after it."""
    return {contact.mark for user in users for contact in link.contacts(user.name)}


def _tell(hub: Hub, mac: Mac, link: PbxLink, users: Sequence[_User], row: RotationRow) -> None:
    """Tell the phone through the PBX too, in case it refused the edge's order for lack of the REGISTER's Call-ID."""
    waits_s = _TELL_AFTER_S if row.stage == "fetching" else _TELL_AGAIN_AFTER_S
    if hub.clock() - row.changed_at < waits_s or row.detail.startswith("told"):
        return
    with hub.database.reading() as session:
        family, _model = model_of(session.get_one(PhoneRow, mac.bare).model)
    for user in users[:1]:
        for contact in link.contacts(user.name):
            link.reload(user.name, contact, family.reload_event.value)
            _note(hub, mac, "told through the PBX to fetch its new file")


def _has_fetched(session: Session, row: RotationRow) -> bool:
    """Return whether the phone took its file of the release with its new secret, as its edge reports."""
    owned = select(ReleaseTargetRow.name).where(
        ReleaseTargetRow.owner == row.mac, ReleaseTargetRow.number == row.release
    )
    chosen = select(func.count()).where(
        EdgeReportRow.owner == row.mac,
        EdgeReportRow.kind == ReportKind.FILE_SERVED,
        EdgeReportRow.release >= row.release,
        EdgeReportRow.name.in_(owned),
        EdgeReportRow.received_at >= row.began_at,
    )
    return bool(session.scalar(chosen))


def _users(hub: Hub, session: Session, mac: Mac) -> list[_User]:
    phone = phones.get(session, mac)
    old = {row.index: row for row in session.scalars(select(OldSecretRow).where(OldSecretRow.mac == mac.bare))}
    return [
        _User(
            line.index,
            line.name,
            line.auth_name or line.name,
            lines.open_password(hub.sealer, line),
            hub.sealer.open(old[line.index].sealed_password, old_record(mac.bare, line.index)),
        )
        for line in phone.lines
        if line.index in old
    ]


def _accept(hub: Hub, pbx: PbxRow, users: Sequence[_User], *, new_first: bool, ends_old: bool = False) -> None:
    link = links.link(hub, pbx)
    for user in users:
        both = (user.new, user.old) if new_first else (user.old, user.new)
        link.accept(user.auth_name, pbx.realm, both[:1] if ends_old else both)


def _put_back(hub: Hub, mac: Mac, why: str, *, reached: bool) -> None:
    """Restore the phone's old secrets; the PBX accepts the new ones too if the phone may have them."""
    with hub.change(_AUTHOR) as change:
        users = _users(hub, change.session, mac)
        phone = phones.get(change.session, mac)
        for user in users:
            lines.put(change, hub.sealer, mac, user.index, lines.LineParts(password=user.old))
        pbx = change.session.get_one(PbxRow, change.session.get_one(RotationRow, mac.bare).pbx_id)
        site_id = phone.site_id
    problems = []
    # The phone may fetch between our look and this publish: the PBX takes both until the old file is out.
    for work in (
        lambda: _accept(hub, pbx, users, new_first=False),
        lambda: publish(hub, _AUTHOR, site_ids=[site_id], comment="Old SIP secrets restored", with_diffs=False),
        lambda: None if reached else _accept(hub, pbx, users, new_first=False, ends_old=True),
    ):
        try:
            work()
        except RingfenceError as fault:
            problems.append(str(fault))
    _finish(hub, mac, "rolled-back", " ".join((why, *problems)))


def _finish(hub: Hub, mac: Mac, stage: str, detail: str) -> None:
    with hub.change(_AUTHOR) as change:
        row = change.session.get_one(RotationRow, mac.bare)
        row.stage, row.changed_at, row.detail = stage, change.now, detail[:500]
        change.session.execute(delete(OldSecretRow).where(OldSecretRow.mac == mac.bare))
        change.note(f"sip.rotate.{stage}", str(mac), detail)
    _log.info("secrets changed" if stage == "done" else "secrets put back", phone=str(mac), detail=detail)


def _note(hub: Hub, mac: Mac, detail: str) -> None:
    with hub.change(_AUTHOR) as change:
        row = change.session.get(RotationRow, mac.bare)
        if row is not None:
            row.detail = detail[:500]
