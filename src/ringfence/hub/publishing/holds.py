"""Holds: a site that publishing leaves out until somebody decides, as after a roll-back."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.errors import NameRefused, NothingToEnd, SiteHeld
from ringfence.hub.fleet import sites
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import SiteRow
from ringfence.phones.settings.types import is_printable

LONGEST_REASON = 200


def put(change: Change, site_id: str, why: str) -> SiteRow:
    """Hold a site; a hold that is there already gets the new reason."""
    why = why.strip()
    if len(why) > LONGEST_REASON or not is_printable(why):
        raise NameRefused(f"a reason can have at most {LONGEST_REASON} characters, on one line")
    site = sites.get(change.session, site_id)
    site.held_at, site.held_by, site.held_why = change.now, change.who, why
    change.note("release.hold", site_id, why)
    return site


def end(change: Change, site_id: str) -> SiteRow:
    """End a site's hold: the next publish brings what was edited meanwhile."""
    site = sites.get(change.session, site_id)
    if site.held_at is None:
        raise NothingToEnd(f"site {site.id} is not held")
    site.held_at, site.held_by, site.held_why = None, "", ""
    change.note("release.resume", site_id)
    return site


def find(session: Session, site_ids: Sequence[str]) -> list[SiteRow]:
    """Return those of these sites that are held."""
    asked = set(site_ids)
    held = session.scalars(select(SiteRow).where(SiteRow.held_at.is_not(None)).order_by(SiteRow.id))
    return [site for site in held if site.id in asked]


def check_not_held(site: SiteRow) -> None:
    """Raise SiteHeld if a site is held."""
    if site.held_at is not None:
        raise SiteHeld(
            f"site {site.id} is held since {site.held_by} decided so: {site.held_why or 'no reason given'}",
            to_do=f"Look at what a publish would change (ringfence publish {site.id} --dry-run), then: "
            f"ringfence release resume {site.id}.",
        )
