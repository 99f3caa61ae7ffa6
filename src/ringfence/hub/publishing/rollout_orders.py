"""Orders to phones of a rollout: never in a call where a PBX tells, and in portions.

An edge tells its phones as soon as it has a release. Phones that are in a call when their site is published are left
out of that: their files are published without an order, and the hub has them told once their call has ended. It tells
those that are tried again in the same way, as many in one look as take it a few seconds, and each once, whichever hub
comes to it first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.publishing.rollouts import WAITING
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.rollout_models import RolloutPhoneRow
from ringfence.phones.mac import Mac

TOLD_AT_ONCE: Final = 20
"""How many phones are told in one look."""
ASKS_AGAIN_S: Final = 60.0
"""After this a phone that was in a call is looked at again."""
TRIES_AGAIN_S: Final = 300.0
"""After this a phone that could not be told is told again."""
_CLAIMED_S: Final = 600.0
"""For so long nobody else tells a phone that a hub is about to tell; one that dies meanwhile has not."""
_IN_CALL: Final = "it is in a call, and is told when that has ended"

_log = logs.get("rollouts")


class PhonesAtPbx(Protocol):
    """What PBXes say of phones, and how phones are told by them."""

    def is_registered(self, mac: Mac) -> bool | None:
        """Return whether a phone is registered; None where nothing tells."""

    def in_calls(self, macs: Iterable[Mac]) -> Mapping[Mac, bool]:
        """Return of each phone whether it is in a call; without those of which nothing tells."""

    def tell(self, mac: Mac) -> None:
        """Have a phone told to load its files; a RingfenceError says why it can't be."""


def in_calls_at(hub: Hub, site_id: str, pbx: PhonesAtPbx) -> frozenset[str]:
    """Return the bare addresses of a site's phones that are in a call, as far as that is told."""
    with hub.database.reading() as session:
        macs = [Mac(mac) for mac in session.scalars(select(PhoneRow.mac).where(PhoneRow.site_id == site_id))]
    return frozenset(mac.bare for mac, is_busy in pbx.in_calls(macs).items() if is_busy)


def note_busy(change: Change, rollout_id: str, macs: Iterable[str]) -> None:
    """Keep of phones that no edge tells, as they are in a call, that the hub is to tell them."""
    for mac in sorted(macs):
        row = change.session.get(RolloutPhoneRow, (rollout_id, mac))
        if row is not None and row.state == WAITING:
            row.tell_at, row.problem = change.now + ASKS_AGAIN_S, _IN_CALL


def tell_waiting(hub: Hub, rollout_id: str, pbx: PhonesAtPbx) -> int:
    """Tell a portion of the phones that wait for the hub's order and are in no call; return how many were told."""
    with hub.database.reading() as session:
        waiting = _due(session, rollout_id, hub.clock())
    if not waiting:
        return 0
    calls = pbx.in_calls([Mac(mac) for mac in waiting])
    told = 0
    for mac in map(Mac, waiting):
        is_busy = calls.get(mac, False)
        if not _claim(hub, rollout_id, mac, is_busy=is_busy) or is_busy:
            continue
        try:
            pbx.tell(mac)
        except RingfenceError as fault:
            _note(hub, rollout_id, mac, f"it can't be told: {fault.what}", again=True)
            _log.info("phone of a rollout not told", rollout=rollout_id, phone=str(mac), problem=str(fault))
        else:
            told += 1
            _note(hub, rollout_id, mac, "", again=False)
    return told


def _due(session: Session, rollout_id: str, now: float) -> Sequence[str]:
    chosen = (
        select(RolloutPhoneRow.mac)
        .where(
            RolloutPhoneRow.rollout_id == rollout_id,
            RolloutPhoneRow.state == WAITING,
            RolloutPhoneRow.tell_at <= now,
        )
        .order_by(RolloutPhoneRow.tell_at, RolloutPhoneRow.mac)
        .limit(TOLD_AT_ONCE)
    )
    return session.scalars(chosen).all()


def _claim(hub: Hub, rollout_id: str, mac: Mac, *, is_busy: bool) -> bool:
    """Return whether it is this hub that tells a phone now; one that is in a call is looked at again later."""
    with hub.change("the hub") as change:
        row = change.session.get(RolloutPhoneRow, (rollout_id, mac.bare))
        if row is None or row.state != WAITING or row.tell_at is None or row.tell_at > change.now:
            return False
        row.tell_at = change.now + (ASKS_AGAIN_S if is_busy else _CLAIMED_S)
        row.problem = _IN_CALL if is_busy else row.problem
        return True


def _note(hub: Hub, rollout_id: str, mac: Mac, problem: str, *, again: bool) -> None:
    with hub.change("the hub") as change:
        row = change.session.get(RolloutPhoneRow, (rollout_id, mac.bare))
        if row is not None and row.state == WAITING:
            row.tell_at, row.problem = (change.now + TRIES_AGAIN_S if again else None), problem[:500]
