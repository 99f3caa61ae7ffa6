"""Keeps the certificate for phones: orders it, renews it in good time, and waits where that fails.

Invariants:

- What phones are shown stays until another one has been checked and stored, at once.
- A CA is asked for at most five orders a day, and ever more rarely while they fail, whatever restarts in between.
- Stopping the hub waits for no CA: an order under way is begun again.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.acme import state as states
from ringfence.hub.acme.http_challenge import HttpChallenges
from ringfence.hub.core import Hub
from ringfence.hub.data import listener_files, server_certificates
from ringfence.hub.data.folder import DataFolder, replace_file
from ringfence.identity.certificates import validity

if TYPE_CHECKING:
    from ringfence.hub.acme.challenge_means import ChallengeMeans

LOOK_EVERY_S = 5.0
_SHORT_LIVED_S = 10 * 86_400.0
_STOPS_WITHIN_S = 2.0
_ASKED = "asked"

_log = logs.get("acme")


class CertificateKeeper:
    """Keeps the certificate that a CA issues for phones.

    Args:
        hub: The hub.
        folder: Its data folder.
        bound: Where the CA's requests come in, a listening socket that stays the caller's; None for DNS-01.
    """

    def __init__(self, hub: Hub, folder: DataFolder, bound: socket.socket | None) -> None:
        self._hub, self._folder = hub, folder
        self._listener = None if bound is None else HttpChallenges(bound)
        self._is_over = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator["CertificateKeeper"]:
        """Keep it for the length of the block; nothing happens where hub.toml names no CA."""
        if not self._hub.config.phones_acme_directory:
            yield self
            return
        # a daemon: it may be waiting for a CA, whose order is begun again
        thread = threading.Thread(target=self._run, name="acme", daemon=True)
        with self.listening():
            thread.start()
            try:
                yield self
            finally:
                self._is_over.set()
                thread.join(_STOPS_WITHIN_S)

    @contextlib.contextmanager
    def listening(self) -> Iterator["CertificateKeeper"]:
        """Answer what comes in for the CA, for the length of the block."""
        with contextlib.nullcontext() if self._listener is None else self._listener.running():
            yield self

    def look(self) -> None:
        """Order a certificate if one is needed and the last order was long enough ago.

        Raises:
            DataFolderUnusable: The data folder can't be written.
        """
        now = self._hub.clock()
        state = states.read(self._folder)
        is_asked = (self._folder.path / listener_files.ACME / _ASKED).exists()
        if not (is_asked or is_due(self._hub, self._folder, now)):
            return
        if is_asked:
            (self._folder.path / listener_files.ACME / _ASKED).unlink(missing_ok=True)
            state = replace(state, next_at=0.0)
        if state.may_begin(now):
            self._order(state.begun(now))

    def _order(self, state: states.AcmeState) -> None:
        from ringfence.hub.acme.ordering import order  # noqa: PLC0415 - 20 MB, for those who have a CA

        states.write(self._folder, state)
        _log.info("a certificate for phones is ordered", names=", ".join(self._names()))
        try:
            made = order(self._hub.config, self._folder, self._means(state), self._is_over.is_set, self._hub.clock)
        except RingfenceError as fault:
            if self._is_over.is_set():
                return
            _log.error("the certificate for phones could not be ordered", problem=str(fault))
            kept = states.read(self._folder)
            states.write(self._folder, kept.failed(self._hub.clock(), str(fault), getattr(fault, "retry_after_s", 0.0)))
            return
        replace_file(listener_files.acme_file(self._folder), made.reveal().encode())
        states.write(self._folder, states.read(self._folder).done())
        _log.info("a certificate for phones was issued", names=", ".join(self._names()))

    def _names(self) -> tuple[str, ...]:
        return self._hub.config.acme_names(self._hub.config.address)

    def _means(self, state: states.AcmeState) -> "ChallengeMeans":
        from ringfence.hub.acme.challenge_means import ByDns, ByHttp  # noqa: PLC0415 - as above

        config = self._hub.config
        if self._listener is not None:
            return ByHttp(self._listener)
        by_dns = ByDns(config.phones_acme_program, state.records, self._keep_records)
        by_dns.clear()  # what is left of an order before this one
        return by_dns

    def _keep_records(self, records: tuple[tuple[str, str], ...]) -> None:
        states.write(self._folder, replace(states.read(self._folder), records=records))

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self.look()
            except RingfenceError as fault:
                _log.error("the certificate for phones can't be looked after", problem=str(fault))
            except Exception:  # noqa: BLE001 - the hub serves on; the log has the trace
                _log.exception("internal error in the order of a certificate")
            self._is_over.wait(LOOK_EVERY_S)


def ask(folder: DataFolder) -> None:
    """Have the keeper order a certificate at its next look, if a day's orders are not used up. DataFolderUnusable."""
    (folder.path / listener_files.ACME).mkdir(mode=0o700, exist_ok=True)
    replace_file(folder.path / listener_files.ACME / _ASKED, b"")


def is_due(hub: Hub, folder: DataFolder, now: float) -> bool:
    """Return whether a certificate is needed: there is none that can be used, or two thirds of its life are over."""
    names = hub.config.acme_names(hub.config.address)
    try:
        pair = listener_files.read_acme(folder)
        chain = server_certificates.read_chain(pair.certificate)
        server_certificates.check(chain, chain[0].public_key(), names, now)
    except RingfenceError:
        return True
    return now >= renewed_from(*validity(chain[0]))


def renewed_from(begins_at: float, ends_at: float) -> float:
    """Return from when on a certificate is renewed: at two thirds of its life; at half of one of ten days or less."""
    life_s = ends_at - begins_at
    return begins_at + life_s * (1 / 2 if life_s <= _SHORT_LIVED_S else 2 / 3)
