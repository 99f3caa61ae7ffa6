"""Changes of the hub's keys go on: sites get roots that name the new ones, and secrets are sealed again.

What is left is in the database, site by site and value by value, so that a killed hub goes on where it was.
"""

from collections.abc import Sequence

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from ringfence.errors import RingfenceError
from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.data import key_changes
from ringfence.hub.fleet import hub_key_alerts, resealing
from ringfence.hub.process.repeating import repeat
from ringfence.hub.publishing import releases, roots
from ringfence.hub.store.models import SiteRow

KEYS_EVERY_S = 5.0
ENDS_EVERY_S = 3600.0
SITES_AT_ONCE = 20
"""How many sites follow in one transaction, in which nobody else writes."""
_MOST_NAMED = 3

_log = logs.get("keys")


async def look_after_keys(hub: Hub) -> None:
    """Go on with changes of the hub's keys."""

    async def look() -> Sequence[str]:
        return await run_in_threadpool(go_on, hub)

    await repeat(hub, "Go on with changes of the hub's keys", look, KEYS_EVERY_S)


async def look_after_ends_of_keys(hub: Hub) -> None:
    """Tell those who run the hub which of its keys end."""

    async def look() -> Sequence[str]:
        await run_in_threadpool(hub_key_alerts.look, hub, within.everywhere(hub))
        return ()

    await repeat(hub, "Look for keys of the hub that end", look, ENDS_EVERY_S)


def go_on(hub: Hub) -> Sequence[str]:
    """Go on with all changes of keys; return what failed, in sentences."""
    problems = []
    if hub.sealer.keys.former_ids:
        outcome = resealing.go_on(within.everywhere(hub))
        if outcome.broken:
            problems.append(f"{outcome.broken} sealed values can't be opened; the log names them")
    is_late = SiteRow.keys_digest != hub.signers.named.digest
    problems += within.in_turn(within.having(hub, SiteRow, is_late), _follow)
    _end_root_change(hub)
    return problems


def _follow(hub: Hub) -> None:
    """Sign roots and what is below them by the keys that the hub has now, for all sites of an organisation."""
    after, failed, done = "", [], 0
    while True:
        signers = hub.signers
        late = select(SiteRow.id).where(SiteRow.keys_digest != signers.named.digest, SiteRow.id > after)
        with hub.database.reading() as session:
            site_ids = session.scalars(late.order_by(SiteRow.id).limit(SITES_AT_ONCE)).all()
        if not site_ids:
            break
        after = site_ids[-1]
        try:
            _follow_together(hub, site_ids)
            done += len(site_ids)
        except RingfenceError:
            for site_id in site_ids:  # one site's fault is that site's
                try:
                    _follow_together(hub, [site_id])
                    done += 1
                except RingfenceError as fault:
                    failed.append(fault)
    if done:
        _log.info("sites follow a change of keys", organisation=hub.organisation_id, sites=done)
    if failed:
        for each in failed[:_MOST_NAMED]:
            _log.error("a site can't follow a change of keys", problem=str(each))
        raise failed[0]


def _follow_together(hub: Hub, site_ids: Sequence[str]) -> None:
    signers, now = hub.signers, hub.clock()
    with hub.database.writing() as session:
        for site_id in roots.follow_keys(hub, session, site_ids, now, signers):
            releases.sign_again(session, site_id, now, signers)
    hub.wakeups.wake_sites(set(site_ids))


def _end_root_change(hub: Hub) -> None:
    """Remove the root key of before once every site's newest root is signed by the new one."""
    signers = hub.signers
    if signers.former_root is None or hub.folder is None:
        return
    everywhere = within.everywhere(hub)
    with everywhere.database.reading() as session:
        if session.scalar(select(SiteRow.id).where(SiteRow.keys_digest != signers.named.digest).limit(1)) is not None:
            return
    with hub.change("the hub") as change:
        change.note("hub-key.retire", "root", f"the key before, {signers.former_root.public_key.keyid}")
        change.session.flush()
        key_changes.forget_former_root(hub.folder)
    _log.info("the root key of before is gone")
