"""An enrolled concentrator's agent in a thread of the test's own, without a tunnel."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from cryptography import x509

from ringfence.edge.concentrator.agent import ConcentratorAgent, TunnelPlace
from ringfence.edge.concentrator.enrolment import enrol
from ringfence.edge.concentrator.folder import ConcentratorFolder
from ringfence.edge.concentrator.keeper import BoxAtConcentrator, ConcentratorBox, ConcentratorKeeper
from ringfence.edge.network.tunnel.own_keys import OwnKeys
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.edge.storage.disk import Disk
from ringfence.identity.certificates import issuer_id


class NoMachine:
    """What a concentrator tells its machine, where no tunnel is wanted."""

    standing: tuple[BoxAtConcentrator, ...] = ()

    def begin(self, boxes: Sequence[ConcentratorBox]) -> None: ...
    def take(self, boxes: Sequence[ConcentratorBox]) -> None: ...
    def on_time(self) -> None: ...


class RunningConcentrator:
    """It enrols by a token; ``said`` are its log lines."""

    def __init__(self, path: Path, token: str) -> None:
        self.path, self.said = path, list[str]()
        path.mkdir(mode=0o700)
        enrol(ConcentratorFolder(path, Disk()), token)

    @property
    def certificate(self) -> x509.Certificate:
        return ConcentratorFolder(self.path, Disk()).certificate()

    @property
    def issuer(self) -> str:
        return issuer_id(self.certificate)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """It is at work for the length of the block. ``wg`` must be there, which makes its keys."""
        place = TunnelPlace("192.0.2.1:51820", WireGuard("none"), OwnKeys(self.path))
        agent = ConcentratorAgent(
            ConcentratorFolder(self.path, Disk()), place, cast("ConcentratorKeeper", NoMachine()),
            lambda _level, text: self.said.append(text),
        )  # fmt: skip
        thread = threading.Thread(target=agent.run, args=(lambda: None,))
        thread.start()
        try:
            yield
        finally:
            agent.stop()
            thread.join()
