"""Publishing."""

from fastapi import APIRouter

from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.releases import file_change_views
from ringfence.hub.people.schemas.publish import PublicationView, PublishedSiteView, PublishOrder
from ringfence.hub.publishing import publish as publishing
from ringfence.phones.mac import Mac

router = APIRouter()


@router.post("/publish", tags=["publish"])
def publish(body: PublishOrder, hub: TheHub, caller: TheCaller) -> PublicationView:
    """Publish changes: a new release for each site whose files changed; nothing at all if there is a fault."""
    done = publishing.publish(hub, caller.name, site_ids=body.sites, comment=body.comment, dry_run=body.dry_run)
    return PublicationView(
        dry_run=done.dry_run,
        sites=[
            PublishedSiteView(
                site=site.site_id, release=site.release, previous=site.previous, files=file_change_views(site.files)
            )
            for site in done.sites
        ],
        unchanged=done.unchanged,
        without_line=[str(mac) for mac in done.without_line],
        waiting={str(Mac(mac)): load for mac, load in done.waiting.items()},
        seconds=done.seconds,
    )
