"""Many phones at once."""

from fastapi import APIRouter

from ringfence.hub.fleet import (
    bulk,
    lines,
)
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.bulk import BulkOrder, BulkOutcomeView, BulkRefusalView, SharedUserView
from ringfence.secret import Secret

router = APIRouter()


@router.post("/phones/bulk", tags=["phones"])
def take_many(body: BulkOrder, hub: TheHub, caller: TheCaller) -> BulkOutcomeView:
    """Add or change many phones with lines and settings: all, or none and a list of everything that is wrong."""
    items = [
        bulk.BulkPhone(
            phone.mac, phone.site, phone.model, phone.description, phone.group, phone.settings,
            [
                bulk.BulkLine(
                    line.index,
                    lines.LineParts(
                        line.label, line.name, line.display_name, line.auth_name,
                        None if line.password is None else Secret(line.password),
                    ),
                    line.settings,
                    line.row,
                )
                for line in phone.lines
            ],
            phone.row,
        )
        for phone in body.phones
    ]  # fmt: skip
    done = bulk.take(
        hub, caller.name, items, site_settings=body.site_settings, dry_run=body.dry_run, make_sites=body.make_sites
    )
    return BulkOutcomeView(
        kept=not (done.refusals or body.dry_run), added=len(done.added), changed=done.changed,
        unchanged=done.unchanged, phones_added=[str(mac) for mac in done.added], sites_made=done.sites_made,
        groups_made=done.groups_made,
        shared_users=[
            SharedUserView(name=name, phones=[str(mac) for mac in macs]) for name, macs in done.shared_users.items()
        ],
        refusals=[
            BulkRefusalView(
                row=each.row, column=each.column, what=each.fault.what, where=each.fault.where, to_do=each.fault.to_do
            )
            for each in done.refusals
        ],
    )  # fmt: skip
