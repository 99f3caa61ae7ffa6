"""Sites: places with phones and an edge."""

import difflib
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.signing import ROOT_LIFETIME_S, SiteSigners, first_root
from ringfence.counted import counted
from ringfence.hub.errors import NameRefused, SiteNotEmpty, SiteTaken, UnknownSite
from ringfence.hub.fleet import organisations
from ringfence.hub.store import edits
from ringfence.hub.store.binding import whose
from ringfence.hub.store.change import Change
from ringfence.hub.store.dialect import contains_in_any_case
from ringfence.hub.store.models import EdgeRow, PhoneRow, RetiredSiteRow, SiteRow, name_key
from ringfence.hub.store.network_models import BoxRow
from ringfence.hub.store.release_models import RoleMetadataRow

LONGEST_NAME = 80
LONGEST_ID = 40
FIRMWARE_WAITS_S = 86_400.0
"""For how long new firmware waits for an edge that is away, where nobody says otherwise."""
_MOST_NUMBERED = 20
"""After so many sites of one name's id, the next one's end is random: looking for a free number would take longer."""
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SiteCounts:
    """A site with its counts; ``edges`` counts those that are not revoked."""

    site: SiteRow
    phones: int
    edges: int


def create(
    change: Change, signers: SiteSigners, name: str, site_id: str = "", endpoints: HubEndpoints | None = None
) -> SiteRow:
    """Create a site with its own metadata repository; without an id, one is derived from its name.

    ``endpoints`` is where the site's edges are to find the hub; None: where they enrolled.
    """
    name = _checked_name(change.session, name)
    if site_id:
        site_id = _full_id(change.session, site_id)
        if _ID.fullmatch(_short_id(change.session, site_id)) is None or len(site_id) > LONGEST_ID:
            raise NameRefused(
                f"{site_id[:60]!r} is not a site id",
                to_do="Use up to 40 characters from a to z, 0 to 9 and '-', as in home-office-anna.",
            )
        if _id_is_taken(change.session, site_id):
            raise SiteTaken(f"the id {site_id} is or was used by a site", to_do="Choose another id.")
    else:
        site_id = _free_id(change.session, name)
    site = SiteRow(
        id=site_id, name=name, created_at=change.now, newest_release=0,
        firmware_waits_s=FIRMWARE_WAITS_S, held_at=None,
        held_by="", held_why="", endpoints_digest=endpoints.digest if endpoints is not None else "",
        keys_digest=signers.named.digest,
    )  # fmt: skip
    change.session.add(site)
    change.session.flush()
    change.session.add(
        RoleMetadataRow(
            site_id=site_id,
            role="root",
            version=1,
            body=first_root(site_id, signers, change.now, endpoints),
            made_at=change.now,
            expires_at=change.now + ROOT_LIFETIME_S,
        )
    )
    change.note("site.create", site_id, name)
    return site


def get(session: Session, site_id: str) -> SiteRow:
    """Return a site by its id, whole or as it is short within its organisation; UnknownSite names the nearest ids."""
    site = session.get(SiteRow, _full_id(session, site_id))
    if site is None:
        raise unknown(session, site_id)
    return site


def find(session: Session, text: str) -> SiteRow | None:
    """Return the site with this id or name, or with the id that the name gives; None if there is none."""
    by_name = select(SiteRow).where(SiteRow.name == text)
    return (
        session.get(SiteRow, _full_id(session, text))
        or session.scalar(by_name)
        or session.get(SiteRow, _full_id(session, slug(text)))
    )


def unknown(session: Session, text: str, *, to_do: str = "") -> UnknownSite:
    """Return the error that there is no such site, with the nearest ids."""
    near = difflib.get_close_matches(
        _full_id(session, slug(text)), session.scalars(select(SiteRow.id)).all(), n=3, cutoff=0.5
    )
    advice = f"Similar: {', '.join(near)}." if near else "`ringfence site list` shows all."
    return UnknownSite(f"there is no site {text[:60]!r}", to_do=f"{advice} {to_do}".rstrip())


def choose(search: str | None = None) -> Select[SiteRow]:
    """Return the query for sites; ``search`` finds parts of ids and names, in any case."""
    chosen = select(SiteRow)
    if search:
        name = SiteRow.name_key.contains(name_key(search), autoescape=True)
        chosen = chosen.where(name | contains_in_any_case(SiteRow.id, search))
    return chosen


def with_counts(session: Session, found: Sequence[SiteRow]) -> list[SiteCounts]:
    """Return sites with their counts."""
    ids = [site.id for site in found]
    phones = _count(
        session, select(PhoneRow.site_id, func.count()).where(PhoneRow.site_id.in_(ids)).group_by(PhoneRow.site_id)
    )
    edges = _count(
        session,
        select(EdgeRow.site_id, func.count())
        .where(EdgeRow.site_id.in_(ids), EdgeRow.revoked_at.is_(None))
        .group_by(EdgeRow.site_id),
    )
    return [SiteCounts(site, phones.get(site.id, 0), edges.get(site.id, 0)) for site in found]


def existing(session: Session, site_ids: Sequence[str]) -> set[str]:
    """Return those of the ids that sites have."""
    return set(session.scalars(select(SiteRow.id).where(SiteRow.id.in_(site_ids))))


def rename(change: Change, site_id: str, name: str) -> SiteRow:
    """Rename a site; its id, which its metadata is bound to, stays the same."""
    site = get(change.session, site_id)
    if site.name != name.strip():
        old, site.name = site.name, _checked_name(change.session, name, but=site_id)
        change.note("site.rename", site_id, f"{old} → {site.name}")
    return site


def wait_for_edges(change: Change, site_id: str, seconds: float) -> None:
    """Change for how long new firmware waits for an edge of a site that is away."""
    get(change.session, site_id).firmware_waits_s = seconds
    change.note("site.firmware-waits", site_id, f"{seconds:g} s")


def remove(change: Change, site_id: str) -> None:
    """Remove a site that has no phones and no unrevoked edges; its id is never used again."""
    site = get(change.session, site_id)
    (found,) = with_counts(change.session, [site])
    if found.phones or found.edges:
        raise SiteNotEmpty(
            f"site {site_id} still has {counted(found.phones, 'phone')} and {counted(found.edges, 'edge')}",
            to_do="Move or remove its phones and revoke its edges first.",
        )
    change.session.add(RetiredSiteRow(id=site_id, retired_at=change.now))
    if change.session.scalar(select(BoxRow.edge_id).where(BoxRow.site_id == site.id).limit(1)) is not None:
        edits.forget_peers(change.session)
    change.session.delete(site)
    change.note("site.remove", site_id, site.name)


def _checked_name(session: Session, name: str, *, but: str = "") -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > LONGEST_NAME or _CONTROL.search(name):
        raise NameRefused(
            "a site's name must have 1 to 80 characters, without control characters", where=repr(name[:80])
        )
    other = session.scalar(select(SiteRow).where(SiteRow.name_key == name_key(name), SiteRow.id != but))
    if other is not None:
        raise SiteTaken(f"there already is a site called {other.name}", where=other.id, to_do="Choose another name.")
    return name


def slug(name: str) -> str:
    """Return an id for a name: up to 40 of a to z, 0 to 9 and ``-``; empty if the name has none of these."""
    folded = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:LONGEST_ID].strip("-")


def _free_id(session: Session, name: str) -> str:
    base = _full_id(session, slug(name) or "site")[:LONGEST_ID].rstrip("-")
    site_id, number = base, 1
    while _id_is_taken(session, site_id):
        number += 1
        suffix = f"-{number}" if number <= _MOST_NUMBERED else f"-{secrets.token_hex(4)}"
        site_id = base[: LONGEST_ID - len(suffix)].rstrip("-") + suffix
    return site_id


def _full_id(session: Session, site_id: str) -> str:
    """Return the id that the whole hub knows a site of the session's organisation by."""
    before = organisations.prefix(whose(session))
    return site_id if site_id.startswith(before) else before + site_id


def _short_id(session: Session, site_id: str) -> str:
    return site_id.removeprefix(organisations.prefix(whose(session)))


def _id_is_taken(session: Session, site_id: str) -> bool:
    return session.get(SiteRow, site_id) is not None or session.get(RetiredSiteRow, site_id) is not None


def _count(session: Session, statement: Select[str, int]) -> Mapping[str, int]:
    return dict(iter(session.execute(statement)))
