"""A phone's web interface as far as it takes orders: keys pressed by ``/CGI/Execute`` (PHONES.md section 6).

A request has up to three items, each with a priority: 0 at once, 1 when nobody uses the phone. The phone asks its
``authenticationURL`` whether the request's user and password are valid; only the exact word AUTHORIZED means yes
(source: usecallmanager.nz, "CGI Execute" and "Phone Services"). The keys ``**#**`` in the settings menu restart a
phone of the 79xx series [likely]; for the others it is not documented [unknown]. What the phone fetches afterwards
shows whether it worked.
"""

import re

PORT = 80
PATH = "/CGI/Execute"
ORDER_CHECK = "authenticate"
"""The name, in the place of a file's, under which an edge answers ``authenticationURL``."""
ALLOWED = b"AUTHORIZED"
RESTART_KEYS = (
    "Key:Settings",
    "Key:KeyPadStar",
    "Key:KeyPadStar",
    "Key:KeyPadPound",
    "Key:KeyPadStar",
    "Key:KeyPadStar",
)
AT_ONCE, WHEN_IDLE = 0, 1
MOST_ITEMS = 3
LARGEST_ANSWER_BYTES = 8192

_STATUS = re.compile(rb'<ResponseItem\b[^<>]{0,500}\bStatus="(-?\d{1,6})"')


def restart_orders(*, when_idle: bool) -> tuple[str, ...]:
    """Return what restarts a phone, one request after the other: the value of each one's form field ``XML``."""
    priority = WHEN_IDLE if when_idle else AT_ONCE
    groups = [RESTART_KEYS[at : at + MOST_ITEMS] for at in range(0, len(RESTART_KEYS), MOST_ITEMS)]
    return tuple(_execute(keys, priority) for keys in groups)


def was_carried_out(answer: bytes) -> bool:
    """Return whether a phone's answer reports every item of an order as done, which is status 0."""
    found = _STATUS.findall(answer[:LARGEST_ANSWER_BYTES])
    return bool(found) and all(int(status) == 0 for status in found)


def _execute(keys: tuple[str, ...], priority: int) -> str:
    items = "".join(f'<ExecuteItem Priority="{priority}" URL="{key}"/>' for key in keys)
    return f"<CiscoIPPhoneExecute>{items}</CiscoIPPhoneExecute>"
