"""Sites as the listener's guard has them: their rules of now, their phones, and the files of their newest releases."""

from collections.abc import Collection
from dataclasses import dataclass

from cachetools import FIFOCache
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.release import BY_HTTPS, STUBS, Target
from ringfence.guard.guarded_site import GuardedSite
from ringfence.guard.rules import read_rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.hub.core import Hub
from ringfence.hub.fleet.guard import rules_for_edges
from ringfence.hub.publishing.releases import target_of
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseTargetRow

KEPT_S = 5.0
"""How long a site's rules are taken to be the same where its version says so: bans and windows end by time."""
_MOST_KEPT = 256


@dataclass(slots=True)
class ListenedSite(GuardedSite):
    """A site whose phones may come to the listener."""

    phones: frozenset[str] = frozenset()
    release: int = 0
    version: tuple[int, int] = (0, 0)
    read_at: float = 0.0

    @property
    def known_owners(self) -> Collection[str]:
        """The bare MAC addresses of the site's phones."""
        return self.phones


@dataclass(frozen=True, slots=True)
class FileOfRelease:
    """A file that a site's newest release has, and that release's number."""

    target: Target
    release: int


class GuardedSites:
    """Reads sites, and keeps them for as long as they are the same."""

    def __init__(self) -> None:
        self._kept: FIFOCache[tuple[str, str, ServingProfile], ListenedSite] = FIFOCache(_MOST_KEPT)

    def of(
        self, hub: Hub, site_id: str, name: str, profile: ServingProfile
    ) -> tuple[ListenedSite, FileOfRelease | None]:
        """Return a site, and what its newest release has under a name.

        Args:
            hub: The hub as the site's organisation has it.
            site_id: The site.
            name: The file's, in the form that releases have.
            profile: Whom it is served to.
        """
        now = hub.clock()
        with hub.database.reading() as session:
            row = session.get_one(SiteRow, site_id)
            version = (row.guard_version, row.newest_release)
            key = (hub.organisation_id, site_id, profile)
            site = self._kept.get(key)
            if site is None or site.version != version or not 0 <= now - site.read_at < KEPT_S:
                site = self._kept[key] = _read(session, row, version, now, profile)
            found = None
            if row.newest_release and not name.startswith((STUBS, BY_HTTPS)):
                chosen = select(ReleaseTargetRow).where(
                    ReleaseTargetRow.site_id == site_id, ReleaseTargetRow.number == row.newest_release,
                    ReleaseTargetRow.name == name,
                )  # fmt: skip
                target = session.scalar(chosen)
                found = FileOfRelease(target_of(target), row.newest_release) if target is not None else None
        return site, found


def _read(
    session: Session, row: SiteRow, version: tuple[int, int], now: float, profile: ServingProfile
) -> ListenedSite:
    rules = read_rules(rules_for_edges.compile_site(session, row.id, now), profile)
    phones = frozenset(session.scalars(select(PhoneRow.mac).where(PhoneRow.site_id == row.id)))
    site = ListenedSite(row.id, row.name, phones=phones, release=row.newest_release or 0, version=version, read_at=now)
    site.take_rules(rules)
    return site
