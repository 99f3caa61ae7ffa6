"""Publishing."""

from fastapi import APIRouter

from ringfence.hub.core import Hub
from ringfence.hub.fleet import drafts
from ringfence.hub.people.callers import Caller, TheCaller, TheHub
from ringfence.hub.people.releases import file_change_views, hold_view
from ringfence.hub.people.rights import RIGHTS, Right
from ringfence.hub.people.schemas.publish import (
    EdgeAwayView,
    LeftOutPhoneView,
    PublicationView,
    PublishedSiteView,
    PublishOrder,
    RefusedFileView,
)
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing.left_out import LeftOutPhone
from ringfence.hub.publishing.publish import Publication
from ringfence.phones.mac import Mac

router = APIRouter()


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
    """Return what a publish did, or would do, in the API's form."""
    return PublicationView(
        dry_run=done.dry_run,
        sites=[
            PublishedSiteView(
                site=site.site_id, release=site.release, previous=site.previous, phones=site.phones,
                edited_by=site.edited_by, told_by_pbx=site.told_by_pbx, files=file_change_views(site.files),
            )
            for site in done.sites
        ],
        unchanged=done.unchanged,
        without_line=[str(mac) for mac in done.without_line],
        waiting={str(Mac(mac)): load for mac, load in done.waiting.items()},
        waiting_for=[
            EdgeAwayView(
                site=each.edge.site_id, edge=each.edge.id, hostname=each.edge.hostname,
                last_seen=each.edge.last_seen_at, counts_until=each.counts_until,
            )
            for each in done.waiting_for
        ],
        left_out=[_left_out_view(phone) for phone in done.left_out],
        asked_for=[_left_out_view(phone) for phone in done.asked_for],
        refused_files=[RefusedFileView(what=each.what, where=each.where, to_do=each.to_do) for each in done.refused],
        held=[hold_view(site) for site in done.held],
        seconds=done.seconds,
    )  # fmt: skip


def _left_out_view(phone: LeftOutPhone) -> LeftOutPhoneView:
    fault = phone.fault
    return LeftOutPhoneView(
        mac=str(phone.mac), site=phone.site_id, what=fault.what, where=fault.where, to_do=fault.to_do
    )
