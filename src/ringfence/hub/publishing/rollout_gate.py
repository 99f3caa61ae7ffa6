"""What advances a rollout: publish the sites whose turn it is, look after their phones, and decide about the wave.

A phone is well once it has taken its own file as it is now, was quiet for a boot's time after that, and is registered
where its PBX tells. What somebody asks for in a phone's name proves nothing and stops nothing; only what the phone has
not done in time counts against it.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import PublishRunning
from ringfence.hub.fleet import edges, observations, phone_files, quiet_hours
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing.releases import targets
from ringfence.hub.publishing.reload_orders import ReloadOrders
from ringfence.hub.publishing.rollout_orders import PhonesAtPbx, in_calls_at, note_busy, tell_waiting
from ringfence.hub.publishing.rollouts import (
    DECIDED,
    FAILED,
    GONE,
    PASSED,
    PUBLISHED,
    PUBLISHING,
    RUNNING,
    WAITING,
    end_hold,
    get,
    next_wave,
    pause_because,
    sites_of,
)
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeReportRow, EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import PreparedTargetRow
from ringfence.hub.store.rollout_models import RolloutPhoneRow, RolloutRow, RolloutSiteRow
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

SETTLES_S = 90.0
"""How long a phone that has taken its file must be well: so long is a boot (PHONES.md section 2b)."""
_BAD_SIGNS = frozenset({"rejects", "foreign-list", "boot-loop", "not-registered", "firmware-missing"})
_WHOLE = 100
_ASKED_AT_ONCE = 20
"""How many phones' PBXes are asked in one look."""
_LONGEST_COMMENT = 200
_LONGEST_PUBLISH_S = 600.0
"""After this whoever began to publish a site has died."""

_log = logs.get("rollouts")


def go_on(hub: Hub, pbx: PhonesAtPbx) -> None:
    """Advance every rollout that runs: publish what is due, tell and look after phones, and end waves."""
    with hub.database.reading() as session:
        running = session.scalars(select(RolloutRow.id).where(RolloutRow.state == RUNNING)).all()
    for rollout_id in running:
        _publish_waiting(hub, rollout_id, pbx)
        tell_waiting(hub, rollout_id, pbx)
        _look_after(hub, rollout_id, pbx)
        with hub.change("the hub") as change:
            _end_wave(change, rollout_id)


def _publish_waiting(hub: Hub, rollout_id: str, pbx: PhonesAtPbx) -> None:
    now = hub.clock()
    with hub.database.reading() as session:
        rollout = get(session, rollout_id)
        there = sites_of(session, rollout_id)
        due = [site.site_id for site in there if site.wave <= rollout.wave and _is_due(site, now)]
    hours = quiet_hours.parse(rollout.hours, rollout.time_zone)
    if due and (hours is None or hours.over(now) > now):
        for site_id in due:
            if _claim(hub, rollout, site_id):
                _publish(hub, rollout, site_id, pbx)


def _is_due(site: RolloutSiteRow, now: float) -> bool:
    """Return whether a site is to be published: nobody did, or somebody who then died began to."""
    is_lost = site.state == PUBLISHING and now > (site.published_at or 0.0) + _LONGEST_PUBLISH_S
    return site.state == WAITING or is_lost


def _claim(hub: Hub, rollout: RolloutRow, site_id: str) -> bool:
    """Return whether it is this process that publishes a site, and end the site's hold."""
    with hub.change(rollout.who) as change:
        row = change.session.get_one(RolloutSiteRow, (rollout.id, site_id))
        site = change.session.get(SiteRow, site_id)
        if get(change.session, rollout.id).state != RUNNING or not _is_due(row, change.now):
            return False
        if site is None:
            row.state = GONE
            return False
        if row.state == WAITING:
            row.release = site.newest_release
        row.state, row.published_at = PUBLISHING, change.now
        end_hold(change, rollout, row)
        return True


def _publish(hub: Hub, rollout: RolloutRow, site_id: str, pbx: PhonesAtPbx) -> None:
    """Publish one site; whatever stops that is its own problem, and stops no other site."""
    problem, left = "", {}
    busy = in_calls_at(hub, site_id, pbx)
    try:
        done = publishing.publish(
            hub,
            rollout.who,
            site_ids=[site_id],
            comment=f"Rollout: {rollout.name}"[:_LONGEST_COMMENT],
            with_diffs=False,
            orders=ReloadOrders(not_now=busy, when_idle=rollout.when_idle),
        )
        left = {phone.mac.bare: phone.fault.what for phone in done.left_out}
        waits = set(done.waiting)
    except PublishRunning:
        with hub.change(rollout.who) as change:  # another look comes soon
            change.session.get_one(RolloutSiteRow, (rollout.id, site_id)).published_at = 0.0
        return
    except RingfenceError as fault:
        problem, waits = str(fault), set()
        _log.error("a site of a rollout was not published", rollout=rollout.id, site=site_id, problem=problem)
    with hub.change(rollout.who) as change:
        row = change.session.get_one(RolloutSiteRow, (rollout.id, site_id))
        site = change.session.get(SiteRow, site_id)
        if problem or site is None:
            row.state, row.problem, row.release = (FAILED if problem else GONE), problem[:500], 0
            return
        before, row.release = row.release, site.newest_release
        changed = _changed_phones(change.session, site_id, before, row.release) | waits
        if row.release == before:
            row.release = 0
        row.published_at = change.now
        row.state = PUBLISHED if changed or left else PASSED
        _note_phones(change.session, row, changed, left)
        note_busy(change, rollout.id, changed & busy)


def _note_phones(session: Session, site: RolloutSiteRow, changed: set[str], left: Mapping[str, str]) -> None:
    """Keep which phones a site waits for, and which have failed already, as they were left out."""
    of_site = (RolloutPhoneRow.rollout_id == site.rollout_id) & (RolloutPhoneRow.site_id == site.site_id)
    session.execute(delete(RolloutPhoneRow).where(of_site))
    for mac in sorted(changed | left.keys()):
        why = left.get(mac, "")
        problem = f"it is left out: {why}"[:500] if why else ""
        session.add(
            RolloutPhoneRow(
                rollout_id=site.rollout_id, mac=mac, site_id=site.site_id, state=FAILED if why else WAITING,
                problem=problem,
            )
        )  # fmt: skip


def _changed_phones(session: Session, site_id: str, previous: int, release: int) -> set[str]:
    """Return the phones with a file of their own that is not as it was."""
    if release == previous:
        return set()
    before = targets(session, site_id, previous) if previous else ()
    old = {(target.name, target.digest) for target in before}
    return {
        str(target.owner)
        for target in targets(session, site_id, release)
        if target.owner and (target.name, target.digest) not in old
    }


def _look_after(hub: Hub, rollout_id: str, pbx: PhonesAtPbx) -> None:
    """Decide about the phones that are waited for, and then about their sites."""
    asked = 0
    with hub.database.reading() as session:
        rollout = get(session, rollout_id)
        published = [site for site in sites_of(session, rollout_id) if site.state == PUBLISHED]
    for site in published:
        outcome: dict[str, tuple[str, str]] = {}
        with hub.database.reading() as session:
            waited = _waited_for(session, rollout_id, site.site_id)
            rows = session.scalars(select(PhoneRow).where(PhoneRow.mac.in_(waited), PhoneRow.site_id == site.site_id))
            there = {row.mac: row for row in rows}
            taken = _taken(session, site.site_id, sorted(there))
            seen = {each.phone.mac: each for each in observations.observe_all(hub, session, list(there.values()))}
            away = _edges_away(session, site.site_id, hub.clock())
        since = site.published_at or hub.clock()
        is_late = hub.clock() >= since + rollout.gate_s
        for mac in waited:
            if mac not in there:
                outcome[mac] = (GONE, "it is not at the site any more")
                continue
            signs = [sentence for sentence in seen[mac].sentences if sentence.word in _BAD_SIGNS]
            if mac in taken and signs:
                outcome[mac] = (FAILED, signs[0].text)
            elif mac in taken and hub.clock() >= taken[mac] + SETTLES_S and asked < _ASKED_AT_ONCE:
                asked += 1
                if pbx.is_registered(Mac(mac)) is not False:
                    outcome[mac] = (PASSED, "")
                elif is_late:
                    outcome[mac] = (FAILED, "it has taken its file, but is not registered at its PBX")
            elif is_late and mac not in taken:
                why = "its site's edge is away" if away else "it has not taken its file in time"
                outcome[mac] = (FAILED, why)
        with hub.change("the hub") as change:
            _keep_outcome(change.session, rollout_id, site.site_id, outcome)


def _waited_for(session: Session, rollout_id: str, site_id: str) -> Sequence[str]:
    chosen = select(RolloutPhoneRow.mac).where(
        RolloutPhoneRow.rollout_id == rollout_id,
        RolloutPhoneRow.site_id == site_id,
        RolloutPhoneRow.state == WAITING,
    )
    return session.scalars(chosen.order_by(RolloutPhoneRow.mac)).all()


def _taken(session: Session, site_id: str, macs: Sequence[str]) -> Mapping[str, float]:
    """Return when each phone took its own file as it is now for the last time.

    One whose file waits for firmware to reach the site's edges has not: it gets another one.
    """
    waits = set(session.scalars(select(PreparedTargetRow.owner).where(PreparedTargetRow.site_id == site_id)))
    now = phone_files.changed_in(session, macs)
    chosen = (
        select(EdgeReportRow.owner, EdgeReportRow.release, func.max(EdgeReportRow.received_at))
        .where(
            EdgeReportRow.site_id == site_id,
            EdgeReportRow.kind == ReportKind.FILE_SERVED,
            EdgeReportRow.owner.in_(macs),
        )
        .group_by(EdgeReportRow.owner, EdgeReportRow.release)
    )
    taken: dict[str, float] = {}
    for owner, release, at in session.execute(chosen):
        if owner in now and owner not in waits and release >= now[owner]:
            taken[owner] = max(at, taken.get(owner, 0.0))
    return taken


def _edges_away(session: Session, site_id: str, now: float) -> bool:
    there = session.scalars(select(EdgeRow).where(EdgeRow.site_id == site_id, EdgeRow.revoked_at.is_(None))).all()
    return not any(edges.is_connected(edge, now) for edge in there)


def _keep_outcome(session: Session, rollout_id: str, site_id: str, outcome: dict[str, tuple[str, str]]) -> None:
    for mac, (state, problem) in outcome.items():
        phone = session.get(RolloutPhoneRow, (rollout_id, mac))
        if phone is not None:
            phone.state, phone.problem = state, problem[:500]
    session.flush()
    states = session.scalars(
        select(RolloutPhoneRow.state)
        .where(RolloutPhoneRow.rollout_id == rollout_id, RolloutPhoneRow.site_id == site_id)
        .distinct()
    ).all()
    if WAITING not in states:
        site = session.get_one(RolloutSiteRow, (rollout_id, site_id))
        site.state = FAILED if FAILED in states else PASSED


def _end_wave(change: Change, rollout_id: str) -> None:
    """Begin the next wave if this one went well, or pause where too much went wrong."""
    session = change.session
    rollout = get(session, rollout_id)
    there = [site for site in sites_of(session, rollout_id) if site.wave <= rollout.wave]
    if rollout.state != RUNNING or not all(site.state in DECIDED for site in there):
        return
    of_wave = [site for site in there if site.wave == rollout.wave]
    share, what = _failed_share(session, rollout_id, of_wave)
    if share <= rollout.most_failed_percent:
        next_wave(change, rollout)
        return
    failed = next(site for site in of_wave if site.state == FAILED)
    pause_because(change, rollout, f"in wave {rollout.wave} {what}")
    sentence = f"Rollout {rollout.name!r} is paused: {rollout.why}. ringfence rollout show {rollout.id}"
    alerts.raise_alert(change, failed.site_id, alerts.ROLLOUT_PAUSED, rollout.id, sentence)


def _failed_share(session: Session, rollout_id: str, of_wave: Sequence[RolloutSiteRow]) -> tuple[float, str]:
    """Return how many percent of a wave failed, by phones, and by sites where none could be published."""
    ids = [site.site_id for site in of_wave]
    chosen = (
        select(RolloutPhoneRow.state, func.count().label("phones"))
        .where(RolloutPhoneRow.rollout_id == rollout_id, RolloutPhoneRow.site_id.in_(ids))
        .group_by(RolloutPhoneRow.state)
    )
    counts = {row.state: row.phones for row in session.execute(chosen)}
    failed, phones = counts.get(FAILED, 0), sum(counts.values())
    bad = [site for site in of_wave if site.state == FAILED]
    by_phones = _WHOLE * failed / phones if phones else 0.0
    by_sites = _WHOLE * sum(not site.release for site in bad) / len(of_wave) if of_wave else 0.0
    what = f"{failed} of {counted(phones, 'phone')} failed" if phones else f"{counted(len(bad), 'site')} failed"
    return max(by_phones, by_sites), what
