"""An edge's folder: who the edge is, and the lock that keeps a second agent out."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from ringfence.edge.errors import AlreadyEnrolled, FolderBroken, FolderInUse, NotEnrolled
from ringfence.edge.storage.disk import TEMPORARY, Disk, disk_faults
from ringfence.edge.storage.reserve import Reserve
from ringfence.edge.storage.vault import Vault, sealed_path
from ringfence.errors import EnvironmentFault
from ringfence.identity.certificates import (
    EdgeIdentity,
    PrivateKey,
    key_from_pem,
    key_to_pem,
    read_certificate,
    read_identity,
)
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

_KEEPS_SERVING = b"keeps serving"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What enrolling left: the hub's address, and the names by which it knows this edge and its site."""

    hub_url: str
    edge_id: str
    site_id: str
    site_name: str
    enrolled_at: float
    proxy: str = field(default="", repr=False)
    """How the hub is reached (``agent.proxy.proxy_for``); it may contain a password."""


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
    """The folder of one edge; every file in it is readable by its owner only.

    ``status_socket`` is where its agent tells how it is, while it runs.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.disk = disk
        self.cache = path / "cache"
        self.reports = path / "reports"
        self.phones_file = path / "phones.json"
        self.status_socket = path / "status.sock"
        self.first_status_file = path / "status.json"  # where the first edges wrote their status
        self.key_file = path / "identity" / "key.pem"
        self.certificate_file = path / "identity" / "certificate.pem"
        self.authority_file = path / "identity" / "authority.pem"
        self.root_file = path / "identity" / "root.json"
        self.enrolment_file = path / "identity" / "enrolment.json"
        self.state_file = path / "state.json"
        self.jobs_file = path / "jobs.json"
        self.tls_keys_file = path / "phone-tls.json"
        self.first_rules_file = path / "guard.json"  # where the first edges kept the guard's rules
        self.revoked_file = path / "revoked"
        self._wiping_file = path / "wiping"
        self.standing_file = path / "standing.json"
        self.sealed_file = path / "sealed.json"
        self.vault = Vault(self.sealed_file, disk)
        self.reserve_file = path / "reserve"
        self.reserve = Reserve(self.reserve_file)

    def enrolment(self) -> Enrolment:
        """Return the identity of the edge.

        Raises:
            NotEnrolled: It is not enrolled yet, or no longer.
            FolderBroken: The file with the identity contains something else.
            DiskFault: The machine can't read it.
        """
        kept = self.disk.read(self.enrolment_file)
        if kept is None or self.disk.read(self._wiping_file) is not None:
            raise NotEnrolled(
                "this folder does not contain an enrolled edge",
                where=str(self.path),
                to_do="Enrol it: ringfence edge enrol TOKEN --folder DIR; get one: ringfence site token SITE.",
            )
        try:
            return codec.from_json(Enrolment, kept)
        except BadMessage:
            raise FolderBroken(
                "this file does not name the edge",
                where=str(self.enrolment_file),
                to_do="Restore it, or remove the folder and enrol again with a new token: ringfence site token SITE.",
            ) from None

    def refuse_if_enrolled(self) -> None:
        """Refuse a folder that already contains an edge, so that its key is never overwritten.

        Raises:
            AlreadyEnrolled: The folder contains an edge.
            FolderBroken, DiskFault: As ``enrolment``.
        """
        try:
            known = self.enrolment()
        except NotEnrolled:
            return
        raise AlreadyEnrolled(
            f"this folder is already enrolled, as edge {known.edge_id} of site {known.site_name}",
            where=str(self.path),
            to_do="Use another --folder, or remove this folder if that edge is no longer used.",
        )

    def save_enrolment(self, enrolment: Enrolment, credentials: Credentials, certificate_pem: str, root: bytes) -> None:
        """Write everything from the enrolment; the file that marks the folder as enrolled comes last."""
        self.disk.make_folder(self.key_file.parent)
        self.disk.replace(self.key_file, key_to_pem(credentials.key))
        self.disk.replace(self.certificate_file, certificate_pem.encode())
        self.disk.replace(self.authority_file, credentials.authority_pem.encode())
        self.disk.replace(self.root_file, root)
        self.disk.replace(self.enrolment_file, codec.to_json(enrolment))

    def credentials(self) -> Credentials:
        """Return the key and certificates.

        Raises:
            NotEnrolled, FolderBroken, DiskFault: As ``enrolment``.
            BadCertificate: The key or the certificate is missing or invalid.
        """
        self.enrolment()
        key, certificate, authority = (
            self.disk.read(path) or b"" for path in (self.key_file, self.certificate_file, self.authority_file)
        )
        return Credentials(
            key_from_pem(key),
            read_certificate(certificate.decode("ascii", "replace")),
            authority.decode("ascii", "replace"),
        )

    def save_certificate(self, certificate_pem: str) -> None:
        """Put a renewed certificate in the place of the old one."""
        self.disk.replace(self.certificate_file, certificate_pem.encode())

    @property
    def is_revoked(self) -> bool:
        """Whether the hub has told this edge that it is revoked."""
        return self.disk.read(self.revoked_file) is not None

    def note_revoked(self, *, keeps_serving: bool) -> None:
        """Store that the hub has told this edge that it is revoked, and whether it goes on with what it has."""
        self.disk.replace(self.revoked_file, _KEEPS_SERVING if keeps_serving else b"")

    @property
    def gives_no_secrets(self) -> bool:
        """Whether this edge was revoked and was not told to go on with the secrets that it has."""
        noted = self.disk.read(self.revoked_file)
        return noted is not None and noted != _KEEPS_SERVING

    def wipe(self) -> None:
        """Delete everything that the edge has: content first, then its identity. Only the lock file stays.

        From the first step on, the folder does not contain an enrolled edge. ``lock`` finishes a wipe that was
        interrupted, or that the disk refused in part; such a wipe deletes everything except that part.

        Raises:
            DiskFault: Something could not be removed.
        """
        with contextlib.suppress(EnvironmentFault):  # a full disk is wiped all the same
            self.disk.replace(self._wiping_file, b"")
        refused: EnvironmentFault | None = None
        for folder in (self.cache, self.reports, self.key_file.parent):
            try:
                self.disk.remove_tree(folder)
            except EnvironmentFault as fault:
                refused = fault
        for path in (
            self.phones_file, self.reserve_file, self.state_file, self.jobs_file, self.first_rules_file,
            self.first_status_file, self.revoked_file, self.sealed_file,
            sealed_path(self.state_file), self.standing_file, self.tls_keys_file, sealed_path(self.tls_keys_file),
        ):  # fmt: skip
            try:
                self.disk.remove(path.with_name(path.name + TEMPORARY))
                self.disk.remove(path)
            except EnvironmentFault as fault:
                refused = fault
        if refused is not None:
            raise refused
        self.disk.remove(self._wiping_file)

    def finish_wipe(self) -> None:
        """Delete what an interrupted wipe left; do nothing if there was none.

        Raises:
            FolderInUse: An agent uses the folder.
            DiskFault: Something could not be removed.
        """
        if self.disk.read(self._wiping_file) is not None:
            with self.lock():
                pass

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one agent, and finish a wipe that was cut short.

        Raises:
            FolderInUse: Another process holds it; the sentence names it.
            DiskFault: The machine does not let it be made or locked.
        """
        self.disk.make_folder(self.path)
        path = self.path / "lock"
        with disk_faults(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                raise FolderInUse(
                    f"another edge already uses this folder, as process {holder}",
                    where=str(self.path),
                    to_do="Stop that process, or choose another folder with --folder.",
                ) from None
            with disk_faults(path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            if self.disk.read(self._wiping_file) is not None:
                self.wipe()
            yield
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Return whether an agent runs on the folder just now.

        Raises:
            DiskFault: The machine does not tell.
        """
        path = self.path / "lock"
        with disk_faults(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
