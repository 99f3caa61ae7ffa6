"""The hub's CAPF and TVS: a process for each organisation of which phones are connected, started when one comes."""

import socket
import threading
import time
from collections.abc import Callable

from ringfence.hub.certificate_errors import PhoneServicesUnfit
from ringfence.hub.core import Hub
from ringfence.hub.phone_services import organisation_keys
from ringfence.hub.phone_services.capf_desk import CapfDesk, PhonesAtWork
from ringfence.hub.phone_services.messages import PhoneService, UseKeys
from ringfence.hub.phone_services.process import PhoneServicesProcess
from ringfence.hub.phone_services.tvs_desk import TvsDesk
from ringfence.phones.mac import Mac

MOST_PROCESSES = 16
"""Organisations whose phones are connected at the same time."""
IDLE_S = 300.0
"""How long a process waits for the next phone of its organisation."""


class PhoneServices:
    """Begins with phones, and ends the processes that are not needed any more."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._processes: dict[str, tuple[UseKeys, PhoneServicesProcess]] = {}
        self._at_work = PhonesAtWork()
        self._now = now

    def connect(self, hub: Hub, site_id: str, service: PhoneService, source: Mac) -> socket.socket:
        """Begin with a phone of a site; return the socket that takes and gives its bytes.

        Args:
            hub: The hub as the organisation has it.
            site_id: The site whose edge the phone came through.
            service: What it connected to.
            source: The MAC address that it came from, as its edge saw it.

        Raises:
            TrustNotInitialised: The organisation has no keys for this.
            PhoneServicesUnfit: There are too many, or the process can't work.
        """
        with hub.database.reading() as session:
            keys = organisation_keys.service_keys(hub, session)
        desk: CapfDesk | TvsDesk = TvsDesk(hub, site_id, source)
        if service is PhoneService.CAPF:
            desk = CapfDesk(hub, site_id, source, self._at_work)
        with self._lock:
            return self._process(hub.organisation_id, keys).connect(service, desk)

    def end_idle(self) -> None:
        """End processes that no phone has needed for long."""
        with self._lock:
            for organisation_id, (_keys, process) in list(self._processes.items()):
                if process.is_over or (process.is_idle and self._now() - process.used_at > IDLE_S):
                    del self._processes[organisation_id]
                    process.end()

    def end(self) -> None:
        """End all processes."""
        with self._lock:
            for _keys, process in self._processes.values():
                process.end()
            self._processes.clear()

    def _process(self, organisation_id: str, keys: UseKeys) -> PhoneServicesProcess:
        """Return the organisation's process, with its keys of today."""
        if (found := self._processes.get(organisation_id)) is not None:
            if found[0] == keys and not found[1].is_over:
                return found[1]
            del self._processes[organisation_id]
            found[1].end()
        if len(self._processes) >= MOST_PROCESSES:
            idle = [each for each in self._processes.items() if each[1][1].is_idle]
            if not idle:
                raise PhoneServicesUnfit("phones of too many organisations are connected", to_do="They try again.")
            oldest, (_keys, process) = min(idle, key=lambda each: each[1][1].used_at)
            del self._processes[oldest]
            process.end()
        made = PhoneServicesProcess(keys)
        self._processes[organisation_id] = (keys, made)
        return made
