"""Publishing."""

from collections.abc import Iterator, Sequence
from itertools import islice

from fastapi import APIRouter

from ringfence.hub.core import Hub
from ringfence.hub.fleet import drafts
from ringfence.hub.people.callers import Caller, TheCaller, TheHub
from ringfence.hub.people.releases import file_change_views, hold_view
from ringfence.hub.people.rights import RIGHTS, Right
from ringfence.hub.people.schemas.publish import (
    EdgeAwayView,
    LeftOutPhoneView,
    PublicationCountsView,
    PublicationView,
    PublishedSiteView,
    PublishOrder,
    RefusedFileView,
)
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing.left_out import LeftOutPhone
from ringfence.hub.publishing.publish import Publication, PublishedSite
from ringfence.phones.mac import Mac

router = APIRouter()

MOST_LISTED = 500
"""How many sites, phones or files each list of an answer has."""
MOST_FILES = 2000
"""How many changed files an answer names in all."""


@router.post("/publish", tags=["publish"])
def publish(body: PublishOrder, hub: TheHub, caller: TheCaller) -> PublicationView:
    """Publish changes: a new release for each site whose files changed.

    A phone whose files can't be made is left out and named: it keeps those that it has.
    """
    if not body.dry_run:
        check_may_publish(hub, caller)
    done = publishing.publish(
        hub, caller.name, site_ids=body.sites, comment=body.comment, dry_run=body.dry_run, with_diffs=body.diffs
    )
    return publication_view(done)


def check_may_publish(hub: Hub, caller: Caller) -> None:
    """Raise ApprovalMissing where a caller may publish nothing that a second person has not approved."""
    if Right.OWN not in RIGHTS[caller.role]:
        with hub.database.reading() as session:
            drafts.check_may_go_without(session)


def publication_view(done: Publication) -> PublicationView:
    """Return what a publish did, or would do, in the API's form, bounded whatever the fleet's size."""
    return PublicationView(
        dry_run=done.dry_run,
        counts=_counts(done),
        sites=list(_site_views(done.sites[:MOST_LISTED])),
        unchanged=done.unchanged,
        without_line=[str(mac) for mac in done.without_line[:MOST_LISTED]],
        waiting={str(Mac(mac)): load for mac, load in islice(done.waiting.items(), MOST_LISTED)},
        waiting_for=[
            EdgeAwayView(
                site=each.edge.site_id, edge=each.edge.id, hostname=each.edge.hostname,
                last_seen=each.edge.last_seen_at, counts_until=each.counts_until,
            )
            for each in done.waiting_for[:MOST_LISTED]
        ],
        left_out=[_left_out_view(phone) for phone in done.left_out[:MOST_LISTED]],
        asked_for=[_left_out_view(phone) for phone in done.asked_for[:MOST_LISTED]],
        refused_files=[
            RefusedFileView(what=each.what, where=each.where, to_do=each.to_do) for each in done.refused[:MOST_LISTED]
        ],
        held=[hold_view(site) for site in done.held[:MOST_LISTED]],
        seconds=done.seconds,
    )  # fmt: skip


def _counts(done: Publication) -> PublicationCountsView:
    return PublicationCountsView(
        sites=len(done.sites),
        files=sum(len(site.files) for site in done.sites),
        phones=sum(site.phones for site in done.sites),
        told_by_pbx=sum(site.told_by_pbx for site in done.sites),
        without_line=len(done.without_line),
        waiting=len(done.waiting),
        waiting_for=len(done.waiting_for),
        left_out=len(done.left_out),
        asked_for=len(done.asked_for),
        refused_files=len(done.refused),
        held=len(done.held),
    )


def _site_views(sites: Sequence[PublishedSite]) -> Iterator[PublishedSiteView]:
    named = 0
    for site in sites:
        files = site.files[: MOST_FILES - named]
        named += len(files)
        yield PublishedSiteView(
            site=site.site_id, release=site.release, previous=site.previous, phones=site.phones,
            edited_by=site.edited_by, told_by_pbx=site.told_by_pbx, file_count=len(site.files),
            files=file_change_views(files),
        )  # fmt: skip


def _left_out_view(phone: LeftOutPhone) -> LeftOutPhoneView:
    fault = phone.fault
    return LeftOutPhoneView(
        mac=str(phone.mac), site=phone.site_id, what=fault.what, where=fault.where, to_do=fault.to_do
    )
