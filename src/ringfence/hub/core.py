"""The hub's parts, opened from its data folder and handed to both APIs."""

import hashlib
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from sqlalchemy import make_url

from ringfence import phones
from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.signing import SiteSigners
from ringfence.hub.data.authority import Authority
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.directory_blobs import DirectoryBlobs
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.event_streams import Wakeups
from ringfence.hub.job_states import JobStates
from ringfence.hub.measures import Measures
from ringfence.hub.store import edits, organisation_limits, unapproved_edits
from ringfence.hub.store.binding import Everywhere
from ringfence.hub.store.change import Change
from ringfence.hub.store.database import BoundDatabase, Database
from ringfence.hub.store.dialect import driver_url
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.rehearsal import RehearsingSession
from ringfence.hub.store.server_sessions import JobsTurn
from ringfence.hub.tracing import NO_TRACES, Traces
from ringfence.phones.families import families
from ringfence.phones.rendering.renderer import Renderer
from ringfence.secret import Secret


@dataclass(slots=True)
class Hub:
    """Everything that handling a request needs, as one organisation has it (``hub/organisations.py`` gives others).

    ``device_url`` is what enrolment tokens name, ``people_url`` where people find the pages. ``authority`` is the CA of
    the hub's own certificate, which tokens name too; ``next_authority`` is the one that takes its place, while the hub
    changes its CA.
    """

    config: HubConfig
    database: BoundDatabase
    blobs: BlobStore
    sealer: Sealer = field(repr=False)
    authority: Authority
    signing: Callable[[], SiteSigners] = field(repr=False)
    device_url: str
    people_url: str
    next_authority: Authority | None = None
    renderer: Renderer = field(default_factory=Renderer)
    renderer_fingerprint: str = ""
    wakeups: Wakeups = field(default_factory=Wakeups)
    jobs: JobStates = field(default_factory=JobStates)
    measures: Measures = field(default_factory=Measures)
    traces: Traces = NO_TRACES
    turn: JobsTurn = field(default_factory=lambda: JobsTurn(make_url("sqlite://")))
    clock: Callable[[], float] = time.time
    closing: ExitStack = field(default_factory=ExitStack, repr=False)
    """What is to be ended with the hub."""
    folder: DataFolder | None = None
    """Where it is from, for what is looked at there while it runs; None for a hub that is in no folder."""
    has_metadata_due: bool = False
    """Whether its start left metadata to be signed again once it listens."""

    @property
    def organisation_id(self) -> str:
        """Whose it is; ``EVERYWHERE`` is nobody's."""
        if isinstance(self.database.whose, Everywhere):
            raise TypeError("the hub of all organisations is none's")
        return self.database.whose

    @property
    def signers(self) -> SiteSigners:
        """The metadata keys as they are now; a transaction takes them once, as they may change meanwhile."""
        return self.signing()

    @property
    def issuer(self) -> Authority:
        """The CA that issues edges' certificates."""
        return self.next_authority or self.authority

    @property
    def endpoints(self) -> HubEndpoints:
        """Where edges find this hub, and by what they know it, as their roots name it."""
        others = (url for url in self.config.other_device_urls if url != self.device_url)
        authorities = dict.fromkeys((self.issuer.pem, self.authority.pem))
        return HubEndpoints((self.device_url, *others), tuple(authorities))

    @contextmanager
    def change(self, who: str) -> Iterator[Change]:
        """Make a change in its own transaction; once it is committed, edges whose guards are affected are told."""
        with self.database.writing() as session:
            now = session.info[organisation_limits.NOW] = self.clock()
            yield Change(session, who, now)
        if told := session.info.get(edits.TOLD):
            self.wakeups.wake_sites(told)
            whose = self.database.whose
            self.wakeups.wake_tunnels(None if isinstance(whose, Everywhere) else {whose})

    @contextmanager
    def rehearsal(self, who: str) -> Iterator[Change]:
        """Try a change out: it is checked as if it were made, nothing of it is kept, and nobody waits for it."""
        with self.database.rehearsing() as session:
            now = session.info[organisation_limits.NOW] = self.clock()
            change = Change(session, who, now)
            yield change
            organisation_limits.check(session)
            unapproved_edits.check_rehearsed(session)
            if isinstance(session, RehearsingSession):
                session.check()

    def close(self) -> None:
        """Close the database, after what is to be ended with the hub."""
        self.closing.close()
        self.turn.let_go()
        self.database.close()


def open_hub(folder: DataFolder, config: HubConfig | None = None, blobs: BlobStore | None = None) -> Hub:
    """Open the hub in ``folder`` as the organisation has it that every hub has, and migrate its tables.

    Blobs are in the folder too, unless another store is given.
    """
    config = config or folder.config()
    with ExitStack() as on_fault:
        database = Database(folder.database_url(config))
        on_fault.callback(database.close)
        hub = Hub(
            config=config,
            database=database.of(FIRST),
            blobs=blobs or blobs_of(folder, config),
            sealer=folder.sealer(),
            authority=folder.authority(),
            signing=folder.signers(),
            device_url=config.told_device_url,
            people_url=config.told_people_url,
            next_authority=folder.next_authority(),
            renderer_fingerprint=_renderer_fingerprint(),
            folder=folder,
            turn=JobsTurn(driver_url(folder.database_url(config))),
        )
        on_fault.pop_all()
    return hub


def blobs_of(folder: DataFolder, config: HubConfig) -> BlobStore:
    """Return the store of a hub's blobs: its data folder, or the one that hub.toml names.

    Raises:
        BadConfiguration: The key's secret can't be read, or what speaks S3 is not installed.
    """
    bucket, prefix = config.blobs_place
    if not bucket:
        return blobs_in(folder.blobs)
    try:
        from ringfence.hub.data.s3_blobs import S3Blobs, S3Place  # noqa: PLC0415 - few hubs have it, and it is large
    except ImportError:
        what, to_do = "what speaks S3 is not installed", "Install it: pip install 'ringfence[hub-s3]'"
        raise BadConfiguration(what, where="blobs_url", to_do=to_do) from None
    file = config.blobs_secret_file(folder.path)
    try:
        secret = Secret(file.read_text("ascii").strip())
    except (OSError, ValueError):
        raise BadConfiguration(
            "the secret of the blobs' key can't be read",
            where=str(file),
            to_do="Make it, for the hub's user alone.",
        ) from None
    place = S3Place(bucket, prefix, config.blobs_endpoint, config.blobs_region, config.blobs_access_key, secret)
    return S3Blobs(place, folder.path / "blob-copies")


def traces_of(config: HubConfig) -> Traces:
    """Return where a hub's traces are told; hub.toml says.

    Raises:
        BadConfiguration: What tells them is not installed.
    """
    if not config.traces_url:
        return NO_TRACES
    try:
        from ringfence.hub.open_telemetry import OpenTelemetryTraces  # noqa: PLC0415 - few hubs have it, and it is large
    except ImportError:
        what, to_do = "what tells traces is not installed", "Install it: pip install 'ringfence[hub-traces]'"
        raise BadConfiguration(what, where="traces_url", to_do=to_do) from None
    return OpenTelemetryTraces(config.traces_url, config.name)


def blobs_in(folder: Path) -> BlobStore:
    """Return the store of the blobs in a folder."""
    return DirectoryBlobs(folder)


def _renderer_fingerprint() -> str:
    """Return a name for this version's way of rendering: when it changes, every site is rendered again."""
    digest = hashlib.sha256()
    added = {package for family in families().values() for package in family.packages}
    for package in (phones.__name__, *sorted(added - _within(phones.__name__, added))):
        folder = Path(import_module(package).__path__[0])
        for file in sorted(path for path in folder.rglob("*") if path.suffix in {".py", ".j2"}):
            digest.update(f"{package}/{file.relative_to(folder)}".encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _within(package: str, names: Collection[str]) -> set[str]:
    return {name for name in names if name.startswith(package + ".")}
