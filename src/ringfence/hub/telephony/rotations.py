"""Changing SIP secrets on both sides, in an order that locks nobody out.

| stage | what the PBX accepts | what is awaited |
|---|---|---|
| accepting | the old secret, then both | that the PBX accepts both |
| publishing | both | that the file with the new secret is published |
| fetching | both | that the phone fetches it, which its edge reports |
| registering | the new one alone, for a trial | a registration since, which only the new secret can make |
| done | the new one alone | |
| restoring | what it did, then both | that the PBX accepts both again |
| republishing | both | that the file with the old secret is published |
| refetching | both | that the phone, which may have the new one, fetches it |
| ending | both, then the old one alone | that the PBX accepts the old one alone |
| rolled-back | the old one alone, or both if the phone may have the new one still | |

The way back is taken if the phone does not fetch its file in time, or if nothing proves the new secret during the
trial. Before the trial nothing that a phone registers with is taken from it, and on the way back neither. A PBX that
takes one password of a user at a time (``PbxLink.passwords_at_once``) has, instead of both, the one that the phone has.

Every stage is in the database, and each of its steps can be repeated: a hub that stops half-way, or a PBX that is away,
delays a change but never leaves it half done. What fails is tried again, less and less often, and is told
(``RotationRow.problem``). All phones whose stage is the same are dealt with in one step at their PBX. Phones that share
a line go from stage to stage together (``shared_lines``).
"""

import threading
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, PbxRefused, PublishRunning
from ringfence.hub.fleet import lines, phones
from ringfence.hub.fleet.accounts import old_record
from ringfence.hub.fleet.rotation_stages import GOING_BACK, GOING_FORWARD, RotationStage
from ringfence.hub.publishing.publish import Publication, publish
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.pbx_models import OldSecretRow, PbxRow, RotationRow
from ringfence.hub.telephony import changing_secrets, links, new_rotations, reload_by_pbx, shared_lines
from ringfence.hub.telephony import stored_rotations as stored
from ringfence.hub.telephony.pbx.port import Credential, PbxLink
from ringfence.phones.mac import Mac

PATIENCE_S = 15 * 60
TRIAL_S = 180.0
"""How long the PBX accepts the new secret alone before the old one is restored, if no registration proves it."""
_TELL_AFTER_S = 3.0
"""How long a phone has to obey its edge before it is told through the PBX too."""
_TELL_AGAIN_AFTER_S = 15.0
"""How long a phone that has fetched its file has to register by itself."""
_BEGINNER_TAKES_S = 60.0
"""How long whoever began a change may take for its first step before somebody else takes it over."""
_KEPT = "; the PBX still accepts the new secret too, as the phone may have it"
_TURN = threading.Lock()
"""Held by whoever advances changes of this process: two would take each step twice."""

_log = logs.get("rotating")


def begin(hub: Hub, who: str, macs: Sequence[Mac], patience_s: float = PATIENCE_S) -> Sequence[Mac]:
    """Start changing the secrets of these phones: all of them, or none if one can't; each then continues by itself.

    Return the phones: those that share a line with one of them are among them.

    PbxUnavailable or PbxRefused if a PBX does not answer or accept: then the phones keep their old secrets.
    """
    if not macs:
        raise BadSelection("there is no phone whose secrets could be changed", to_do="Add phones to the site first.")
    with hub.database.reading() as session:
        new_rotations.check_phones(session, macs)
        serving = {mac: new_rotations.pbx_of(session, mac) for mac in macs}
        groups = shared_lines.groups(session, serving)
        macs = [mac for group in groups for mac in group]
        for group in groups:
            shared_lines.check(hub, session, group)
    for pbx in {pbx.id: pbx for pbx in serving.values()}.values():
        link = links.link(hub, pbx)
        link.check()  # while a PBX does not answer, nothing is changed
        shared = next(
            (group for group in groups if len(group) > 1 and pbx.id in {row.id for row in group.values()}), {}
        )
        if shared and link.passwords_at_once() == 1:
            raise BadSelection(
                f"phones {' and '.join(str(mac) for mac in list(shared)[:2])} share a line, and PBX {pbx.id} takes one "
                "password of a line at a time: one of them would be locked out meanwhile",
                to_do="Update the PBX, or change it by hand: one password for all of its phones, an export, a publish.",
            )
    with hub.change(who) as change:
        new_rotations.check_phones(change.session, macs)
        for group in groups:
            new_rotations.prepare(hub, change, group, patience_s)
    with _TURN:
        faults = _accept(hub, RotationStage.ACCEPTING, macs)
        if faults:
            for mac in macs:
                _go_back(hub, mac, f"the PBX did not accept the new secret: {next(iter(faults.values()))}")
        else:
            stored.enter(hub, macs, RotationStage.PUBLISHING)
    go_on(hub)
    if faults:
        raise next(iter(faults.values()))
    return macs


def go_on(hub: Hub) -> int:
    """Take every running rotation as far as possible now; return how many are still running."""
    if not stored.count(hub):
        return 0
    with _TURN:
        _accept_both(hub)
        _publish_new(hub)
        _look_for_fetches(hub)
        _look_for_registrations(hub)
        _accept_both_again(hub)
        _publish_old(hub)
        _look_for_fetches_of_old(hub)
        _end(hub)
    return stored.count(hub)


def find(session: Session) -> Sequence[RotationRow]:
    """Return all rotations, newest first."""
    return session.scalars(select(RotationRow).order_by(RotationRow.began_at.desc(), RotationRow.mac)).all()


def _accept_both(hub: Hub) -> None:
    """Take over what somebody began and did not go on with: a hub that was stopped."""
    macs = [Mac(row.mac) for row in stored.due(hub, RotationStage.ACCEPTING)
            if hub.clock() >= row.changed_at + _BEGINNER_TAKES_S]  # fmt: skip
    faults = _accept(hub, RotationStage.ACCEPTING, macs)
    accepted = [mac for mac in macs if mac not in faults]
    stored.enter(hub, shared_lines.whole(hub, accepted, RotationStage.PUBLISHING), RotationStage.PUBLISHING)
    for mac, fault in faults.items():
        _go_back(hub, mac, f"the PBX did not accept the new secret: {fault}")


def _publish_new(hub: Hub) -> None:
    rows = stored.due(hub, RotationStage.PUBLISHING)
    if not rows:
        return
    try:
        done = _publish(hub, rows, "New SIP secrets")
    except PublishRunning:
        return
    except RingfenceError as fault:
        for row in rows:
            _go_back(hub, Mac(row.mac), f"the new secret could not be published: {fault}")
        return
    unpublished = _unpublished(hub, rows, done)
    for mac, why in unpublished.items():
        _go_back(hub, mac, f"the new secret could not be published: {why}")
    with hub.change(stored.AUTHOR) as change:
        for row in rows:
            if Mac(row.mac) not in unpublished:
                found = change.session.get_one(RotationRow, row.mac)
                found.release = stored.newest_release(change.session, row.mac)
                if found.stage == RotationStage.PUBLISHING:  # another phone of its group may have taken it back
                    stored.set_stage(change, found, RotationStage.FETCHING)


def _look_for_fetches(hub: Hub) -> None:
    """Begin the trial of phones that have their new file, all in one step; give up those that are late."""
    fetched: list[Mac] = []
    late: list[Mac] = []
    for row in stored.due(hub, RotationStage.FETCHING):
        with hub.database.reading() as session:
            has_fetched = stored.has_fetched(session, row, row.release)
        if has_fetched:
            fetched.append(Mac(row.mac))
        elif hub.clock() >= row.until:
            late.append(Mac(row.mac))
        else:
            _tell(hub, row)
    for mac in late:
        _go_back(hub, mac, "the phone did not fetch its new file in time")
    fetched = shared_lines.whole(hub, fetched, RotationStage.REGISTERING)
    faults = _accept(hub, RotationStage.REGISTERING, fetched)
    for mac in fetched:
        if mac in faults:
            stored.note_problem(hub, mac, faults[mac])
            continue
        try:
            marks = _marks(hub, mac)  # read afterwards: what is not among them was accepted with the new secret
        except RingfenceError as fault:
            stored.note_problem(hub, mac, fault)
            continue
        with hub.change(stored.AUTHOR) as change:
            row = change.session.get_one(RotationRow, mac.bare)
            if row.stage == RotationStage.FETCHING:
                stored.set_stage(change, row, RotationStage.REGISTERING, "it has its new file")
                row.marks = "\n".join(sorted(marks))


def _look_for_registrations(hub: Hub) -> None:
    proven: list[Mac] = []
    for row in stored.due(hub, RotationStage.REGISTERING):
        mac, is_late = Mac(row.mac), hub.clock() >= row.changed_at + TRIAL_S
        try:
            is_proven = _has_registered(hub, row)
        except RingfenceError as fault:
            if not is_late:
                stored.note_problem(hub, mac, fault)
                continue
            is_proven = False
        else:
            stored.forget_problem(hub, row)
        if is_proven:
            proven.append(mac)
        elif is_late:
            _go_back(hub, mac, "the phone has its new file but did not register with it in time")
        else:
            _tell(hub, row)
    stored.finish(hub, dict.fromkeys(shared_lines.whole(hub, proven, RotationStage.DONE), ""), RotationStage.DONE)


def _has_registered(hub: Hub, row: RotationRow) -> bool:
    """Return whether a registration is new; of a shared line one for each phone that has it."""
    link, names = _link(hub, Mac(row.mac))
    before, having = set(row.marks.split("\n")), shared_lines.phones_by_name(hub, row)
    return any(len({each.mark for each in link.contacts(name)} - before) >= having[name] for name in names)


def _go_back(hub: Hub, mac: Mac, why: str) -> None:
    """Restore a phone's old secrets here, and those of all phones that share a line with it.

    The PBX and the phones' files follow, however long that takes.
    """
    try:
        with hub.change(stored.AUTHOR) as change:
            row = change.session.get(RotationRow, mac.bare, with_for_update=True)  # another hub would swap them back
            if row is None or row.stage not in GOING_FORWARD:
                return
            for each in shared_lines.mates(change.session, row):
                _swap_secrets(hub, change, Mac(each.mac))
                told = why if each is row else f"phone {mac}, which has a line of its, goes back: {why}"
                stored.set_stage(change, each, RotationStage.RESTORING, told)
    except RingfenceError as fault:
        stored.note_problem(hub, mac, fault)
    else:
        _log.info("secrets are put back", phone=str(mac), detail=why)


def _swap_secrets(hub: Hub, change: Change, mac: Mac) -> None:
    """Give a phone's lines their old secrets, and keep the new ones, which the PBX is to accept until the end."""
    kept = change.session.scalars(select(OldSecretRow).where(OldSecretRow.mac == mac.bare))
    others = {each.index: each for each in kept}
    for line in phones.get(change.session, mac).lines:
        if line.index in others:
            new, other = lines.open_password(hub.sealer, line), others[line.index]
            old = hub.sealer.open(other.sealed_password, old_record(mac.bare, line.index))
            lines.restore(change, hub.sealer, mac, line.index, old)
            other.sealed_password = hub.sealer.seal(new, old_record(mac.bare, line.index))


def _accept_both_again(hub: Hub) -> None:
    rows = stored.due(hub, RotationStage.RESTORING)
    macs = [Mac(row.mac) for row in rows if row.release]  # a secret that was never published is nobody's
    faults = _accept(hub, RotationStage.RESTORING, macs)
    stored.enter(hub, [mac for row in rows if (mac := Mac(row.mac)) not in faults], RotationStage.REPUBLISHING)
    for mac, fault in faults.items():
        stored.note_problem(hub, mac, fault)


def _publish_old(hub: Hub) -> None:
    rows = stored.due(hub, RotationStage.REPUBLISHING)
    if not rows:
        return
    try:
        done = _publish(hub, rows, "Old SIP secrets restored")
    except PublishRunning:
        return
    except RingfenceError as fault:
        for row in rows:
            stored.note_problem(hub, Mac(row.mac), fault)
        return
    unpublished = _unpublished(hub, rows, done)
    for mac, why in unpublished.items():
        stored.note_problem(hub, mac, f"the old secret could not be published: {why}")
    with hub.change(stored.AUTHOR) as change:
        for row in rows:
            if Mac(row.mac) in unpublished:
                continue
            found = change.session.get_one(RotationRow, row.mac)
            found.restored = stored.newest_release(change.session, row.mac)
            found.until = change.now + PATIENCE_S
            stage = RotationStage.REFETCHING if stored.may_have_new(change.session, found) else RotationStage.ENDING
            stored.set_stage(change, found, stage)


def _look_for_fetches_of_old(hub: Hub) -> None:
    for row in stored.due(hub, RotationStage.REFETCHING):
        with hub.database.reading() as session:
            has_fetched = stored.has_fetched(session, row, row.restored)
        if has_fetched:
            stored.enter(hub, [Mac(row.mac)], RotationStage.ENDING)
        elif hub.clock() < row.until:
            _tell(hub, row)
        else:
            stored.finish(hub, {Mac(row.mac): row.detail + _KEPT}, RotationStage.ROLLED_BACK, keeps_new=True)


def _end(hub: Hub) -> None:
    rows = {Mac(row.mac): row for row in stored.due(hub, RotationStage.ENDING)}
    with hub.database.reading() as session:  # an edge may report late that the phone took the new secret
        may_have_new = [mac for mac, row in rows.items() if stored.may_have_new(session, row)]
        late = [mac for mac in may_have_new if not stored.has_fetched(session, rows[mac], rows[mac].restored)]
        waiting = [mac for mac, row in rows.items() if mac in late or shared_lines.waits_for_others(session, row)]
        kept = {
            mac: row.detail + _KEPT
            for mac, row in rows.items()
            if mac not in waiting and shared_lines.keeps_new(session, row)
        }
    stored.enter(hub, late, RotationStage.REFETCHING)
    stored.finish(hub, kept, RotationStage.ROLLED_BACK, keeps_new=True)
    ending = [mac for mac in rows if mac not in waiting and mac not in kept]
    faults = _accept(hub, RotationStage.ENDING, ending)
    for mac in ending:
        fault = faults.get(mac)
        if fault is None or (isinstance(fault, PbxRefused) and not rows[mac].release):
            stored.finish(hub, {mac: rows[mac].detail}, RotationStage.ROLLED_BACK)
        else:
            stored.note_problem(hub, mac, fault)


def _accept(hub: Hub, stage: RotationStage, macs: Sequence[Mac]) -> dict[Mac, RingfenceError]:
    """Make each PBX accept what belongs to a stage, for all of its phones at once; return what failed."""
    faults: dict[Mac, RingfenceError] = {}
    for pbx, of_pbx in _by_pbx(hub, macs):
        try:
            link = links.link(hub, pbx)
            at_once = link.passwords_at_once()
        except RingfenceError as fault:
            faults |= dict.fromkeys(of_pbx, fault)
            continue
        wanted: dict[Mac, Sequence[Credential]] = {}
        for mac in of_pbx:
            try:
                with hub.database.reading() as session:
                    has_other = _phone_has_other(session, mac, stage)
                    wanted[mac] = changing_secrets.wanted(
                        hub, session, mac, stage, at_once=at_once, phone_has_other=has_other
                    )
            except RingfenceError as fault:
                faults[mac] = fault
        if wanted:
            faults |= changing_secrets.accept(link, pbx.realm, wanted)
    return faults


def _by_pbx(hub: Hub, macs: Sequence[Mac]) -> Iterator[tuple[PbxRow, list[Mac]]]:
    with hub.database.reading() as session:
        found: dict[str, list[Mac]] = {}
        for mac in macs:
            found.setdefault(session.get_one(RotationRow, mac.bare).pbx_id, []).append(mac)
        rows = {pbx_id: session.get_one(PbxRow, pbx_id) for pbx_id in found}
    yield from ((rows[pbx_id], of_pbx) for pbx_id, of_pbx in found.items())


def _phone_has_other(session: Session, mac: Mac, stage: RotationStage) -> bool:
    """Return whether a phone rather has the secret that its published file is not to have."""
    row = session.get_one(RotationRow, mac.bare)
    return (
        stored.may_have_new(session, row) if stage in GOING_BACK else not stored.has_fetched(session, row, row.release)
    )


def _marks(hub: Hub, mac: Mac) -> set[str]:
    """Return what tells each registration of a phone from the one before and the one after it."""
    link, names = _link(hub, mac)
    return {contact.mark for name in names for contact in link.contacts(name)}


def _link(hub: Hub, mac: Mac) -> tuple[PbxLink, list[str]]:
    """Return a phone's PBX, and the names of its lines there."""
    with hub.database.reading() as session:
        pbx = session.get_one(PbxRow, session.get_one(RotationRow, mac.bare).pbx_id)
        names = [line.name for line in phones.get(session, mac).lines]
    return links.link(hub, pbx), names


def _tell(hub: Hub, row: RotationRow) -> None:
    """Tell the phone through the PBX too, in case it refused the edge's order for lack of the REGISTER's Call-ID."""
    waits_s = _TELL_AGAIN_AFTER_S if row.stage == RotationStage.REGISTERING else _TELL_AFTER_S
    if hub.clock() - row.changed_at < waits_s or row.told:
        return
    mac = Mac(row.mac)
    try:
        link, names = _link(hub, mac)
        sent = reload_by_pbx.send(hub, mac, link, row.pbx_id, names)
    except RingfenceError as fault:
        stored.note_problem(hub, mac, fault)
        return
    stored.forget_problem(hub, row)
    if sent is not None:
        with hub.change(stored.AUTHOR) as change:
            told = change.session.get_one(RotationRow, row.mac)
            told.told = True
            if told.stage in GOING_FORWARD:
                told.detail = "it was sent an order to fetch its new file"


def _publish(hub: Hub, rows: Sequence[RotationRow], comment: str) -> Publication:
    return publish(hub, stored.AUTHOR, site_ids=stored.sites(hub, rows), comment=comment, with_diffs=False)


def _unpublished(hub: Hub, rows: Sequence[RotationRow], done: Publication) -> dict[Mac, str]:
    """Return the phones that a publish left out, or whose site is held, and why."""
    why = {phone.mac: str(phone.fault) for phone in done.left_out}
    held = {site.id for site in done.held}
    with hub.database.reading() as session:
        for row in rows:
            site_id = session.get_one(PhoneRow, row.mac).site_id
            if site_id in held:
                why.setdefault(Mac(row.mac), f"site {site_id} is held")
    macs = {Mac(row.mac) for row in rows}
    return {mac: text for mac, text in why.items() if mac in macs}
