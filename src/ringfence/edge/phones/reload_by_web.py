"""Telling phones to restart through their own web interface, for those that accept no SIP order.

Each order has its own password, created for this phone and this minute. The phone asks the edge about it, at its
``authenticationURL``, and the worker confirms it while the order is in progress. So no phone and no file contains a
password that is valid for longer, although it can be read on the network.
"""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import urllib3

from ringfence.edge.phones.reload_orders import DueReload, ReloadAnswer
from ringfence.phones.orders.web_interface import (
    LARGEST_ANSWER_BYTES,
    PATH,
    restart_orders,
    was_carried_out,
)
from ringfence.server.access.reload_tokens import ReloadToken

WEB_METHODS = frozenset({"web", "web-when-idle"})
VALID_S = 30
"""How long an order's password is good: two requests, each with a question of the phone's."""
AT_ONCE = 16
USER = "ringfence"
_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_OK = 200


def press_restart(orders: Sequence[DueReload], admit: Callable[[ReloadToken], None]) -> dict[DueReload, ReloadAnswer]:
    """Press the keys that restart each phone, and return how it answered; blocks until all did or gave up.

    ``admit`` has the worker confirm an order's password when the phone asks.
    """
    if not orders:
        return {}
    with ThreadPoolExecutor(min(AT_ONCE, len(orders)), thread_name_prefix="web-reload") as pool:
        return dict(zip(orders, pool.map(lambda order: _press(order, admit), orders), strict=True))


def _press(order: DueReload, admit: Callable[[ReloadToken], None]) -> ReloadAnswer:
    password = secrets.token_hex(12)
    admit(ReloadToken(order.host, password, VALID_S))
    headers = urllib3.make_headers(basic_auth=f"{USER}:{password}")
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    with urllib3.HTTPConnectionPool(order.host, order.port, timeout=_TIMEOUT, retries=False) as pool:
        for xml in restart_orders(when_idle=order.method == "web-when-idle"):
            body = urlencode({"XML": xml})
            try:
                answer = pool.urlopen("POST", PATH, body, headers, redirect=False, preload_content=False)
                with answer:
                    said = answer.read(LARGEST_ANSWER_BYTES)
            except urllib3.exceptions.HTTPError:
                return ReloadAnswer.SILENT
            if answer.status != _OK or not was_carried_out(said):
                return ReloadAnswer.REFUSED
    return ReloadAnswer.ACCEPTED
