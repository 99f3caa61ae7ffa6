"""Publishing."""

from fastapi import APIRouter

from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.releases import file_change_views, hold_view
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
from ringfence.phones.mac import Mac

router = APIRouter()


@router.post("/publish", tags=["publish"])
def publish(body: PublishOrder, hub: TheHub, caller: TheCaller) -> PublicationView:
    """Publish changes: a new release for each site whose files changed.

    A phone whose files can't be made is left out and named: it keeps those that it has.
    """
    done = publishing.publish(
        hub, caller.name, site_ids=body.sites, comment=body.comment, dry_run=body.dry_run, with_diffs=body.diffs
    )
    return PublicationView(
        dry_run=done.dry_run,
        sites=[
            PublishedSiteView(
                site=site.site_id, release=site.release, previous=site.previous, phones=site.phones,
                edited_by=site.edited_by, files=file_change_views(site.files),
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
