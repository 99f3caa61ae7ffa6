"""The hub's listeners for phones: one for today's phones, another for old ones, each a process of its own.

They are started with the hub, started again where one has ended, and followed by new ones when the certificate or the
CAs of phones change. A process that is followed goes on with the connections that it has.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from ringfence.errors import RingfenceError
from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.data import listener_files
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.phone_listener.desk import ListenerDesk
from ringfence.hub.phone_listener.messages import ListenToPhones
from ringfence.hub.phone_listener.process import ListenerMaterial, PhoneListenerProcess
from ringfence.hub.store.network_models import PortAuthorityRow
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.trust.key_roles import KeyRole

LOOK_EVERY_S = 5.0
FLUSH_EVERY_S = 0.5
_MOST_AUTHORITIES = 1024

_log = logs.get("phone-listener")


@dataclass(slots=True)
class _KeptListener:
    """One listener: its socket, and the processes that serve it."""

    bound: socket.socket
    is_for_old: bool
    process: PhoneListenerProcess | None = None
    retired: list[PhoneListenerProcess] = field(default_factory=list)


class PhoneListeners:
    """Keeps the processes that listen to phones.

    Args:
        hub: The hub, of any organisation.
        folder: Where its certificates are.
        bound: Listening sockets by whether they are for old phones; they stay the caller's.
    """

    def __init__(self, hub: Hub, folder: DataFolder, bound: Mapping[bool, socket.socket]) -> None:
        self._hub, self._folder = hub, folder
        self.desk = ListenerDesk(hub)
        self._kept = [_KeptListener(each, is_for_old) for is_for_old, each in bound.items()]
        self._is_over = threading.Event()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def running(self) -> Iterator["PhoneListeners"]:
        """ListenToPhones for the length of the block.

        Raises:
            PhoneListenerUnfit: A listener can't work.
            UnfitServerCertificate: Its certificate can't be read.
        """
        works = [threading.Thread(target=each, name="phone-listeners") for each in (self._look_again, self._flush)]
        try:
            self.look()
            for each in works:
                each.start()
            yield self
        finally:
            self._is_over.set()
            for each in works:
                if each.ident is not None:
                    each.join()
            for kept in self._kept:
                for process in (*([kept.process] if kept.process else []), *kept.retired):
                    process.end()
            self.desk.flush()

    def pids(self) -> list[int]:
        """Return the processes that listen now."""
        return [kept.process.pid for kept in self._kept if kept.process is not None]

    def look(self) -> None:
        """Start what is to run, and follow what has ended or holds what is not in force any more.

        Raises:
            PhoneListenerUnfit: A listener can't work; one that ran before goes on.
            UnfitServerCertificate: Its certificate can't be read.
        """
        with self._lock:
            authorities = self._authorities()
            for kept in self._kept:
                material = ListenerMaterial(self._listen(is_for_old=kept.is_for_old), authorities)
                if kept.process is None or kept.process.is_over or kept.process.material != material:
                    self._follow(kept, material)
                for process in [each for each in kept.retired if each.is_over]:
                    process.end()
                    kept.retired.remove(process)

    def _follow(self, kept: _KeptListener, material: ListenerMaterial) -> None:
        made = PhoneListenerProcess(kept.bound, material, self.desk)
        if kept.process is not None:
            kept.process.retire()
            kept.retired.append(kept.process)
        kept.process = made

    def _listen(self, *, is_for_old: bool) -> ListenToPhones:
        pair = listener_files.read(self._hub.config, self._folder, is_for_old=is_for_old)
        return ListenToPhones(pair.certificate, pair.key, is_for_old)

    def _authorities(self) -> tuple[str, ...]:
        """Return the CAs of all organisations' phones: their makers', and the CAPFs'."""
        with within.everywhere(self._hub).database.reading() as session:
            pems = set(session.scalars(select(PortAuthorityRow.pem).distinct().limit(_MOST_AUTHORITIES)))
            capf = select(TrustKeyRow.certificate).where(TrustKeyRow.role == KeyRole.CAPF.value)
            pems |= set(session.scalars(capf.limit(_MOST_AUTHORITIES)))
        return tuple(sorted(pems))

    def _look_again(self) -> None:
        while not self._is_over.wait(LOOK_EVERY_S):
            try:
                self.look()
            except RingfenceError as fault:
                _log.error("the listener for phones can't be renewed", problem=str(fault))
            except Exception:  # noqa: BLE001 - it goes on as it was; the log has the trace
                _log.exception("internal error in the listener for phones")

    def _flush(self) -> None:
        while not self._is_over.wait(FLUSH_EVERY_S):
            self.desk.flush()
