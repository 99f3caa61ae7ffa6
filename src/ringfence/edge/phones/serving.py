"""From a trusted release to what phones get: the worker's files and rules, and what its events mean for the phones."""

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ringfence.addresses import host_port
from ringfence.content.release import BY_HTTPS, Release
from ringfence.edge.lan.neighbour_room import advice, room
from ringfence.edge.phones.activity import WatchedPhones
from ringfence.edge.phones.event_reports import EventReports
from ringfence.edge.phones.reload_orders import DueReload, due_at_night, due_at_once
from ringfence.edge.phones.reloading import PhoneReloader
from ringfence.edge.phones.seen_phones import SeenPhones
from ringfence.edge.phones.site_worker import WorkerSource
from ringfence.edge.process.room_addresses import in_room
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.reporting.log import Log
from ringfence.edge.reporting.status import PhoneNotice
from ringfence.edge.storage.cache import Cache
from ringfence.phones.mac import Mac
from ringfence.phones.sip.notify import is_call_id, is_service_action
from ringfence.server.events import (
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WorkerEvent,
)
from ringfence.server.files.catalogue import Offer
from ringfence.wire.messages import GuardRules, ReportKind, RoomOrder

if TYPE_CHECKING:
    from ringfence.edge.phones.tls_messages import ServeTls
    from ringfence.edge.phones.tls_port import TlsPort


def _nothing() -> None:
    """Return nothing."""


class Serving:
    """What serves one site, what it serves, and what phones did there.

    Phones that ``workers`` does not reach are not told to reload from here.
    """

    def __init__(
        self, site: str, workers: WorkerSource, *, cache: Cache, journal: Journal, phones: SeenPhones, log: Log
    ) -> None:
        self._cache = cache
        self._journal = journal
        self.phones = phones
        self.watched = WatchedPhones()
        self.release: Release | None = None
        self.release_since = 0.0
        self.advice = ""
        """What this machine needs for so many phones, in words."""
        self._log = log
        self._hearing = workers.hearing
        self._phone_port = workers.phone_port
        self._reports = EventReports(log, journal, lambda: self.addresses)
        self._worker = workers.make(site, self._on_event)
        self._workers = workers
        self._tls: TlsPort | None = None
        self.tls_material: Callable[[], ServeTls | None] = _nothing
        """What tells by which key phones are met that come by HTTPS; None for none."""
        self._reloader = PhoneReloader(self._worker.admit, log, journal) if workers.reaches_phones else None

    @property
    def addresses(self) -> list[str]:
        """Where phones are served, as ``host:port``."""
        return [host_port(host, port) for host, port in self._worker.addresses]

    @property
    def http_addresses(self) -> list[str]:
        """Where phones are served over HTTP, as ``host:port``."""
        return [host_port(host, port) for host, port in self._worker.http_addresses]

    def room_addresses(self) -> list[str]:
        """Return where phones in the room may reach HTTP, as ``host:port``; nothing for a gateway, which is in none."""
        return in_room(self._worker.http_addresses, self._phone_port) if self._reloader is not None else []

    @property
    def host_of(self) -> Callable[[str], str | None] | None:
        """What says where a phone last took its file; None for a gateway, which has no phone on its own wire."""
        return self.phones.host_of if self._reloader is not None else None

    @property
    def worker_pid(self) -> int:
        """The worker's process, 0 while there is none."""
        return self._worker.worker_pid or 0

    @property
    def tls_addresses(self) -> Sequence[tuple[str, int]]:
        """Where phones come by HTTPS; nothing while none do."""
        return self._tls.addresses if self._tls is not None else ()

    def start(self) -> None:
        """Start the worker; it serves nothing until the first ``show``.

        Raises:
            WorkerFault: It does not start.
        """
        if self._hearing is not None:
            self._hearing.start()
        self._worker.start()

    def stop(self) -> None:
        """Stop the worker and keep what is known of phones."""
        if self._tls is not None:
            self._tls.close()
        self._worker.stop()
        if self._hearing is not None:
            self._hearing.stop()
        self.phones.save()

    def rule(self, rules: GuardRules) -> None:
        """Judge requests by these rules from now on; times are this machine's.

        Raises:
            WorkerFault: The worker did not take them over.
        """
        self._worker.rule(rules)

    def show(self, release: Release) -> None:
        """Serve a release from the next request on, and tell the phones whose own configuration changed.

        Files whose blobs are not here are left out.

        Raises:
            DiskFault: A blob can't be read.
            WorkerFault: The worker did not take over the release.
        """
        owners = {target.owner for target in release.targets if target.owner is not None}
        self.watched.expect(owners)
        self._look_at_room(len(owners))
        offers: list[Offer] = []
        try:
            for target in release.targets:
                if self._cache.holds(target):
                    descriptor, marks = self._cache.open(target), (target.secret, target.sealed)
                    offers.append(Offer(target.name, descriptor, target.length, target.kind, target.owner, *marks))
            self._worker.offer(release.number, offers)
        finally:
            for offer in offers:
                os.close(offer.fd)
        previous, self.release, self.release_since = self.release, release, time.time()
        if previous is None or previous.number != release.number:
            before = f" after release {previous.number}" if previous else ""
            sentence = (
                f"Release {release.number} is served{before}; files present: {len(offers)} of {len(release.targets)}."
            )
            self._journal.add(time.time(), ReportKind.RELEASE_SERVED, sentence, release=release.number)
        self.meet_by_https()
        if previous is not None and self._reloader is not None:
            self._reloader.tell(due_at_once(previous, release, self.phones), release.number)

    def meet_by_https(self) -> None:
        """Have phones come by HTTPS where the release has a file for that and there is a key; otherwise nobody can."""
        release = self.release
        is_wanted = release is not None and any(each.name.startswith(BY_HTTPS) for each in release.targets)
        material = self.tls_material() if is_wanted else None
        if material is not None and self._tls is None:
            self._tls = self._workers.tls_port(self._worker, self._log)
        if self._tls is not None:
            self._tls.serve(material)

    def _look_at_room(self, phones: int) -> None:
        if self._hearing is None:
            return  # it does not serve phones on a wire of its own
        before, self.advice = self.advice, advice(phones, room())
        if self.advice and self.advice != before:
            self._log("warning", self.advice)

    def hide_all(self) -> None:
        """Serve nothing any more.

        Raises:
            WorkerFault: The worker has not heard of it yet.
        """
        self._worker.offer(0, [])
        self.release = None
        self.meet_by_https()

    def tell_at_night(self, minute: int) -> None:
        """Tell the phones that are due in this minute of the UTC day and have another file than is served now."""
        release = self.release
        if release is not None and self._reloader is not None:
            self._reloader.tell(due_at_night(release, self.phones, minute), release.number)

    def send(self, orders: Sequence[RoomOrder]) -> None:
        """Send the hub's orders to phones, each only where its phone has taken its file."""
        due: list[DueReload] = []
        for order in orders:
            host, action, call_id = self.phones.host_of(order.owner), order.action, order.register_call_id
            if not is_service_action(action) or not is_call_id(call_id):
                self._log("warning", f"An order of the hub for {order.owner[:12]} is none that a phone could take.")
            elif host == order.host:
                due.append(DueReload(order.owner, host, order.port, action=action, register_call_id=call_id))
            elif host is not None:  # a spare edge that has never served it has nothing to say
                phone = f"Phone {Mac.parse(order.owner)}"
                sentence = f"{phone} gets no order at {order.host}: it took its file from {host}."
                self._journal.add(time.time(), ReportKind.PHONE_NOT_RELOADED, sentence, owner=order.owner, peer=host)
        if self._reloader is not None:
            self._reloader.tell(due, 0)

    def notices(self, now: float) -> dict[str, list[PhoneNotice]]:
        """Return the sentences about each phone that has asked since the start, the most urgent first."""
        release = self.release
        if release is None:
            return {}
        digests = {each.owner: each.digest for each in release.targets if each.owner is not None and each.reload}
        found: dict[str, list[PhoneNotice]] = {}
        for owner in self.watched.owners():
            is_old = owner in digests and self.phones.holds_another(owner, digests[owner])
            if sentences := self.watched.told(owner, release.number if is_old else 0, now):
                found[str(Mac(owner))] = [
                    PhoneNotice(each.urgency.name.lower(), each.word, each.text) for each in sentences
                ]
        return found

    def _on_event(self, event: WorkerEvent) -> None:
        if isinstance(event, TransferFinished):
            self.watched.served(event.peer_host, event.name, event.owner, event.at, event.release, event.size_bytes)
            if event.owner is not None:
                digest = self._digest(event.name, event.release)
                self.phones.note(event.owner, event.peer_host, event.at, event.name, event.release, digest)
        elif isinstance(event, TransferFailed | RequestRefused):
            self.watched.refused(event.peer_host, event.name, event.at)
        self._reports.note(event)

    def _digest(self, name: str, release: int) -> str | None:
        """Return the digest of a phone's configuration, None if the name is another file's.

        What was taken from a release that is served no more counts as another configuration than today's.
        """
        now = self.release
        target = next((each for each in now.targets if each.name == name), None) if now is not None else None
        if now is None or target is None or target.reload is None:
            return None
        return str(target.digest) if now.number == release else f"of release {release}"
