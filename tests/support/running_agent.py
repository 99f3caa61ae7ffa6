"""An agent at work on a folder, with a hub in memory and a real worker."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.release import Reload
from ringfence.edge.agent.agent import Agent
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.phones.site_worker import OwnWorker
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import Credentials, EdgeFolder, Enrolment
from ringfence.identity.certificates import (
    EdgeIdentity,
    issue_edge_certificate,
    make_authority,
    make_request,
    read_certificate,
    read_request,
    to_pem,
)
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from ringfence.wire.messages import Event, GuardNeed, GuardRules
from support.memory_hub import MemoryHub
from support.signed_repository import NOW, PHONES_OWN, Repository

NAME = "SEP001122334455.cnf.xml"
AUTHORITY_KEY, EDGE_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
AUTHORITY = make_authority(AUTHORITY_KEY, "CA", serial=1, now=NOW)


def certificate_pem(serial: int, made_at: float) -> str:
    request = read_request(make_request(EDGE_KEY, "e1"))
    who = EdgeIdentity("e1", "anna")
    return to_pem(issue_edge_certificate(AUTHORITY, AUTHORITY_KEY, request, who, serial=serial, now=made_at))


BY_ADDRESS = GuardRules(1, needs=(GuardNeed("secret", "L1"),))
"""For loopback, where no wire shows whose an address is."""


@dataclass
class Running:
    """An agent at work on a folder, with what it logged."""

    folder: EdgeFolder
    hub: MemoryHub
    log: list[str] = field(default_factory=list)
    agent: Agent | None = None
    _thread: threading.Thread | None = None

    def start(self, rules: GuardRules = BY_ADDRESS) -> None:
        self.hub.rules = rules
        self.agent = Agent(
            self.folder,
            OwnWorker([("127.0.0.1", 0)], [("127.0.0.1", 0)]),
            lambda _level, text: self.log.append(text),
            self._connect,
        )
        ready = threading.Event()
        self._thread = threading.Thread(target=self.agent.run, args=(ready.set,))
        self._thread.start()
        assert ready.wait(120)

    def stop(self) -> None:
        if self.agent and self._thread:
            self.agent.stop()
            self._thread.join(120)
            assert not self._thread.is_alive()

    def _connect(self, _folder: EdgeFolder, clock: HubClock, _hub: HubEndpoints) -> MemoryHub:
        self.hub.clock = clock
        return self.hub

    def get(self, name: str = NAME) -> bytes:
        assert self.agent is not None
        host, _, port = self.agent.addresses[0].rpartition(":")
        return fetch((host, int(port)), name)

    def serves(self, wanted: bytes) -> Callable[[], bool]:
        def look() -> bool:
            try:
                return self.get() == wanted
            except FileRefused:
                return False

        return look

    def publish(self, number: int, contents: dict[str, bytes], way: Reload = PHONES_OWN) -> None:
        self.hub.repository.publish(number, contents, way=way)
        self.hub.hints.put(Event("release", NOW, number))

    def reported(self, kind: str) -> list[str]:
        return [report.sentence for report in self.hub.stored.values() if report.kind == kind]


@contextlib.contextmanager
def enrolled_agent(path: Path, disk: Disk | None = None) -> Iterator[Running]:
    """Give an agent whose folder is enrolled, to be started; it is stopped with the block."""
    repository = Repository()
    folder = EdgeFolder(path, disk or Disk())
    pem = certificate_pem(2, NOW)
    who = Enrolment("https://hub:8444", "e1", "anna", "Anna", NOW)
    credentials = Credentials(EDGE_KEY, read_certificate(pem), to_pem(AUTHORITY))
    folder.save_enrolment(who, credentials, pem, repository.files["1.root.json"])
    made = Running(folder, MemoryHub(repository))
    try:
        yield made
    finally:
        made.stop()
