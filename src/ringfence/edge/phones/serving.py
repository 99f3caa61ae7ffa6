"""From a trusted release to what phones get: offers to the worker, and what the worker's events mean."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Protocol, assert_never

from ringfence.content.release import (
    MINUTES_A_DAY,
    Release,
    Target,
    TargetKind,
)
from ringfence.edge.lan.observer import Hearing
from ringfence.edge.phones.activity import WatchedPhones
from ringfence.edge.phones.reload_by_sip import Answer, ReloadOrder, notify_phones
from ringfence.edge.phones.reload_by_web import WEB_METHODS, press_restart
from ringfence.edge.reporting import guard_events
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.reporting.status import SeenPhone, Told
from ringfence.edge.storage.cache import Cache
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import EnvironmentFault
from ringfence.phones.mac import Mac
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.events import (
    HTTP,
    Banned,
    CatalogueActive,
    DecisionsCounted,
    EventsDropped,
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WindowChanged,
    WorkerDied,
    WorkerEvent,
    WorkerStarted,
)
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.handles import LauncherProcess
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.wire.messages import GuardRules

NIGHT_MINUTES = 60
"""Over how long a site's phones are told at night."""

Log = Callable[[str, str], None]
"""Takes a level ("info", "warning") and a sentence."""


class SeenPhones:
    """Which phones this edge has served, and from where; kept over restarts so that they can be told to reload."""

    def __init__(self, folder: EdgeFolder) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._changed = False
        try:
            kept = [SeenPhone(**phone) for phone in json.loads(folder.disk.read(folder.phones_file) or b"[]")]
        except (ValueError, TypeError):
            kept = []  # a hint only: the next boot fills it again
        self._phones = {phone.mac: phone for phone in kept}

    def note(self, owner: str, host: str, at: float, name: str, release: int, digest: str | None) -> None:
        """Remember that a phone took a file of its own; ``digest`` is its configuration's, None for another file."""
        mac = str(Mac.parse(owner))
        with self._guard:
            if digest is None:
                digest = self._phones[mac].digest if mac in self._phones else ""
            self._phones[mac] = SeenPhone(mac, host, at, name, release, digest)
            self._changed = True

    def holds_another(self, owner: str, digest: str) -> bool:
        """Say whether a phone last took another file than the one of ``digest``."""
        with self._guard:
            phone = self._phones.get(str(Mac.parse(owner)))
            return phone is not None and phone.digest not in {"", digest}

    def host_of(self, owner: str) -> str | None:
        """Return the address from which a phone last took its configuration."""
        with self._guard:
            phone = self._phones.get(str(Mac.parse(owner)))
            return phone.host if phone else None

    def all(self) -> list[SeenPhone]:
        """Return every phone seen, newest first."""
        with self._guard:
            return sorted(self._phones.values(), key=lambda phone: -phone.last_seen)

    def save(self) -> None:
        """Write what changed; without room on the disk it stays in memory."""
        with self._guard:
            if not self._changed:
                return
            data = json.dumps([asdict(phone) for phone in self._phones.values()]).encode()
            self._changed = False
        try:
            self._folder.disk.replace(self._folder.phones_file, data)
        except EnvironmentFault:
            self._changed = True


class SiteWorker(Protocol):
    """What serves one site: a worker of its own, or a gateway's, which serves others too."""

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where TFTP is served."""

    @property
    def http_addresses(self) -> Sequence[tuple[str, int]]:
        """Where HTTP is served."""

    @property
    def worker_pid(self) -> int | None:
        """The worker's process number, or None while there is none."""

    def start(self) -> None:
        """Start it. WorkerFault."""

    def stop(self) -> None:
        """Stop serving the site."""

    def rule(self, rules: GuardRules) -> None:
        """Judge by these rules. WorkerFault."""

    def offer(self, release: int, offers: Sequence[Offer]) -> None:
        """Serve exactly these files. WorkerFault."""

    def admit(self, token: ReloadToken) -> None:
        """Confirm an order to a phone."""


MakeWorker = Callable[[Callable[[WorkerEvent], None]], SiteWorker]
"""Makes what serves a site, and tells its events."""


class Serving:
    """What serves one site, what it serves, and what phones did there.

    With ``make_worker`` phones are far away: then they are not told to reload from here.
    """

    def __init__(
        self,
        *,
        listen: list[tuple[str, int]],
        http: list[tuple[str, int]],
        site: str,
        cache: Cache,
        journal: Journal,
        phones: SeenPhones,
        log: Log,
        hearing: Hearing | None = None,
        make_worker: MakeWorker | None = None,
        launcher: LauncherProcess | None = None,
    ) -> None:
        self._cache = cache
        self._journal = journal
        self._log = log
        self.phones = phones
        self.watched = WatchedPhones()
        self.release: Release | None = None
        self.release_since = 0.0
        self._active: dict[str, Target] = {}
        self._hearing = hearing
        self._reaches_phones = make_worker is None
        self._worker: SiteWorker = (
            make_worker(self._on_event)
            if make_worker is not None
            else WorkerSupervisor(
                listen=listen,
                http=http,
                site=site,
                on_event=self._on_event,
                hear=hearing.of if hearing is not None else None,
                watches_frames=hearing is not None and hearing.watches_frames,
                launcher=launcher,
            )
        )

    @property
    def addresses(self) -> list[str]:
        """Where phones are served, as ``host:port``."""
        return [f"{host}:{port}" for host, port in self._worker.addresses]

    @property
    def http_addresses(self) -> list[str]:
        """Where phones are served over HTTP, as ``host:port``."""
        return [f"{host}:{port}" for host, port in self._worker.http_addresses]

    @property
    def worker_pid(self) -> int:
        """The worker's process, 0 while there is none."""
        return self._worker.worker_pid or 0

    def start(self) -> None:
        """Start the worker; it serves nothing until the first ``show``."""
        if self._hearing is not None:
            self._hearing.start()
        self._worker.start()

    def stop(self) -> None:
        """Stop the worker and keep what is known of phones."""
        self._worker.stop()
        if self._hearing is not None:
            self._hearing.stop()
        self.phones.save()

    def rule(self, rules: GuardRules) -> None:
        """Judge requests by these rules from now on; times are this machine's."""
        self._worker.rule(rules)

    def show(self, release: Release) -> None:
        """Serve a release from the next request on; blobs that are not here are left out."""
        self.watched.expect({target.owner for target in release.targets if target.owner is not None})
        offers: list[Offer] = []
        try:
            for target in release.targets:
                if self._cache.holds(target):
                    descriptor = self._cache.open(target)
                    offers.append(
                        Offer(target.name, descriptor, target.length, target.kind, target.owner, target.secret)
                    )
            self._worker.offer(release.number, offers)
        finally:
            for offer in offers:
                os.close(offer.fd)
        previous, self.release, self.release_since = self.release, release, time.time()
        if previous is None or previous.number != release.number:
            before = f" after release {previous.number}" if previous else ""
            sentence = (
                f"Release {release.number} is served{before}; files here: {len(offers)} of {len(release.targets)}."
            )
            self._journal.add(time.time(), "release-served", sentence, release=release.number)
        if previous is not None and self._reaches_phones:
            self._reload_changed(previous, release)

    def hide_all(self) -> None:
        """Serve nothing any more."""
        self._worker.offer(0, [])
        self.release = None

    def told(self, now: float) -> dict[str, list[Told]]:
        """Return what there is to tell of each phone that has asked since the start, the most urgent first."""
        release = self.release
        if release is None:
            return {}
        digests = {each.owner: each.digest for each in release.targets if each.owner is not None and each.reload}
        found: dict[str, list[Told]] = {}
        for owner in self.watched.owners():
            is_old = owner in digests and self.phones.holds_another(owner, digests[owner])
            if sentences := self.watched.told(owner, release.number if is_old else 0, now):
                found[str(Mac(owner))] = [Told(each.urgency.name.lower(), each.word, each.text) for each in sentences]
        return found

    def _reload_changed(self, previous: Release, release: Release) -> None:
        orders = list(self._orders(previous, release))
        if orders:
            self._tell(orders, release.number)

    def _tell(self, orders: list[ReloadOrder], release: int) -> None:
        threading.Thread(target=self._reload, args=(orders, release), daemon=True, name="reload").start()

    def _orders(self, previous: Release, release: Release) -> Iterable[ReloadOrder]:
        """Yield an order for each known phone whose own configuration changed, to the port that it listens on now."""
        before = {target.name: target for target in previous.targets}
        for target in release.targets:
            old = before.get(target.name)
            if target.owner is None or target.kind is not TargetKind.CONFIGURATION or old is None:
                continue
            way, host = old.reload, self.phones.host_of(target.owner)
            if old.digest == target.digest or target.reload is None or target.reload.minute is not None:
                continue
            if way is not None and host is not None:
                yield ReloadOrder(target.owner, host, way.port, way.method)

    def tell_at_night(self, minute: int) -> None:
        """Tell the phones whose time is this minute of the UTC day, and who hold another file than is served now.

        Each has a minute of its own within the hour, so that a site's phones do not all boot at once.
        """
        release = self.release
        if release is None or not self._reaches_phones:
            return
        orders = []
        for target in release.targets:
            if target.owner is None or target.reload is None or target.reload.minute is None:
                continue
            due = (target.reload.minute + int(target.owner, 16) % NIGHT_MINUTES) % MINUTES_A_DAY
            host = self.phones.host_of(target.owner)
            if due == minute and host is not None and self.phones.holds_another(target.owner, target.digest):
                orders.append(ReloadOrder(target.owner, host, target.reload.port, target.reload.method))
        if orders:
            self._tell(orders, release.number)

    def _reload(self, orders: list[ReloadOrder], release: int) -> None:
        by_web = [order for order in orders if order.method in WEB_METHODS]
        by_sip = [order for order in orders if order.method not in WEB_METHODS]
        for order, answer in (notify_phones(by_sip) | press_restart(by_web, self._worker.admit)).items():
            mac = Mac.parse(order.owner)
            match answer:
                case Answer.ACCEPTED:
                    kind, sentence = (
                        "phone-reloaded",
                        f"Phone {mac} at {order.host} accepted to load release {release}.",
                    )
                case Answer.REFUSED:
                    kind = "phone-not-reloaded"
                    sentence = (
                        f"Phone {mac} at {order.host} refused to reload; it takes release {release} at its next boot."
                    )
                case Answer.SILENT:
                    kind = "phone-not-reloaded"
                    sentence = (
                        f"Phone {mac} did not answer at {order.host}:{order.port}; "
                        f"it takes release {release} at its next boot."
                    )
                case _ as never:
                    assert_never(never)
            self._log("info", sentence)
            self._journal.add(time.time(), kind, sentence, owner=order.owner, peer=order.host, release=release)

    def _digest(self, name: str, release: int) -> str | None:
        """Return the digest of a phone's configuration, None where the name is another file's.

        What was taken from a release that is served no more counts as another configuration than today's.
        """
        now = self.release
        target = next((each for each in now.targets if each.name == name), None) if now is not None else None
        if now is None or target is None or target.reload is None:
            return None
        return str(target.digest) if now.number == release else f"of release {release}"

    def _on_event(self, event: WorkerEvent) -> None:
        match event:
            case TransferFinished():
                self._on_finished(event)
            case TransferFailed():
                sentence = f"{event.name} did not reach {event.peer_host}{_by(event)}: {event.reason}."
                self._log("warning", sentence)
                self.watched.refused(event.peer_host, event.name, event.at)
                self._journal.add(
                    event.at,
                    "transfer-failed",
                    sentence,
                    name=event.name,
                    owner=event.owner or "",
                    peer=event.peer_host,
                )
            case RequestRefused() | DecisionsCounted() | WindowChanged() | Banned():
                if isinstance(event, RequestRefused):
                    self.watched.refused(event.peer_host, event.name, event.at)
                guard_events.note(event, self._log, self._journal)
            case WorkerStarted():
                self._log("info", f"Worker {event.pid} serves {', '.join(self.addresses)}; it is {event.confined}.")
            case WorkerDied():
                sentence = f"Worker {event.pid} died ({event.how}); another takes its place."
                self._log("warning", sentence)
                self._journal.add(event.at, "worker-died", sentence)
            case EventsDropped():
                self._log("warning", f"{event.count} events of the worker were not told: too many at once.")
            case CatalogueActive():
                self._log("info", f"Release {event.release} is served: {event.files} files.")
            case _ as never:
                assert_never(never)

    def _on_finished(self, event: TransferFinished) -> None:
        sentence = (
            f"{event.peer_host} took {event.name}{_by(event)}, {event.size_bytes} bytes in {event.duration_s:.3f} s."
        )
        self._log("info", sentence)
        self.watched.served(event.peer_host, event.name, event.owner, event.at, event.release, event.size_bytes)
        if event.owner is not None:
            self.phones.note(
                event.owner,
                event.peer_host,
                event.at,
                event.name,
                event.release,
                self._digest(event.name, event.release),
            )
        self._journal.add(
            event.at,
            "file-served",
            sentence,
            name=event.name,
            owner=event.owner or "",
            peer=event.peer_host,
            release=event.release,
            size_bytes=event.size_bytes,
            duration_s=event.duration_s,
            level=event.level,
            decision=event.decision,
        )


def _by(event: TransferFinished | TransferFailed) -> str:
    return " over HTTP" if event.protocol == HTTP else ""
