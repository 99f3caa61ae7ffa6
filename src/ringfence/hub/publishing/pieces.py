"""The sites that are due, read in pieces: what is in memory is one piece's, however large the fleet is.

All pieces are of one moment of the database: that at which the first of it was read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.fleet import templates
from ringfence.hub.publishing import editors, holds, site_profiles, site_trust
from ringfence.hub.publishing.editors import Edited
from ringfence.hub.publishing.known_secrets import KnownSecrets
from ringfence.hub.publishing.site_rows import SiteInput, due_sites, phones_without_line, read_sites
from ringfence.hub.store import audit_chain
from ringfence.hub.store.binding import whose
from ringfence.hub.store.models import SiteRow
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates

SITES_AT_ONCE = 100
"""How many sites are read, rendered and written together: they share a transaction and a disk sync."""


@dataclass(frozen=True, slots=True)
class DueSites:
    """The sites that are due, as they are to be rendered, and all else that rendering goes by."""

    pieces: Iterable[Sequence[SiteInput]]
    """At most ``SITES_AT_ONCE`` sites each; to be read once, while what they are read from is open."""
    asked: int
    """How many the publish is about, whether they are due or not."""
    without_line: list[Mac]
    held: list[SiteRow]
    edited: Mapping[str, Edited]
    templates: OwnTemplates
    known: KnownSecrets
    entries_through: int
    """The newest entry of the audit log when they were read."""


@contextmanager
def reading(hub: Hub, site_ids: Sequence[str] | None, *, with_held: bool = False) -> Iterator[DueSites]:
    """Read in the block what a publish of these sites, or of all, would render; sites that are held ``with_held``."""
    with hub.database.reading() as session:
        due, asked = due_sites(session, hub.renderer_fingerprint, site_ids)
        sites_held = holds.find(session, due)
        if not with_held:
            there = {site.id for site in sites_held}
            due = [site_id for site_id in due if site_id not in there]
        yield DueSites(
            pieces=_pieces(hub, session, due),
            asked=asked,
            without_line=phones_without_line(session, site_ids),
            held=sites_held,
            edited=editors.find(session, due),
            templates=templates.all_of(session),
            known=KnownSecrets.of_fleet(session, hub.sealer) if due else KnownSecrets(),
            entries_through=audit_chain.head(session, whose(session))[0],
        )


def read(hub: Hub, site_ids: Sequence[str] | None, *, with_held: bool = False) -> DueSites:
    """Read all of it at once (``reading``), for a change that is not kept."""
    with reading(hub, site_ids, with_held=with_held) as due:
        return replace(due, pieces=list(due.pieces), known=due.known.open())


def _pieces(hub: Hub, session: Session, due: Sequence[str]) -> Iterator[Sequence[SiteInput]]:
    inputs = read_sites(session, hub.sealer, due, hub.clock())
    while piece := list(islice(inputs, SITES_AT_ONCE)):
        yield site_profiles.with_profiles(hub, session, site_trust.with_trust(hub, session, piece))
