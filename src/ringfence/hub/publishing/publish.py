"""Publishing: what changed in the fleet becomes releases, one for each site whose files changed.

The order is what keeps it whole: everything is rendered before anything is written; blobs are durable before
the rows and the metadata that name them; those come in one transaction, for a batch of sites at a time. Whatever
stops a publish, each site has its old release or its new one, and publishing again goes on from there.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import update
from sqlalchemy.orm import Session

from ringfence.hub import kept_blobs, logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, SecretWouldBeShared
from ringfence.hub.fleet import doubts, edges, phone_trust, profile_keys, sites, templates, vpn_phones
from ringfence.hub.publishing import (
    editors,
    firmware_rollout,
    holds,
    left_out,
    publication_lock,
    releases,
    site_profiles,
    site_trust,
)
from ringfence.hub.publishing.diffs import (
    MOST_DIFFS,
    FileChange,
    compare,
    describe,
    read_from,
)
from ringfence.hub.publishing.firmware_rollout import EdgeOfRollout
from ringfence.hub.publishing.known_secrets import KnownSecrets
from ringfence.hub.publishing.left_out import LeftOutPhone
from ringfence.hub.publishing.publication_lock import PublicationLock
from ringfence.hub.publishing.releases import NewRelease
from ringfence.hub.publishing.reload_orders import AS_SET, ReloadOrders
from ringfence.hub.publishing.sandboxed_templates import LimitedRenderer
from ringfence.hub.publishing.site_files import SiteFiles, render
from ringfence.hub.publishing.site_rows import SiteInput, due_sites, phones_without_line, read_sites
from ringfence.hub.store import audit_chain
from ringfence.hub.store.binding import whose
from ringfence.hub.store.models import SiteRow
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import secrets_of

SITES_AT_ONCE = 100
"""How many sites share a transaction and a disk sync."""
LONGEST_COMMENT = 500

_log = logs.get("publishing")


@dataclass(frozen=True, slots=True)
class PublishedSite:
    """What a publish did to one site; ``release`` is None in a dry run."""

    site_id: str
    release: int | None
    previous: int
    files: list[FileChange]
    phones: int
    """How many phones have a file that changed."""
    edited_by: list[str]
    """Who edited what it is made from since its newest release."""
    told_by_pbx: int = 0
    """How many phones the hub tells through their PBX, as they have no edge that does."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publish did, or would do. ``without_line`` are phones that got no file because they have no line."""

    dry_run: bool
    sites: list[PublishedSite]
    unchanged: int
    seconds: float
    without_line: list[Mac]
    waiting: dict[str, str]
    """Bare address → the load that its phone gets once the site's edges hold it."""
    waiting_for: list[EdgeOfRollout]
    """The edges that firmware waits for and that are away."""
    left_out: list[LeftOutPhone]
    """Phones whose files can't be made; each keeps the files that it has."""
    asked_for: list[LeftOutPhone]
    """Phones whose firmware has not been imported; each keeps the firmware that it has."""
    refused: list[SecretWouldBeShared]
    """Files that would show a secret to all phones of their site; they are not published."""
    held: list[SiteRow]
    """Sites that a publish leaves out until somebody decides (``holds``)."""


def publish(
    hub: Hub,
    who: str,
    *,
    site_ids: Sequence[str] | None = None,
    comment: str = "",
    dry_run: bool = False,
    with_diffs: bool = True,
    orders: ReloadOrders = AS_SET,
) -> Publication:
    """Render these sites, or all, and create a release for each that changed; with ``dry_run`` only return which.

    A phone whose files can't be made is left out: it keeps those that it has, and the others are published.
    PublishRunning if another publish is running. Sites that have not been edited since they were rendered are not
    rendered again. A site that is held gets no release; a dry run that names it shows what it would get.
    """
    began = time.monotonic()
    _check_comment(comment)
    if dry_run:
        return preview(hub, read_due(hub, site_ids, with_held=site_ids is not None), with_diffs=with_diffs)
    with publication_lock.held(hub, who) as held:
        site_trust.prepare(hub, who, site_ids)
        site_profiles.prepare(hub, who, site_ids)
        rendered = _render(hub, read_due(hub, site_ids), held, orders)
        told: dict[str, int] = {}
        for start in range(0, len(rendered.sites), SITES_AT_ONCE):
            told |= _write(hub, who, rendered.due, rendered.sites[start : start + SITES_AT_ONCE], comment, held)
    done = _publication(hub, rendered, began, dry_run=False, with_diffs=with_diffs)
    done.sites[:] = [replace(each, told_by_pbx=told.get(each.site_id, 0)) for each in done.sites]
    hub.measures.publishes.observe(done.seconds)
    hub.measures.releases.inc(len(done.sites))
    hub.measures.left_out.inc(len(done.left_out))
    counts = {"sites": len(done.sites), "of": rendered.due.asked, "left_out": len(done.left_out)}
    _log.info("published", by=who, **counts, seconds=round(done.seconds, 3))
    return done


def preview(hub: Hub, due: "DueSites", *, with_diffs: bool = True) -> Publication:
    """Render what was read, and return what a publish would make of it."""
    began = time.monotonic()
    return _publication(hub, _render(hub, due, None), began, dry_run=True, with_diffs=with_diffs)


def _publication(hub: Hub, rendered: "_Rendered", began: float, *, dry_run: bool, with_diffs: bool) -> Publication:
    due = rendered.due
    changes = [
        _site_change(hub, files, due.edited_by[files.site.site_id], dry_run=dry_run, with_diffs=with_diffs)
        for files in rendered.sites
        if files.changed
    ]
    return Publication(
        dry_run=dry_run,
        sites=changes,
        unchanged=due.asked - len({*(each.site_id for each in changes), *(site.id for site in due.held)}),
        seconds=time.monotonic() - began,
        without_line=due.without_line,
        waiting={str(target.owner): load for files in rendered.sites for target, load in files.prepared},
        waiting_for=_edges_away(hub, [files.site.site_id for files in rendered.sites if files.prepared]),
        left_out=[phone for files in rendered.sites for phone in files.left_out],
        asked_for=[phone for files in rendered.sites for phone in files.site.asked_for],
        refused=[fault for files in rendered.sites for fault in files.refused],
        held=due.held,
    )


def rollback(hub: Hub, who: str, site_id: str, number: int) -> int:
    """Create a new release of a site with the content of release ``number``; return its number.

    The site is held from then on: the settings differ from what it has now, and a publish would undo the roll-back.

    Raises:
        UnknownSite, UnknownRelease: There is no such site, or release.
        StillTrusting: A phone that may hold a trust list has no signed file in that release.
        PublishRunning: Somebody publishes just now.
    """
    with publication_lock.held(hub, who) as held, hub.change(who) as change:
        held.confirm(change.session)
        site = sites.get(change.session, site_id)
        doubts.end(change, site_id)  # who rolls back has decided
        targets = releases.targets(change.session, site_id, number)
        phone_trust.check_served(change.session, site_id, targets)
        profile_keys.check_served(change.session, site_id, targets)
        vpn_phones.check_served(change.session, site_id, number, targets)
        through = releases.entries_through(change.session, site_id, number)
        new = NewRelease(site_id, site.next_release, targets, f"Back to release {number}", number, through)
        site.edits += 1  # settings differ from what is published now: a publish brings them again
        holds.put(change, site_id, f"rolled back to release {number}")
        releases.put(change, hub, [new])
        vpn_phones.note_rolled_back(change, site_id, number, new.number)
        firmware_rollout.put_prepared(change.session, site_id, ())
        change.note("release.rollback", site_id, f"release {new.number} has the content of release {number}")
    hub.wakeups.wake_sites({site_id})
    _log.info("rolled back", by=who, site=site_id, release=new.number, to=number)
    return new.number


def resume(hub: Hub, who: str, site_id: str) -> int | None:
    """End a site's hold; where the hub was in doubt of the site, go on with what the hub has.

    Returns:
        The number of the release that then repeats what the hub has, above all that an edge has; None without doubt.

    Raises:
        UnknownSite, NothingToEnd: There is no such site, or no hold.
        PublishRunning: Somebody publishes just now.
    """
    with publication_lock.held(hub, who) as held, hub.change(who) as change:
        held.confirm(change.session)
        site = sites.get(change.session, site_id)
        was_in_doubt = doubts.of(change.session, site.id) != ""
        doubts.end(change, site.id)
        if not was_in_doubt or site.held_at is not None:
            holds.end(change, site.id)
        if not was_in_doubt:
            return None
        targets = releases.newest_targets(change.session, [site.id]).get(site.id, ())
        through = releases.entries_through(change.session, site.id, site.newest_release)
        comment = "The hub goes on from a copy of its data"
        new = NewRelease(site.id, site.next_release, targets, comment, entries_through=through)
        site.edits += 1
        releases.put(change, hub, [new])
        change.note("release.resume", site.id, f"the hub goes on with what it has, as release {new.number}")
    hub.wakeups.wake_sites({site.id})
    return new.number


def differences(hub: Hub, site_id: str, number: int, against: int) -> list[FileChange]:
    """Return what release ``number`` changed against another; 0 stands for before there was one."""
    with hub.database.reading() as session:
        new = releases.targets(session, site_id, number)
        old = releases.targets(session, site_id, against) if against else ()
        # The current secrets; those of older releases stand in elements that are masked whatever they hold.
        phones = [phone for site in read_sites(session, hub.sealer, [site_id], hub.clock()) for phone in site.phones]
    return describe(compare(old, new), hub.blobs.get, {secret for phone in phones for secret in secrets_of(phone)})


@dataclass(frozen=True, slots=True)
class DueSites:
    """The sites that are due, as they are to be rendered, and all else that rendering goes by."""

    sites: list[SiteInput]
    asked: int
    """How many the publish is about, whether they are due or not."""
    without_line: list[Mac]
    held: list[SiteRow]
    edited_by: Mapping[str, list[str]]
    templates: OwnTemplates
    known: KnownSecrets
    entries_through: int
    """The newest entry of the audit log when they were read."""


def read_due(hub: Hub, site_ids: Sequence[str] | None, *, with_held: bool = False) -> DueSites:
    """Read what a publish of these sites, or of all, would render; sites that are held only ``with_held``."""
    with hub.database.reading() as session:
        due, asked = due_sites(session, hub.renderer_fingerprint, site_ids)
        sites_held = holds.find(session, due)
        if not with_held:
            there = {site.id for site in sites_held}
            due = [site_id for site_id in due if site_id not in there]
        inputs = list(read_sites(session, hub.sealer, due, hub.clock()))
        return DueSites(
            sites=site_profiles.with_profiles(hub, session, site_trust.with_trust(hub, session, inputs)),
            asked=asked,
            without_line=phones_without_line(session, site_ids),
            held=sites_held,
            edited_by=editors.find(session, inputs),
            templates=templates.all_of(session),
            known=KnownSecrets.of_fleet(session, hub.sealer) if inputs else KnownSecrets(),
            entries_through=audit_chain.head(session, whose(session))[0],
        )


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The sites that were due, rendered."""

    due: DueSites
    sites: list[SiteFiles]


def _render(hub: Hub, due: DueSites, held: PublicationLock | None, orders: ReloadOrders = AS_SET) -> _Rendered:
    rendered = []
    with LimitedRenderer(due.templates, hub.renderer) as renderer:
        for site in due.sites:
            made = render(site, renderer, due.known, hub.blobs.get)
            rendered.append(replace(made, targets=orders.applied(made.targets)))
            if held is not None:
                held.keep()
    return _Rendered(due, rendered)


def _write(
    hub: Hub, who: str, due: DueSites, batch: Sequence[SiteFiles], comment: str, held: PublicationLock
) -> Mapping[str, int]:
    changed = [files for files in batch if files.changed]
    made = {digest: data for files in batch if files.changed or files.prepared for digest, data in files.blobs.items()}
    kept_blobs.put(hub, made)
    with hub.change(who) as change:
        held.confirm(change.session)
        there = sites.existing(change.session, [files.site.site_id for files in batch])
        news = [
            NewRelease(
                files.site.site_id, files.site.next_release, files.targets, comment, entries_through=due.entries_through
            )
            for files in changed
            if files.site.site_id in there  # one that was removed meanwhile needs no release
        ]
        told = releases.put(change, hub, news)
        numbers = {new.site_id: new.number for new in news}
        for files in changed:
            if files.site.site_id in numbers:
                phone_trust.note_offered(change, numbers[files.site.site_id], files.site.published, files.targets,
                                         files.site.trust.offered, files.site.trust.list_number)  # fmt: skip
                vpn_phones.note_offered(change, files.site.site_id, numbers[files.site.site_id], files.vpn_offers)
                offered = site_profiles.offered(files.site.profiles)
                profile_keys.note_offered(change, numbers[files.site.site_id], offered)
        _note_rendered(change.session, batch, hub.renderer_fingerprint)
        for files in batch:
            if files.site.site_id in there:
                firmware_rollout.put_prepared(change.session, files.site.site_id, files.prepared)
                firmware_rollout.note_named(change.session, files.named)
                left_out.put(change.session, files.site.site_id, (*files.left_out, *files.site.asked_for), change.now)
        left = {files.site.site_id: files.left_out for files in batch if files.left_out}
        for new in news:
            said = f"release {new.number}" + (f": {comment}" if comment else "")
            without = ", ".join(str(phone.mac) for phone in left.get(new.site_id, ()))
            change.note("publish", new.site_id, said + (f"; left out: {without}" if without else ""))
    hub.wakeups.wake_sites({new.site_id for new in news})
    return told


def _note_rendered(session: Session, batch: Sequence[SiteFiles], fingerprint: str) -> None:
    for files in batch:
        session.execute(
            update(SiteRow)
            .where(SiteRow.id == files.site.site_id)
            .values(rendered_edits=files.site.edits, rendered_by=fingerprint)
        )


def _site_change(hub: Hub, files: SiteFiles, edited_by: list[str], *, dry_run: bool, with_diffs: bool) -> PublishedSite:
    site = files.site
    pairs = compare(site.published, files.targets)
    described = describe(
        pairs, read_from(files.blobs, hub.blobs.get), files.secrets, most_diffs=MOST_DIFFS if with_diffs else 0
    )
    owners = {target.owner for pair in pairs for target in pair if target is not None and target.owner}
    new = None if dry_run else site.next_release
    return PublishedSite(site.site_id, new, site.newest_release, described, len(owners), edited_by)


def _edges_away(hub: Hub, site_ids: Sequence[str]) -> list[EdgeOfRollout]:
    """Return the edges of these sites that hold firmware back by being away."""
    now = hub.clock()
    with hub.database.reading() as session:
        found = [each for site_id in site_ids for each in firmware_rollout.edges_of(session, site_id)]
    return [each for each in found if each.counts(now) and not edges.is_connected(each.edge, now)]


def _check_comment(comment: str) -> None:
    if len(comment) > LONGEST_COMMENT or not comment.isprintable():
        raise BadSelection(f"a comment can have at most {LONGEST_COMMENT} characters, on one line")
