"""An edge's folder: who the edge is, and the lock that keeps a second agent out."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography import x509

from ringfence.edge.errors import AlreadyEnrolled, FolderInUse, NotEnrolled
from ringfence.edge.storage.disk import Disk
from ringfence.identity.certificates import (
    EdgeIdentity,
    PrivateKey,
    key_from_pem,
    key_to_pem,
    read_certificate,
    read_identity,
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What enrolling left: the hub's address, and the names by which it knows this edge and its site."""

    hub_url: str
    edge_id: str
    site_id: str
    site_name: str
    enrolled_at: float


@dataclass(frozen=True, slots=True)
class Credentials:
    """The edge's key and certificate, and the CA by which it knows its hub."""

    key: PrivateKey
    certificate: x509.Certificate
    authority_pem: str

    @property
    def identity(self) -> EdgeIdentity:
        """Which edge and site the certificate names."""
        return read_identity(self.certificate)


class EdgeFolder:
    """The folder of one edge; every file in it is readable by its owner only."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.disk = disk
        self.cache = path / "cache"
        self.reports = path / "reports"
        self.phones_file = path / "phones.json"
        self.status_file = Path(os.environ.get("RUNTIME_DIRECTORY", path)) / "status.json"
        self.key_file = path / "identity" / "key.pem"
        self.certificate_file = path / "identity" / "certificate.pem"
        self.authority_file = path / "identity" / "authority.pem"
        self.root_file = path / "identity" / "root.json"
        self.enrolment_file = path / "identity" / "enrolment.json"
        self.guard_file = path / "guard.json"

    def enrolment(self) -> Enrolment:
        """Return who the edge is; NotEnrolled where it is nobody yet."""
        kept = self.disk.read(self.enrolment_file)
        if kept is None:
            raise NotEnrolled(
                "this folder holds no enrolled edge",
                where=str(self.path),
                to_do="Enrol it: ringfence edge enrol TOKEN --folder DIR; get one: ringfence site token SITE.",
            )
        return Enrolment(**json.loads(kept))

    def refuse_if_enrolled(self) -> None:
        """Raise AlreadyEnrolled where an edge lives here, so that its key is never overwritten."""
        if self.disk.read(self.enrolment_file) is None:
            return
        known = self.enrolment()
        raise AlreadyEnrolled(
            f"this folder is enrolled already, as edge {known.edge_id} of site {known.site_name}",
            where=str(self.path),
            to_do="Use another --folder, or remove this one if that edge is given up.",
        )

    def save_enrolment(self, enrolment: Enrolment, credentials: Credentials, certificate_pem: str, root: bytes) -> None:
        """Write everything that enrolling gave; the file that makes the folder an enrolled one comes last."""
        self.disk.make_folder(self.key_file.parent)
        self.disk.replace(self.key_file, key_to_pem(credentials.key))
        self.disk.replace(self.certificate_file, certificate_pem.encode())
        self.disk.replace(self.authority_file, credentials.authority_pem.encode())
        self.disk.replace(self.root_file, root)
        self.disk.replace(self.enrolment_file, json.dumps(asdict(enrolment), indent=1).encode())

    def credentials(self) -> Credentials:
        """Return the key and certificates; NotEnrolled or BadCertificate say what to do where they are gone."""
        self.enrolment()
        key, certificate, authority = (
            self.disk.read(path) or b"" for path in (self.key_file, self.certificate_file, self.authority_file)
        )
        return Credentials(key_from_pem(key), read_certificate(certificate.decode()), authority.decode())

    def save_certificate(self, certificate_pem: str) -> None:
        """Put a renewed certificate in the place of the old one."""
        self.disk.replace(self.certificate_file, certificate_pem.encode())

    def wipe(self) -> None:
        """Remove everything that the edge holds: content first, then who it was."""
        for folder in (self.cache / "blobs", self.cache / "partial", self.cache, self.reports, self.key_file.parent):
            for name in self.disk.names(folder):
                if not (folder / name).is_dir():
                    self.disk.remove(folder / name)
        for path in (self.phones_file, self.status_file, self.guard_file):
            self.disk.remove(path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one agent; FolderInUse names the process that holds it already."""
        self.disk.make_folder(self.path)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                raise FolderInUse(
                    f"another edge runs on this folder, as process {holder}",
                    where=str(self.path),
                    to_do="Stop that one, or give this one a folder of its own with --folder.",
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Say whether an agent runs on the folder just now."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
