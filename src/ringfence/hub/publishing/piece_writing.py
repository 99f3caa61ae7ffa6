"""What was rendered becomes releases: blobs first, then rows and the metadata that name them, in one transaction."""

from collections.abc import Mapping, Sequence

from sqlalchemy import case, update
from sqlalchemy.orm import Session

from ringfence.hub import kept_blobs
from ringfence.hub.core import Hub
from ringfence.hub.fleet import phone_trust, profile_keys, sites, vpn_phones
from ringfence.hub.publishing import firmware_rollout, left_out, release_traces, releases, site_profiles
from ringfence.hub.publishing.pieces import DueSites
from ringfence.hub.publishing.publication_lock import PublicationLock
from ringfence.hub.publishing.releases import NewRelease
from ringfence.hub.publishing.site_files import SiteFiles
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import SiteRow


def write(
    hub: Hub, who: str, piece: Sequence[SiteFiles], due: DueSites, comment: str, held: PublicationLock
) -> Mapping[str, int]:
    """Store what was rendered of some sites: all of it, or nothing where it raises.

    Args:
        hub: The sites'.
        who: Who publishes.
        piece: The sites, those too that have not changed.
        due: What they were read with.
        comment: The reason.
        held: The right to publish.

    Returns:
        Site → how many of its phones the hub tells through their PBX.

    Raises:
        PublishRunning: The right to publish was lost meanwhile.
        BlobUnavailable: The files can't be stored.
    """
    changed = [files for files in piece if files.changed]
    made = {digest: data for files in piece if files.changed or files.prepared for digest, data in files.blobs.items()}
    kept_blobs.put(hub, made)
    spans = release_traces.begin(hub, {files.site.site_id: due.edited[files.site.site_id].trace for files in changed})
    with hub.change(who) as change:
        session = change.session
        held.confirm(session)
        there = sites.existing(session, [files.site.site_id for files in piece])
        stay = [files for files in piece if files.site.site_id in there]
        news = [
            NewRelease(
                site_id=files.site.site_id,
                number=files.site.next_release,
                targets=files.targets,
                comment=comment,
                entries_through=due.entries_through,
                trace=spans[files.site.site_id].traceparent if spans else "",
            )
            for files in changed
            if files.site.site_id in there  # one that was removed meanwhile needs no release
        ]
        told = releases.put(change, hub, news)
        numbers = {new.site_id: new.number for new in news}
        _note_offered(change, [files for files in changed if files.site.site_id in numbers], numbers)
        _note_rendered(session, piece, hub.renderer_fingerprint)
        firmware_rollout.put_all_prepared(session, {files.site.site_id: files.prepared for files in stay})
        firmware_rollout.note_named(session, {mac: load for files in stay for mac, load in files.named.items()})
        without = [phone for files in stay for phone in (*files.left_out, *files.site.asked_for)]
        left_out.put(session, [files.site.site_id for files in stay], without, change.now)
        left = {files.site.site_id: files.left_out for files in piece if files.left_out}
        for new in news:
            said = f"release {new.number}" + (f": {comment}" if comment else "")
            names = ", ".join(str(phone.mac) for phone in left.get(new.site_id, ()))
            change.note("publish", new.site_id, said + (f"; left out: {names}" if names else ""))
    hub.wakeups.wake_sites({new.site_id for new in news})
    for site_id, span in spans.items():
        if site_id in numbers:
            span.end(attributes={"ringfence.release": numbers[site_id]})
    return told


def _note_offered(change: Change, changed: Sequence[SiteFiles], numbers: Mapping[str, int]) -> None:
    """Note what new releases have for phones that go by it: trust lists, certificates of head ends, profiles."""
    offers = {files.site.site_id: (numbers[files.site.site_id], files.vpn_offers) for files in changed}
    vpn_phones.note_all_offered(change, offers)
    # Kept, so that the session finds them again without asking once more.
    _rows = phone_trust.rows_of(change.session, [mac for files in changed for mac in files.site.trust.offered])
    for files in changed:
        number, site = numbers[files.site.site_id], files.site
        phone_trust.note_offered(
            change, number, site.published, files.targets, site.trust.offered, site.trust.list_number
        )
        if site.profiles:
            profile_keys.note_offered(change, number, site_profiles.offered(site.profiles))


def _note_rendered(session: Session, piece: Sequence[SiteFiles], fingerprint: str) -> None:
    edits = {files.site.site_id: files.site.edits for files in piece}
    chosen = update(SiteRow).where(SiteRow.id.in_(sorted(edits)))
    session.execute(
        chosen.values(rendered_edits=case(edits, value=SiteRow.id), rendered_by=fingerprint),
        execution_options={"synchronize_session": False},
    )
