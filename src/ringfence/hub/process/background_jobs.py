"""What the running hub does by itself: find other processes' news, confirm streams, renew what expires."""

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, select, update
from starlette.concurrency import run_in_threadpool

from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.event_streams import LOOK_EVERY_S, ToldVersions
from ringfence.hub.fleet import (
    backup_alerts,
    book_directories,
    box_alerts,
    bundle_alerts,
    concentrator_alerts,
    concentrators,
    edge_job_alerts,
    edges,
    listener_certificate_alerts,
    phone_alerts,
    phone_certificate_alerts,
    rotation_alerts,
)
from ringfence.hub.fleet.guard import edge_alerts, elsewhere
from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.notifying import delivery
from ringfence.hub.process import renewal, retention_job
from ringfence.hub.process.people_certificate import PeopleCertificate
from ringfence.hub.process.repeating import repeat
from ringfence.hub.process.scheduled_drafts import ScheduledDrafts
from ringfence.hub.publishing import firmware_rollout, rollout_gate
from ringfence.hub.publishing.rollouts import RUNNING
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.hub.store.due_order_models import DueOrderRow
from ringfence.hub.store.edits import PEERS
from ringfence.hub.store.guard_models import AlertNoticeRow, GuardElsewhereRow
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.hub.store.organisation_models import LastNumberRow
from ringfence.hub.store.organisation_owned import OrganisationOwned
from ringfence.hub.store.pbx_models import PbxRow, RotationRow
from ringfence.hub.store.phone_book_models import PhoneBookDirectoryRow
from ringfence.hub.store.release_models import PreparedTargetRow
from ringfence.hub.store.rollout_models import RolloutRow
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.store.vpn_models import VpnHeadEndRow
from ringfence.hub.telephony import directory_refresh, order_sending, reload_by_pbx, rotations
from ringfence.hub.telephony.phones_at_pbx import PhonesAtPbxes
from ringfence.hub.trust import trust_alerts
from ringfence.hub.vpn import vpn_alerts

CONFIRM_EVERY_S = 15.0
CERTIFICATE_EVERY_S = 30.0
RENEW_EVERY_S = 3600.0
EDGES_EVERY_S = 60.0
_AT_ONCE = 500
"""How many ids a query names at most."""

_log = logs.get("maintenance")


async def watch(hub: Hub) -> None:
    """Wake the streams with news from another process, and store which edges have gone."""

    async def look() -> Sequence[str]:
        told, departed = hub.wakeups.told(), hub.wakeups.take_departed()
        if told or departed:
            hub.wakeups.wake_edges_here(await run_in_threadpool(_look, hub, told, departed))
        if tunnels := hub.wakeups.tunnels_told():
            hub.wakeups.wake_tunnels_here(await run_in_threadpool(_look_at_tunnels, hub, tunnels))
        return ()

    await repeat(hub, "Tell edges what another process has changed", look, LOOK_EVERY_S, alone=False)


async def roll_out(hub: Hub) -> None:
    """Tell phones of firmware as soon as their site's edges have it."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, firmware_rollout.go_on, PreparedTargetRow)

    await repeat(hub, "Tell phones of firmware that their edges have", look, LOOK_EVERY_S)


async def keep_guards(hub: Hub) -> None:
    """Tell guards when a phone's stay at another site is over."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(
            _in_turn, hub, _end_elsewhere, GuardElsewhereRow, GuardElsewhereRow.until <= hub.clock()
        )

    await repeat(hub, "End phones' stays at other sites", look, LOOK_EVERY_S)


async def look_after_edges(hub: Hub) -> None:
    """Tell people of edges that are away, behind, or late with their certificate."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, _look_after_edges)

    await repeat(hub, "Look after edges", look, EDGES_EVERY_S)


async def notify(hub: Hub) -> None:
    """Tell alert channels of alerts."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(
            _in_turn, hub, delivery.go_on, AlertNoticeRow, AlertNoticeRow.due_at <= hub.clock()
        )

    await repeat(hub, "Send alerts", look, LOOK_EVERY_S)


async def rotate(hub: Hub) -> None:
    """Advance changes of secrets as phones fetch and register."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, rotations.go_on, RotationRow, RotationRow.stage.in_(UNDER_WAY))

    await repeat(hub, "Go on with changes of secrets", look, LOOK_EVERY_S)


async def look_after_rotations(hub: Hub) -> None:
    """Tell people of changes of secrets that can't go on."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, _look_after_rotations)

    await repeat(hub, "Look after changes of secrets", look, EDGES_EVERY_S)


async def go_on_with_rollouts(hub: Hub) -> None:
    """Publish the next sites of rollouts, and look after those that are published."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, _go_on_with_rollouts, RolloutRow, RolloutRow.state == RUNNING)

    await repeat(hub, "Go on with rollouts", look, LOOK_EVERY_S)


async def publish_drafts(hub: Hub) -> None:
    """Publish drafts whose time has come."""
    scheduled = ScheduledDrafts(hub)

    async def look() -> Sequence[str]:
        await scheduled.publish_due()
        return ()

    await repeat(hub, "Publish drafts whose time has come", look, LOOK_EVERY_S)


async def look_after_phones(hub: Hub) -> None:
    """Tell people of phones that reject their configuration or boot again and again."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, _look_after_phones)

    await repeat(hub, "Look after phones", look, EDGES_EVERY_S)


async def tell_phones(hub: Hub) -> None:
    """Tell phones through their PBX what their edges could not tell them."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, reload_by_pbx.go_on, PbxRow)

    await repeat(hub, "Tell phones through their PBX", look, LOOK_EVERY_S)


async def send_due_orders(hub: Hub) -> None:
    """Tell phones without an edge of releases, through their PBX."""

    async def look() -> Sequence[str]:
        is_due = DueOrderRow.due_at <= hub.clock()
        return await run_in_threadpool(_in_turn, hub, order_sending.go_on, DueOrderRow, is_due)

    await repeat(hub, "Tell phones without an edge of releases", look, LOOK_EVERY_S)


async def read_directories(hub: Hub) -> None:
    """Read phone books from their directories."""

    async def look() -> Sequence[str]:
        is_due = book_directories.is_due(hub.clock())
        return await run_in_threadpool(_in_turn, hub, directory_refresh.go_on, PhoneBookDirectoryRow, is_due)

    await repeat(hub, "Read phone books from directories", look, LOOK_EVERY_S)


async def look_after_backups(hub: Hub) -> None:
    """Tell those who run the hub that nobody has copied it for long."""

    async def look() -> Sequence[str]:
        await run_in_threadpool(backup_alerts.look, hub)
        return ()

    await repeat(hub, "Look for copies of the hub", look, RENEW_EVERY_S)


async def look_after_trust(hub: Hub) -> None:
    """Tell whose recovery file nobody has tried for long, and which keys of phones' trust end."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, trust_alerts.look, TrustKeyRow)

    await repeat(hub, "Look after the keys of phones' trust", look, RENEW_EVERY_S)


async def look_after_head_ends(hub: Hub) -> None:
    """Tell which certificates of VPN head ends end, or are not the ones that phones know."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, vpn_alerts.look, VpnHeadEndRow)

    await repeat(hub, "Look after VPN head ends", look, RENEW_EVERY_S)


async def look_after_bundles(hub: Hub) -> None:
    """Tell which portable bundles end, or have old files."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, bundle_alerts.look, BundleRow)

    await repeat(hub, "Look after portable bundles", look, RENEW_EVERY_S)


async def look_after_listeners(hub: Hub) -> None:
    """Tell those who run the hub which certificates that phones see end, or could not be renewed."""

    async def look() -> Sequence[str]:
        await run_in_threadpool(listener_certificate_alerts.look, hub)
        return ()

    await repeat(hub, "Look after the certificates that phones see", look, EDGES_EVERY_S)


async def confirm(hub: Hub) -> None:
    """Store which edges are connected."""

    async def note() -> Sequence[str]:
        if connected := hub.wakeups.edge_ids():
            await run_in_threadpool(_note_connected, hub, connected)
        if ends := hub.wakeups.concentrator_ids():
            await run_in_threadpool(_note_concentrators, hub, ends)
        return ()

    await repeat(hub, "Store which edges are connected", note, CONFIRM_EVERY_S, alone=False)


async def renew(hub: Hub) -> None:
    """Renew metadata in time, and remove what is over for long."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(_in_turn, hub, renewal.renew_metadata)

    after_s = 0.0 if hub.has_metadata_due else RENEW_EVERY_S  # the start has just done it, or has begun
    await repeat(hub, "Renew metadata", look, RENEW_EVERY_S, after_s=after_s)


async def renew_certificate(hub: Hub, folder: DataFolder, reload: Callable[[], None]) -> None:
    """Renew the listeners' certificate of this process in time; ``reload`` makes the listeners use the new one."""

    async def look() -> Sequence[str]:
        if await run_in_threadpool(renewal.renew_server_certificate, hub, folder):
            reload()
        return ()

    await repeat(hub, "Renew the hub's certificate", look, RENEW_EVERY_S, after_s=RENEW_EVERY_S, alone=False)


async def tidy(hub: Hub) -> None:
    """Remove what is over for long."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(retention_job.go_on, hub)

    await repeat(hub, retention_job.DOES, look, retention_job.EVERY_S, after_s=retention_job.FIRST_AFTER_S)


async def look_at_people_certificate(hub: Hub, shown: PeopleCertificate) -> None:
    """Take a renewed certificate for people over; here, on the loop, as its connections use the same TLS context."""

    async def look() -> Sequence[str]:
        shown.look(hub.clock())
        return ()

    await repeat(hub, "Look for a new certificate for people", look, CERTIFICATE_EVERY_S, alone=False)


def say_goodbye(hub: Hub) -> None:
    """Store that no edge is connected here any more."""
    gone = hub.wakeups.edge_ids() | hub.wakeups.take_departed()
    if gone:
        with within.everywhere(hub).database.writing() as session:
            edges.note_disconnected(session, gone, hub.clock())


def _in_turn(
    hub: Hub,
    work: Callable[[Hub], object],
    table: type[OrganisationOwned] | None = None,
    *conditions: ColumnElement[bool],
) -> Sequence[str]:
    """Do something for each organisation, or for each that has such rows; return what failed."""
    return within.in_turn(within.each(hub) if table is None else within.having(hub, table, *conditions), work)


def _look(hub: Hub, told: dict[str, ToldVersions], departed: set[str]) -> set[str]:
    """Return the edges that have news waiting."""
    hub = within.everywhere(hub)
    edge_ids = sorted(told)
    if departed:
        with hub.database.writing() as session:
            edges.note_disconnected(session, departed, hub.clock())
    newest: dict[str, tuple[int, int]] = {}
    let_in: set[str] = set()
    with hub.database.reading() as session:
        for start in range(0, len(edge_ids), _AT_ONCE):
            part = edge_ids[start : start + _AT_ONCE]
            site_ids = sorted({told[edge_id].site_id for edge_id in part})
            chosen = select(SiteRow.id, SiteRow.newest_release, SiteRow.guard_version).where(SiteRow.id.in_(site_ids))
            newest |= {site_id: (release, guard) for site_id, release, guard in session.execute(chosen)}
            let_in |= set(session.scalars(select(EdgeRow.id).where(EdgeRow.id.in_(part), EdgeRow.revoked_at.is_(None))))
    return {
        edge_id
        for edge_id, known in told.items()
        if edge_id not in let_in or _has_news(known, *newest.get(known.site_id, (0, 0)))
    }


def _look_at_tunnels(hub: Hub, told: dict[str, int]) -> set[str]:
    """Return the organisations whose concentrators have news waiting."""
    chosen = select(LastNumberRow.organisation_id, LastNumberRow.number)
    with within.everywhere(hub).database.reading() as session:
        newest = session.execute(
            chosen.where(LastNumberRow.counted == PEERS, LastNumberRow.organisation_id.in_(sorted(told)))
        ).all()
    return {organisation for organisation, number in newest if number > told[organisation]}


def _note_concentrators(hub: Hub, concentrator_ids: set[str]) -> None:
    until = hub.clock() + concentrators.CONNECTED_FOR_S
    its = ConcentratorRow.id.in_(sorted(concentrator_ids))
    with within.everywhere(hub).database.writing() as session:
        session.execute(update(ConcentratorRow).where(its).values(connected_until=until))


def _has_news(told: ToldVersions, release: int, guard: int) -> bool:
    return release > told.release or guard > told.guard


def _end_elsewhere(hub: Hub) -> None:
    with hub.change("hub") as change:
        elsewhere.end(change)


def _look_after_edges(hub: Hub) -> None:
    with hub.change("the hub") as change:
        opened, closed = edge_alerts.look(change)
        closed += box_alerts.look(change) + edge_job_alerts.look(change)
        of_ends = concentrator_alerts.look(change)
    if opened or closed or any(of_ends):
        _log.info("alerts of edges", opened=opened + of_ends[0], closed=closed + of_ends[1])


def _look_after_rotations(hub: Hub) -> None:
    with hub.change("the hub") as change:
        rotation_alerts.look(change)


def _go_on_with_rollouts(hub: Hub) -> None:
    rollout_gate.go_on(hub, PhonesAtPbxes(hub))


def _look_after_phones(hub: Hub) -> None:
    opened, closed = map(sum, zip(phone_alerts.look(hub), phone_certificate_alerts.look(hub), strict=True))
    if opened or closed:
        _log.info("alerts of phones", opened=opened, closed=closed)


def _note_connected(hub: Hub, edge_ids: set[str]) -> None:
    with within.everywhere(hub).database.writing() as session:
        edges.note_connected(session, edge_ids, hub.clock())
