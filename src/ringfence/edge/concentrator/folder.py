"""A concentrator's folder, root's alone: who it is at the hub, and the boxes that it knows.

Its tunnel's keys are there too (``network/tunnel/own_keys.py``).
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from msgspec import Struct

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.errors import AlreadyEnrolled, FolderBroken, NotEnrolled
from ringfence.edge.network import run_folder
from ringfence.edge.storage.disk import Disk
from ringfence.identity.certificates import PrivateKey, key_from_pem, key_to_pem, read_certificate
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.tunnel_messages import TunnelPeer

WAIT_S = 5.0
"""How long another process that has the folder is waited for."""


@dataclass(frozen=True, slots=True)
class ConcentratorEnrolment:
    """What enrolling left: the hub's address, and the names by which it knows this concentrator."""

    hub_url: str
    concentrator_id: str
    name: str
    enrolled_at: float
    address: str
    """Its own inside the tunnel."""


class KnownPeers(Struct, frozen=True):
    """The boxes that the hub told last, as of a version in its epoch."""

    version: int = 0
    epoch: str = ""
    peers: tuple[TunnelPeer, ...] = ()


class ConcentratorFolder:
    """The folder of one concentrator; every file in it is readable by root only."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.disk = disk
        self.key_file = path / "identity" / "key.pem"
        self.certificate_file = path / "identity" / "certificate.pem"
        self._authority_file = path / "identity" / "authority.pem"
        self._enrolment_file = path / "identity" / "enrolment.json"
        self._endpoints_file = path / "identity" / "hub.json"
        self._peers_file = path / "peers.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Have the folder to oneself. HelperUnfit where it is not root's alone, or another process has it."""
        with run_folder.held(self.path, wait_s=WAIT_S):
            self.path.chmod(0o700)
            yield

    def enrolment(self) -> ConcentratorEnrolment:
        """Return the identity.

        Raises:
            NotEnrolled: There is none yet.
            FolderBroken: The file with it contains something else.
        """
        kept = self.disk.read(self._enrolment_file)
        if kept is None:
            raise NotEnrolled(
                "this folder does not contain an enrolled concentrator",
                where=str(self.path),
                to_do="Enrol it: ringfence tunnel enrol TOKEN; get one: ringfence tunnel token NAME.",
            )
        try:
            return codec.from_json(ConcentratorEnrolment, kept)
        except BadMessage:
            raise FolderBroken(
                "this file does not name the concentrator",
                where=str(self._enrolment_file),
                to_do="Remove the folder and enrol again with a new token: ringfence tunnel token NAME.",
            ) from None

    def refuse_if_enrolled(self) -> None:
        """Raise AlreadyEnrolled for a folder with a concentrator in it, so that its key is never overwritten."""
        try:
            known = self.enrolment()
        except NotEnrolled:
            return
        raise AlreadyEnrolled(
            f"this folder is already enrolled, as concentrator {known.name}",
            where=str(self.path),
            to_do="Use another --folder, or remove this one if that concentrator is no longer used.",
        )

    def save_enrolment(
        self, enrolment: ConcentratorEnrolment, key: PrivateKey, certificate_pem: str, authority_pem: str
    ) -> None:
        """Write everything from the enrolment; the file that marks the folder as enrolled comes last."""
        self.disk.make_folder(self.key_file.parent)
        self.disk.replace(self.key_file, key_to_pem(key))
        self.save_certificate(certificate_pem)
        self.disk.replace(self._authority_file, authority_pem.encode())
        self.disk.replace(self._enrolment_file, codec.to_json(enrolment))

    def save_certificate(self, certificate_pem: str) -> None:
        """Put a certificate in the place of the one before."""
        self.disk.replace(self.certificate_file, certificate_pem.encode())

    def key(self) -> PrivateKey:
        """Return the key that it enrolled with. BadCertificate where there is none."""
        return key_from_pem(self.disk.read(self.key_file) or b"")

    def certificate(self) -> x509.Certificate:
        """Return its certificate. BadCertificate where there is none."""
        return read_certificate((self.disk.read(self.certificate_file) or b"").decode("ascii", "replace"))

    def authority_pem(self) -> str:
        """Return the CA by which it knows its hub."""
        return (self.disk.read(self._authority_file) or b"").decode("ascii", "replace")

    def endpoints(self) -> HubEndpoints:
        """Return where the hub told last that it is; nothing where it told nothing, or that can't be read."""
        try:
            return HubEndpoints.from_field(json.loads(self.disk.read(self._endpoints_file) or b"null"))
        except ValueError:
            return HubEndpoints()

    def save_endpoints(self, endpoints: HubEndpoints) -> None:
        """Keep where the hub is from now on."""
        self.disk.replace(self._endpoints_file, json.dumps(endpoints.to_field()).encode())

    def known(self) -> KnownPeers:
        """Return the boxes as they were told last; none where that can't be read, and all are asked for again."""
        try:
            return codec.from_json(KnownPeers, self.disk.read(self._peers_file) or b"")
        except BadMessage:
            return KnownPeers()

    def keep(self, known: KnownPeers) -> None:
        """Keep the boxes for when the hub is away."""
        self.disk.replace(self._peers_file, codec.to_json(known))
