"""One concentrator at work: what the hub tells of boxes is kept, applied, and applied again without the hub.

Threads: one hears the hub's hints, one asks it and tells it, and the caller's looks after the tunnel several times a
second. Hints only wake: an answer of the hub says what is so.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ringfence.edge.agent.backoff import Backoff
from ringfence.edge.concentrator.folder import ConcentratorFolder, KnownPeers
from ringfence.edge.concentrator.keeper import ConcentratorBox, ConcentratorKeeper
from ringfence.edge.concentrator.known_boxes import merged, read_boxes
from ringfence.edge.concentrator.way_to_hub import WayToHub
from ringfence.edge.errors import HubRefused
from ringfence.edge.network.tunnel.own_keys import OwnKeys, known_now
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.edge.reporting.log import Log
from ringfence.errors import RingfenceError
from ringfence.wire.tunnel_messages import TunnelPeers, TunnelStanding

LOOK_S = 0.25
ASK_ANYWAY_S = 300.0
TELL_S, TELL_ANYWAY_S = 20.0, 300.0
"""How soon the hub is told of new handshakes, and how often it is told anyway."""
KEY_ASK_S, KEY_WAITS_S = 3.0, 600.0
"""How often it is asked whether boxes know the next key, and how long it is waited for them: one that is connected and
does not take it all that time has other troubles, and learns the key from the hub without any tunnel."""
_MOST_PARTS = 200
_EXPIRED = "certificate-expired"
_REVOKED = frozenset({"edge-revoked", "certificate-unknown"})


@dataclass(frozen=True, slots=True)
class TunnelPlace:
    """Where a concentrator is: for boxes (``host:port``), and its own tunnel's interface and keys."""

    endpoint: str
    link: WireGuard
    keys: OwnKeys


class ConcentratorAgent:
    """One enrolled concentrator; ``run`` returns when ``stop`` is called.

    Args:
        folder: Its folder, which the caller has.
        place: Where it is.
        keeper: What it tells the machine.
        log: Receives its log lines.

    Raises:
        NotEnrolled, FolderBroken, BadCertificate: The folder does not contain what it needs.
    """

    def __init__(self, folder: ConcentratorFolder, place: TunnelPlace, keeper: ConcentratorKeeper, log: Log) -> None:
        self._folder = folder
        self._place = place
        self._keeper = keeper
        self._log = log
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        """Guards the keeper."""
        self._way = WayToHub(folder, log)
        self._known = folder.known()
        self._retired_key = ""
        self._next_told_at: float | None = None
        self._told: TunnelStanding | None = None
        self._tell_at = 0.0
        self._said = ""
        self._left_out: list[str] = []
        self._bug: Exception | None = None

    def stop(self) -> None:
        """Let ``run`` return; safe to call from a signal handler."""
        self._stopping.set()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Let in the boxes that are known, then follow the hub until ``stop``.

        Raises:
            TunnelRefused, FenceRefused: The machine does not do what it is told.
        """
        with self._lock:
            self._keeper.begin(self._boxes_of(self._known))
        on_ready()
        works = (self._listen, self._follow)
        threads = [threading.Thread(target=self._work, args=(work,), name=work.__name__.strip("_")) for work in works]
        for thread in threads:
            thread.start()
        try:
            while not self._stopping.wait(LOOK_S):
                with self._lock:
                    self._keeper.on_time()
        finally:
            self._stopping.set()
            self._way.close()
            self._wake.set()
            for thread in threads:
                thread.join()
        if self._bug is not None:
            raise self._bug

    def _work(self, work: Callable[[], None]) -> None:
        """Do a thread's work. A bug ends all of it: a service manager starts it anew."""
        try:
            work()
        except Exception as bug:  # noqa: BLE001 - `run` raises it again
            self._bug = bug
            self.stop()

    def _listen(self) -> None:
        """Keep one event stream open; every event wakes who asks."""
        pause = Backoff()
        while not self._stopping.is_set():
            client = self._way.client
            try:
                for event in client.events():
                    if event.kind == "revoked":
                        self._be_revoked()
                        break
                    self._way.clock.learn(event.hub_time)
                    if event.kind == "greeting":
                        pause.reset()
                        self._tell_at = 0.0
                        self._say("info", "Connected to the hub.")
                    self._wake.set()
            except RingfenceError as fault:
                if client is not self._way.client:  # it was ended here, as another one has its place
                    continue
                if isinstance(fault, HubRefused) and fault.kind == _EXPIRED:
                    self._wake.set()  # who asks renews it, and says so where that can't be
                else:
                    self._on_fault(fault)
            self._stopping.wait(pause.next())

    def _follow(self) -> None:
        pause = Backoff()
        self._wake.set()
        ask_at = 0.0
        while not self._stopping.is_set():
            is_asked = self._wake.wait(KEY_ASK_S if self._place.keys.next_public_key else TELL_S)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                if is_asked or time.monotonic() >= ask_at:
                    self._ask()
                    ask_at = time.monotonic() + ASK_ANYWAY_S * (0.8 + 0.4 * random.random())  # noqa: S311 - jitter
                self._tell()
                pause.reset()
            except RingfenceError as fault:
                self._on_fault(fault)
                self._stopping.wait(pause.next())
                ask_at = 0.0

    def _ask(self) -> None:
        self._way.renew_if_due()
        try:
            parts = self._parts()
        except HubRefused as refused:
            if refused.kind != _EXPIRED:
                raise
            self._way.renew()
            parts = self._parts()
        self._retired_key = parts[0].retired_key
        known = merged(self._known, parts)
        with self._lock:
            self._keeper.take(self._boxes_of(known))
        if known != self._known:
            self._folder.keep(known)
            self._known = known

    def _parts(self) -> Sequence[TunnelPeers]:
        parts = [self._way.client.peers(self._known.version, self._known.epoch)]
        while parts[-1].after and len(parts) < _MOST_PARTS:
            parts.append(self._way.client.peers(self._known.version, self._known.epoch, parts[-1].after))
        return parts

    def _boxes_of(self, known: KnownPeers) -> Sequence[ConcentratorBox]:
        boxes, why = read_boxes(known.peers)
        for sentence in why:
            if sentence not in self._left_out:
                self._log("warning", sentence)
        self._left_out = why
        return boxes

    def _tell(self) -> None:
        """Tell the hub how it is, if that is news or due, and change the tunnel's key if it is time."""
        keys = self._place.keys
        keys.prepare(self._retired_key, known_now(is_known=self._way.clock.is_known))
        with self._lock:
            boxes = self._keeper.standing
        standing = TunnelStanding(
            at=0.0,
            endpoint=self._place.endpoint,
            public_key=keys.public_key,
            next_public_key=keys.next_public_key,
            handshakes={box.edge_id: box.handshake_at for box in boxes if box.handshake_at},
            peers_version=self._known.version,
            peers_epoch=self._known.epoch,
            endpoints_digest=self._way.endpoints.digest,
            hub_url=self._way.client.url,
        )
        if standing == self._told and time.monotonic() < self._tell_at:
            return
        heard = self._way.client.tell_tunnel(replace(standing, at=time.time()))
        waits_s = KEY_ASK_S if standing.next_public_key else TELL_ANYWAY_S
        self._told, self._tell_at = standing, time.monotonic() + waits_s
        self._change_key(standing.next_public_key, are_ready=heard.next_key_known)
        if self._way.follow(heard.hub_urls, heard.hub_authorities):
            self._wake.set()  # it is told at once that this was heard, and asked for a certificate of its new CA

    def _change_key(self, next_public_key: str, *, are_ready: bool) -> None:
        """Be known by the next key, which the hub was told, once the boxes know it. TunnelRefused."""
        if not next_public_key:
            self._next_told_at = None
            return
        now = time.monotonic()
        if self._next_told_at is None:
            self._next_told_at = now
        if not are_ready and now - self._next_told_at < KEY_WAITS_S:
            return
        keys = self._place.keys
        with self._lock:
            if keys.change(next_public_key):
                self._place.link.use_key(keys.private_key)
        self._log("info", "The tunnel's key has changed.")
        self._next_told_at = None
        self._wake.set()  # the hub is told at once

    def _on_fault(self, fault: RingfenceError) -> None:
        if self._stopping.is_set():
            return
        if isinstance(fault, HubRefused) and fault.kind in _REVOKED:
            self._be_revoked()
        else:
            self._say("warning", str(fault))

    def _be_revoked(self) -> None:
        """Let nobody through any more, now and after a restart."""
        with self._lock:
            self._keeper.take(())
        self._known = KnownPeers()
        self._folder.keep(self._known)
        self._say(
            "warning",
            "The hub knows this concentrator no more: no box is let in. To go on, remove its folder and enrol it again "
            "with a new token: ringfence tunnel token NAME.",
        )

    def _say(self, level: str, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._log(level, sentence)
