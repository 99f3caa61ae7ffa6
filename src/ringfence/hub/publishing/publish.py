"""Publishing: what changed in the fleet becomes releases, one for each site whose files changed.

Sites are read, rendered and written in pieces (``pieces``), all as of one moment. The order is what keeps it whole: a
piece is rendered before anything of it is written; blobs are durable before the rows and the metadata that name them;
those come in one transaction, for a piece at a time. Whatever stops a publish, each site has its old release or its new
one, and publishing again goes on from there.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, SecretWouldBeShared
from ringfence.hub.fleet import doubts, edges, phone_trust, profile_keys, sites, vpn_phones
from ringfence.hub.publishing import (
    firmware_rollout,
    holds,
    piece_writing,
    pieces,
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
from ringfence.hub.publishing.left_out import LeftOutPhone
from ringfence.hub.publishing.pieces import DueSites
from ringfence.hub.publishing.publication_lock import PublicationLock
from ringfence.hub.publishing.releases import NewRelease
from ringfence.hub.publishing.reload_orders import AS_SET, ReloadOrders
from ringfence.hub.publishing.sandboxed_templates import LimitedRenderer
from ringfence.hub.publishing.site_files import SiteFiles, render
from ringfence.hub.publishing.site_rows import read_sites
from ringfence.hub.store.models import SiteRow
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import secrets_of

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
        with pieces.reading(hub, site_ids, with_held=site_ids is not None) as due:
            return preview(hub, due, with_diffs=with_diffs)
    gathered = _Gathered(shown=[MOST_DIFFS if with_diffs else 0])
    with publication_lock.held(hub, who) as held:
        site_trust.prepare(hub, who, site_ids)
        site_profiles.prepare(hub, who, site_ids)
        with pieces.reading(hub, site_ids) as due:
            for piece in _rendered(hub, due, held, orders):
                told = piece_writing.write(hub, who, piece, due, comment, held)
                gathered.take(hub, due, piece, told)
    done = gathered.publication(due, began, dry_run=False)
    hub.measures.publishes.observe(done.seconds)
    hub.measures.releases.inc(len(done.sites))
    hub.measures.left_out.inc(len(done.left_out))
    counts = {"sites": len(done.sites), "of": due.asked, "left_out": len(done.left_out)}
    _log.info("published", by=who, **counts, seconds=round(done.seconds, 3))
    return done


def preview(hub: Hub, due: DueSites, *, with_diffs: bool = True) -> Publication:
    """Render what was read, or is just being read, and return what a publish would make of it."""
    began = time.monotonic()
    gathered = _Gathered(shown=[MOST_DIFFS if with_diffs else 0])
    for piece in _rendered(hub, due, None):
        gathered.take(hub, due, piece, None)
    return gathered.publication(due, began, dry_run=True)


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
class _Gathered:
    """What is told of sites, gathered piece by piece."""

    sites: list[PublishedSite] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    waiting_for: list[EdgeOfRollout] = field(default_factory=list)
    left_out: list[LeftOutPhone] = field(default_factory=list)
    asked_for: list[LeftOutPhone] = field(default_factory=list)
    refused: list[SecretWouldBeShared] = field(default_factory=list)
    shown: list[int] = field(default_factory=lambda: [MOST_DIFFS])
    """How many more files get a diff."""

    def take(self, hub: Hub, due: DueSites, piece: Sequence[SiteFiles], told: Mapping[str, int] | None) -> None:
        """Take a piece in; ``told`` says for each site how many phones are told by PBX, None in a dry run."""
        for files in piece:
            if files.changed:
                self.sites.append(self._site(hub, files, due.edited[files.site.site_id].actors, told))
            self.waiting.update((str(target.owner), load) for target, load in files.prepared)
            self.left_out.extend(files.left_out)
            self.asked_for.extend(files.site.asked_for)
            self.refused.extend(files.refused)
        self.waiting_for.extend(_edges_away(hub, [files.site.site_id for files in piece if files.prepared]))

    def _site(self, hub: Hub, files: SiteFiles, edited_by: list[str], told: Mapping[str, int] | None) -> PublishedSite:
        site = files.site
        pairs = compare(site.published, files.targets)
        read = read_from(files.blobs, hub.blobs.get)
        described = describe(pairs, read, files.secrets, most_diffs=self.shown[0])
        self.shown[0] = max(self.shown[0] - len(described), 0)
        owners = {target.owner for pair in pairs for target in pair if target is not None and target.owner}
        new, by_pbx = (None, 0) if told is None else (site.next_release, told.get(site.site_id, 0))
        return PublishedSite(site.site_id, new, site.newest_release, described, len(owners), edited_by, by_pbx)

    def publication(self, due: DueSites, began: float, *, dry_run: bool) -> Publication:
        """Return what was done, or would be."""
        return Publication(
            dry_run=dry_run,
            sites=self.sites,
            unchanged=due.asked - len({*(each.site_id for each in self.sites), *(site.id for site in due.held)}),
            seconds=time.monotonic() - began,
            without_line=due.without_line,
            waiting=self.waiting,
            waiting_for=self.waiting_for,
            left_out=self.left_out,
            asked_for=self.asked_for,
            refused=self.refused,
            held=due.held,
        )


def _rendered(
    hub: Hub, due: DueSites, held: PublicationLock | None, orders: ReloadOrders = AS_SET
) -> Iterator[Sequence[SiteFiles]]:
    """Yield the sites that are due, rendered, piece by piece."""
    with LimitedRenderer(due.templates, hub.renderer) as renderer:
        for piece in due.pieces:
            rendered = []
            for site in piece:
                made = render(site, renderer, due.known, hub.blobs.get)
                rendered.append(replace(made, targets=orders.applied(made.targets)))
                if held is not None:
                    held.keep()
            yield rendered


def _edges_away(hub: Hub, site_ids: Sequence[str]) -> list[EdgeOfRollout]:
    """Return the edges of these sites that hold firmware back by being away."""
    if not site_ids:
        return []
    now = hub.clock()
    with hub.database.reading() as session:
        found = firmware_rollout.edges_of_sites(session, site_ids)
    return [each for each in found if each.counts(now) and not edges.is_connected(each.edge, now)]


def _check_comment(comment: str) -> None:
    if len(comment) > LONGEST_COMMENT or not comment.isprintable():
        raise BadSelection(f"a comment can have at most {LONGEST_COMMENT} characters, on one line")
