"""Firmware goes out first: a phone's file names a load only when every edge of its site holds the load, verified.

An edge that has been away for longer than its site waits does not count: when it comes back, it takes the newest
release as a whole, with the load in it.

A publish puts a load's files into the site's release at once, and leaves each phone's file at the load that it named
before. What those files will be is kept as prepared targets; when the edges say that they serve a release with the
load, the prepared files go into a release of their own. So that release holds exactly what the publish has shown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.content.release import Target, TargetKind
from ringfence.counted import counted
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import FirmwareMissing, PublishRunning, SkipsStep
from ringfence.hub.fleet import firmware, observations
from ringfence.hub.publishing import publication_lock, releases
from ringfence.hub.publishing.releases import NewRelease
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import FirmwareFileRow, PreparedTargetRow, ReleaseTargetRow
from ringfence.phones.families import model as model_of
from ringfence.phones.filenames import is_recovery
from ringfence.phones.firmware.steps import has_steps, step_between, version_of
from ringfence.phones.mac import Mac

_AUTHOR = "firmware rollout"
_AT_ONCE = 500
"""How many names a query has at most."""

_log = logs.get("rollout")


class Stock:
    """What firmware there is: each imported load's files, and which of them each site's edges all hold.

    Every load counts as held at a site without an edge: an edge takes a release as a whole.
    """

    def __init__(self, session: Session, now: float) -> None:
        self._session, self._now = session, now
        self._at_edges: dict[str, frozenset[str]] = {}
        self.loads: Mapping[str, tuple[Target, ...]] = {
            name: tuple(map(_target_of, rows)) for name, rows in firmware.files(session).items()
        }

    def is_ready(self, site_id: str, load: str) -> bool:
        """Return whether every edge of a site that counts holds a load."""
        if site_id not in self._at_edges:
            found = edges_of(self._session, site_id)
            served = {each.edge.release for each in found if each.counts(self._now)}
            self._at_edges[site_id] = _held_by_all(self._session, site_id, served, self.loads)
        return load in self._at_edges[site_id]

    def running(self, phone: PhoneRow) -> str:
        """Return the load that a phone was seen to run, or else is said to run; empty where nobody knows."""
        seen = observations.running(self._session, phone)
        return phone.running_load if seen is None else seen.load


@dataclass(frozen=True, slots=True)
class EdgeOfRollout:
    """An edge that firmware waits for, and until when if it stays away."""

    edge: EdgeRow
    counts_until: float

    def counts(self, now: float) -> bool:
        """Return whether firmware waits for it."""
        return now < self.counts_until


def edges_of(session: Session, site_id: str) -> list[EdgeOfRollout]:
    """Return the edges of a site that are not revoked, each with the time until which firmware waits for it."""
    return edges_of_sites(session, [site_id])


def edges_of_sites(session: Session, site_ids: Sequence[str]) -> list[EdgeOfRollout]:
    """Return the edges of some sites that are not revoked, in the sites' order (``edges_of``)."""
    chosen = (
        select(EdgeRow, SiteRow.firmware_waits_s)
        .join(SiteRow, SiteRow.id == EdgeRow.site_id)
        .where(EdgeRow.site_id.in_(site_ids), EdgeRow.revoked_at.is_(None))
        .order_by(EdgeRow.site_id, EdgeRow.enrolled_at, EdgeRow.id)
    )
    return [
        EdgeOfRollout(edge, max(edge.last_seen_at or 0.0, edge.enrolled_at) + waits_s)
        for edge, waits_s in session.execute(chosen)
    ]


def check_load(phone: PhoneRow, load: str, held: Stock, load_server: str) -> None:
    """Raise where a phone can't be told to run ``load``: it was not imported, or a step lies between."""
    if load == phone.named_load:
        return
    mac = Mac(phone.mac)
    if load not in held.loads and not load_server:
        raise FirmwareMissing(
            f"phone {mac} should run {load}, which has not been imported",
            where=f"site {phone.site_id}",
            to_do="Import it: ringfence firmware import FILE. Or set load_server if another server has it.",
        )
    family, _model = model_of(phone.model)
    running = held.running(phone) if has_steps(family.id) else ""
    step = step_between(family.id, running, load)
    if step is not None:
        raise SkipsStep(
            f"phone {mac} runs {running} and can't go to {load} directly",
            where=f"site {phone.site_id}; {step.source}",
            to_do=f"For model {phone.model}: {step.advice}.",
        )


def files_for(loads: Collection[str], held: Stock) -> list[Target]:
    """Return the files of these loads as one site's, each name once.

    Recovery lists have one name for all versions: the newest load's are served.
    """
    found: dict[str, Target] = {}
    for load in sorted(loads, key=lambda name: (version_of(name) or (0, 0, 0, 0), name)):
        for target in held.loads.get(load, ()):
            if is_recovery(target.name) or target.name not in found:
                found[target.name] = target
    return list(found.values())


def put_prepared(session: Session, site_id: str, prepared: Sequence[tuple[Target, str]]) -> None:
    """Keep the files of a site that wait for firmware, in the place of those before; each with its load."""
    put_all_prepared(session, {site_id: prepared})


def put_all_prepared(session: Session, prepared: Mapping[str, Sequence[tuple[Target, str]]]) -> None:
    """Keep the files of some sites that wait for firmware (``put_prepared``)."""
    session.execute(delete(PreparedTargetRow).where(PreparedTargetRow.site_id.in_(sorted(prepared))))
    session.add_all(
        PreparedTargetRow(
            site_id=site_id,
            name=target.name,
            digest=target.digest,
            length=target.length,
            owner=target.owner,
            secret=target.secret,
            sealed=target.sealed,
            **releases.reload_columns(target.reload),
            load=load,
        )
        for site_id, its in prepared.items()
        for target, load in its
    )


def note_named(session: Session, named: Mapping[str, str]) -> None:
    """Write down which load each phone's newest file names."""
    macs = sorted(named)
    for start in range(0, len(macs), _AT_ONCE):
        some = {mac: named[mac] for mac in macs[start : start + _AT_ONCE]}
        chosen = update(PhoneRow).where(PhoneRow.mac.in_(some)).values(named_load=case(some, value=PhoneRow.mac))
        session.execute(chosen, execution_options={"synchronize_session": False})


def go_on(hub: Hub) -> list[str]:
    """Release what waited for firmware that has arrived; return the sites. Safe to call at any time, by any replica."""
    with hub.database.reading() as session:
        waiting = sorted(set(session.scalars(select(PreparedTargetRow.site_id))))
        ready = _ready(session, waiting, hub.clock())
    if not ready:
        return []
    try:
        with publication_lock.held(hub, _AUTHOR) as held, hub.change(_AUTHOR) as change:
            held.confirm(change.session)
            ready = _ready(change.session, sorted(ready), change.now)  # a publish may have come between
            news = [_next_release(change.session, site_id, rows) for site_id, rows in sorted(ready.items())]
            releases.put(change, hub, news)
            for site_id, rows in ready.items():
                note_named(change.session, {row.owner: row.load for row in rows})
                for row in rows:
                    change.session.delete(row)
                change.note(
                    "publish",
                    site_id,
                    f"{counted(len(rows), 'phone gets', 'phones get')} firmware that the site's edges now have",
                )
    except PublishRunning:
        return []  # it looks again soon
    hub.wakeups.wake_sites(set(ready))
    _log.info("the edges have the firmware; phones are told", sites=len(ready))
    return sorted(ready)


def edges_with(session: Session, site_id: str, load: str) -> list[tuple[EdgeOfRollout, bool]]:
    """Return a site's edges, each with whether it serves a release with a load."""
    targets = {load: [_target_of(row) for row in firmware.files(session, [load]).get(load, ())]}
    return [
        (each, bool(each.edge.release and _held_by_all(session, site_id, {each.edge.release}, targets)))
        for each in edges_of(session, site_id)
    ]


def _ready(session: Session, site_ids: Sequence[str], now: float) -> dict[str, list[PreparedTargetRow]]:
    """Return what may be released at these sites; a site that is held gets nothing by itself."""
    found: dict[str, list[PreparedTargetRow]] = {}
    if not site_ids:
        return found
    held = Stock(session, now)
    chosen = select(PreparedTargetRow).join(SiteRow, SiteRow.id == PreparedTargetRow.site_id)
    for row in session.scalars(chosen.where(SiteRow.id.in_(site_ids), SiteRow.held_at.is_(None))):
        if held.is_ready(row.site_id, row.load):
            found.setdefault(row.site_id, []).append(row)
    return found


def _next_release(session: Session, site_id: str, rows: Sequence[PreparedTargetRow]) -> NewRelease:
    site = session.get_one(SiteRow, site_id)
    files = {target.name: target for target in releases.newest_targets(session, [site_id]).get(site_id, ())}
    for row in rows:
        reload, kind = releases.reload_of(row), TargetKind.CONFIGURATION
        digest = Digest(row.digest)
        files[row.name] = Target(row.name, digest, row.length, kind, row.owner, reload, row.secret, row.sealed)
    loads = ", ".join(sorted({row.load for row in rows}))
    through = releases.entries_through(session, site_id, site.newest_release)
    ordered = releases.in_order(files.values())
    return NewRelease(site_id, site.next_release, ordered, f"Firmware {loads}", entries_through=through)


def _target_of(row: FirmwareFileRow) -> Target:
    return Target(row.name, Digest(row.digest), row.length, TargetKind.FIRMWARE)


def _held_by_all(
    session: Session, site_id: str, releases_served: set[int], loads: Mapping[str, Sequence[Target]]
) -> frozenset[str]:
    if 0 in releases_served:
        return frozenset()  # an edge that has not taken a release yet
    held: frozenset[str] = frozenset(loads)
    for number in releases_served:
        chosen = select(ReleaseTargetRow.name, ReleaseTargetRow.digest).where(
            ReleaseTargetRow.site_id == site_id,
            ReleaseTargetRow.number == number,
            ReleaseTargetRow.kind == str(TargetKind.FIRMWARE),
        )
        there = {(name, digest) for name, digest in session.execute(chosen)}
        held &= {
            load
            for load, targets in loads.items()
            if all((target.name, target.digest) in there for target in targets if not is_recovery(target.name))
        }
    return held
