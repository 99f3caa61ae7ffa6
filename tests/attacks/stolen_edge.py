"""An edge that somebody has carried off and switched on in a network of his own, phone addresses and all forged.

It is the real agent, with the release and the rules that it has kept, and a hub in memory: what the hub makes of an
edge's new address (``edge_moves``) is shown with a real hub in ``tests/hub``; here its answer arrives.
"""

import tempfile
import threading
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec

from attacks.home_lan import (
    EDGE,
    OWN,
    SHARED,
    HomeLan,
)
from ringfence.edge.agent.agent import Agent
from ringfence.edge.lan.observer import Hearing
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
from ringfence.wire.messages import Event, GuardRules
from stack import wait_for
from support.memory_hub import MemoryHub
from support.namespaces import entered
from support.signed_repository import NOW, Repository

HELD = GuardRules(2, held="this edge connects from 198.51.100.0/24, where it never was")
ACCEPTED = GuardRules(3)


class MovedHome(HomeLan):
    """The thief's home. The edge has served the phone's release before; ``is_hub_there``: it reaches its hub now."""

    def __init__(self, *, is_hub_there: bool = True) -> None:
        super().__init__()
        self._is_hub_there = is_hub_there
        self._hub = MemoryHub(Repository("anna"))

    @classmethod
    def kept_from_hub(cls) -> Self:
        """Return the home of a thief who lets the edge reach nobody."""
        return cls(is_hub_there=False)

    def settle(self) -> None:
        """As before; and the edge is back at its own place, where the phone is, and a person has said so."""
        super().settle()
        if self._is_hub_there and self._hub.rules is not ACCEPTED:
            self._hub.rules = ACCEPTED
            self._hub.hints.put(Event("state", NOW))
            self._wait_until_said("version 3")

    def _serve(self) -> None:
        folder = EdgeFolder(Path(self._stack.enter_context(tempfile.TemporaryDirectory())), Disk())
        self._hub.repository.publish(1, {OWN: self.secret} | SHARED)
        _enrol(folder, self._hub)
        self._hub.rules = GuardRules(1)
        self._run(folder, until="Received release 1")
        self._stop_agent()
        # Here it was carried off.
        if self._is_hub_there:
            self._hub = MemoryHub(self._hub.repository, rules=HELD)
        else:
            self._hub.away = True
        self._run(folder, until="version 2" if self._is_hub_there else "the hub is away")
        self._stack.callback(self._stop_agent)

    def _run(self, folder: EdgeFolder, *, until: str) -> None:
        with entered(self.edge):
            hearing = Hearing(tftp_ports=[69], http_ports=[6970])
            self._agent = Agent(
                folder,
                OwnWorker([(EDGE, 69)], [(EDGE, 6970)], hearing),
                lambda _level, text: self._note(text),
                lambda _folder, clock, _hub: _with_clock(self._hub, clock),
            )
            ready = threading.Event()
            self._thread = threading.Thread(target=self._agent.run, args=(ready.set,), name="agent")
            self._thread.start()
        if not ready.wait(120):
            raise AssertionError("the agent does not serve")
        self._wait_until_said(until)

    def _stop_agent(self) -> None:
        self._agent.stop()
        self._thread.join()

    def _note(self, text: str) -> None:
        with self._lock:
            self._said.append(text)

    def _wait_until_said(self, words: str) -> None:
        wait_for(words, lambda: any(words in text for text in self._said))


def _with_clock(hub: MemoryHub, clock: object) -> MemoryHub:
    hub.clock = clock  # type: ignore[assignment]  # the agent's own HubClock
    return hub


def _enrol(folder: EdgeFolder, hub: MemoryHub) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = make_authority(key, "CA", serial=1, now=NOW)
    request = read_request(make_request(key, "e1"))
    pem = to_pem(issue_edge_certificate(authority, key, request, EdgeIdentity("e1", "anna"), serial=2, now=NOW))
    folder.save_enrolment(
        Enrolment("https://hub:8444", "e1", "anna", "Home", NOW),
        Credentials(key, read_certificate(pem), to_pem(authority)),
        pem,
        hub.repository.files["1.root.json"],
    )
