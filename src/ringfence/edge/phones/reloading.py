"""Telling the phones that are due to reload, each in its way, and reporting how they took it."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from ringfence.addresses import host_port
from ringfence.edge.phones.reload_by_sip import notify_phones
from ringfence.edge.phones.reload_by_web import WEB_METHODS, press_restart
from ringfence.edge.phones.reload_orders import DueReload, ReloadAnswer
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.reporting.log import Log
from ringfence.phones.mac import Mac
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.wire.messages import ReportKind


class PhoneReloader:
    """Tells phones to reload, each time in a new thread, because a phone that does not answer takes seconds.

    ``admit`` makes the worker confirm an order's password when a phone asks.
    """

    def __init__(self, admit: Callable[[ReloadToken], None], log: Log, journal: Journal) -> None:
        self._admit = admit
        self._log = log
        self._journal = journal

    def tell(self, due: Iterable[DueReload], release: int) -> None:
        """Tell these phones to load that release, 0 for whatever there is; returns at once."""
        orders = list(due)
        if orders:
            threading.Thread(target=self._tell, args=(orders, release), daemon=True, name="reload").start()

    def _tell(self, orders: Sequence[DueReload], release: int) -> None:
        by_web = [order for order in orders if order.method in WEB_METHODS]
        by_sip = [order for order in orders if order.method not in WEB_METHODS]
        for order, answer in (notify_phones(by_sip) | press_restart(by_web, self._admit)).items():
            kind, sentence = _in_words(order, answer, release)
            self._log("info", sentence)
            self._journal.add(time.time(), kind, sentence, owner=order.owner, peer=order.host, release=release)


def _in_words(order: DueReload, answer: ReloadAnswer, release: int) -> tuple[ReportKind, str]:
    phone, later = f"Phone {Mac.parse(order.owner)}", f"it will load release {release} at its next boot"
    if not release:
        return _order_in_words(order, answer, phone)
    match answer:
        case ReloadAnswer.ACCEPTED:
            return ReportKind.PHONE_RELOADED, f"{phone} at {order.host} agreed to load release {release}."
        case ReloadAnswer.REFUSED:
            return ReportKind.PHONE_NOT_RELOADED, f"{phone} at {order.host} refused to reload; {later}."
        case ReloadAnswer.SILENT:
            return (
                ReportKind.PHONE_NOT_RELOADED,
                f"{phone} did not answer at {host_port(order.host, order.port)}; {later}.",
            )
        case _ as never:
            assert_never(never)


def _order_in_words(order: DueReload, answer: ReloadAnswer, phone: str) -> tuple[ReportKind, str]:
    match answer:
        case ReloadAnswer.ACCEPTED:
            return ReportKind.PHONE_RELOADED, f"{phone} at {order.host} agreed to the hub's order ({order.action})."
        case ReloadAnswer.REFUSED:
            return ReportKind.PHONE_NOT_RELOADED, f"{phone} at {order.host} refused the hub's order ({order.action})."
        case ReloadAnswer.SILENT:
            place = host_port(order.host, order.port)
            return ReportKind.PHONE_NOT_RELOADED, f"{phone} did not answer the hub's order at {place}."
        case _ as never:
            assert_never(never)
