"""How the hub itself is, for those who run it: what ends when, how much room there is, and what to do first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ringfence import __version__
from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.data import backup_note
from ringfence.hub.fleet import fleet_counts, listener_certificates
from ringfence.hub.store import retention_tally
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.identity.certificates import fingerprint, read_certificate, validity

SOON_S = 30 * 86_400.0
_LITTLE_ROOM_BYTES = 1 << 30
_BY_MOVE = "ringfence hub move DIR --new-authority"
_BY_HUB = "the hub, by itself"
_BY_OTHERS = "whatever renews its files, such as certbot"


@dataclass(frozen=True, slots=True)
class HubCertificate:
    """A certificate of the hub's."""

    what: str
    fingerprint: str
    ends_at: float | None
    """None where it can't be read."""
    renewed_by: str
    """Who renews it, in words."""
    problem: str = ""
    """What a person has to do about it, in a sentence; empty for nothing."""


@dataclass(frozen=True, slots=True)
class HubKey:
    """What one of the metadata keys has signed: how many newest documents, and when the first of them ends."""

    role: str
    documents: int
    ends_at: float | None


@dataclass(frozen=True, slots=True)
class HubHealth:
    """How the hub is at a moment."""

    version: str
    database: str
    revision: str
    database_bytes: int
    free_bytes: int | None
    """Room for files of releases; None where the store does not know."""
    files: Mapping[str, int]
    """What there is of files and what was removed, in numbers (``store/retention_tally.py``)."""
    last_backup_at: float | None
    """Of when the last copy is; None where none is known."""
    changes_authority: bool
    certificates: Sequence[HubCertificate]
    keys: Sequence[HubKey]
    edge_certificates_ended: int
    edge_certificates_ending: int
    sites_in_doubt: int
    notices_waiting: int
    channels_failing: int

    @property
    def has_little_room(self) -> bool:
        """Whether a publish may soon find no room."""
        return self.free_bytes is not None and self.free_bytes < _LITTLE_ROOM_BYTES


def look(hub: Hub, now: float) -> HubHealth:
    """Return how a hub is, with the rows of all organisations."""
    with hub.database.reading() as session:
        counts = {name: values for name, (_meaning, values) in fleet_counts.count(session, now).items()}
        kind, size = _size(session)
        return HubHealth(
            __version__,
            kind,
            session.execute(text("SELECT version_num FROM alembic_version")).scalar_one(),
            size,
            hub.blobs.free_bytes(),
            retention_tally.read(session),
            None if hub.folder is None else backup_note.read(hub.folder),
            hub.next_authority is not None,
            _certificates(hub, now),
            _keys(session),
            int(counts["edge_certificates"]["ended"]),
            int(counts["edge_certificates"]["ending"]),
            int(counts["sites"]["in-doubt"]),
            int(counts["alert_notices_waiting"][""]),
            int(counts["alert_channels"]["failing"]),
        )


def _size(session: Session) -> tuple[str, int]:
    kind = session.get_bind().dialect.name
    asked = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if kind == "sqlite"
        else "SELECT pg_database_size(current_database())"
    )
    size = int(session.execute(text(asked)).scalar_one())
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(kind, kind), size


def _certificates(hub: Hub, now: float) -> Sequence[HubCertificate]:
    found = [_certificate("The CA that edges pin", hub.authority.pem, _BY_MOVE)]
    if hub.next_authority is not None:
        found.append(_certificate("The CA that takes its place", hub.next_authority.pem, _BY_MOVE))
    if hub.folder is not None:
        own = hub.config.people_certificate
        files = [("What edges see" if own else "What edges and browsers see", hub.folder.server_certificate, _BY_HUB)]
        if own:
            files.append(("What browsers see", hub.folder.path / own, _BY_OTHERS))
        for what, file, renewed_by in files:
            try:
                found.append(_certificate(what, file.read_text("ascii"), renewed_by))
            except (OSError, ValueError, RingfenceError):
                found.append(HubCertificate(what, "", None, renewed_by))
        found += [
            HubCertificate(each.seen_by, each.fingerprint, each.ends_at, each.renewed_by, each.problem)
            for each in listener_certificates.find(hub, now)
        ]
    return found


def _certificate(what: str, pem: str, renewed_by: str) -> HubCertificate:
    certificate = read_certificate(pem)
    return HubCertificate(what, fingerprint(certificate), validity(certificate)[1], renewed_by)


def _keys(session: Session) -> Sequence[HubKey]:
    """Return for each role how many sites have its metadata, and when the newest of a site ends first."""
    newest = (
        select(RoleMetadataRow.role, func.max(RoleMetadataRow.expires_at).label("ends_at"))
        .group_by(RoleMetadataRow.role, RoleMetadataRow.site_id)
        .subquery()
    )
    chosen = select(newest.c.role, func.count(), func.min(newest.c.ends_at)).group_by(newest.c.role)
    found = {role: HubKey(role, documents, ends_at) for role, documents, ends_at in session.execute(chosen)}
    return [found.get(role, HubKey(role, 0, None)) for role in ("root", "targets", "snapshot", "timestamp")]
