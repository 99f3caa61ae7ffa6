"""Tries to sign in, counted for all ways alike, and what is written down of those that were refused."""

from collections.abc import Sequence
from threading import Lock

from cachetools import TTLCache

from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.fleet.sign_in_throttle import Counted, Key, SignInThrottle, name_key, network_key
from ringfence.hub.people.visitors import Visitor
from ringfence.hub.sign_in_errors import TooManySignIns
from ringfence.hub.store import models
from ringfence.hub.store.change import called_by
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.people_models import PersonRow

BURST_S = 300.0
_MOST_BURSTS = 10_000
_log = logs.get("people")


class SignInTries:
    """Counts tries; several threads may use it at once."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._throttle = SignInThrottle()
        self._bursts: TTLCache[Key, bool] = TTLCache(_MOST_BURSTS, BURST_S)
        self._lock = Lock()

    def keys(
        self, organisation_id: str, name: str, person: PersonRow | None, visitor: Visitor
    ) -> tuple[list[Key], bool]:
        """Return what a try is counted by, and whether it comes from a browser that the person is known in."""
        browser: Key = (Counted.BROWSER, visitor.browser.id)
        if (
            person is not None
            and person.id in visitor.browser.people
            and not self._throttle.has_too_many(browser, self._hub.clock())
        ):
            return [browser], True
        owner = person.organisation_id if person is not None else organisation_id or FIRST
        return [name_key(owner, models.name_key(name)), network_key(visitor.address)], False

    def begin(self, hub: Hub, keys: list[Key], person: PersonRow | None, visitor: Visitor) -> None:
        """Count a try as refused until it is known to be right; TooManySignIns if it is not to be looked at."""
        try:
            self._throttle.begin(keys, hub.clock())
        except TooManySignIns:
            self.refused(hub, keys, person, visitor)
            raise

    def refused(self, hub: Hub, keys: list[Key], person: PersonRow | None, visitor: Visitor) -> None:
        """Write a burst's first refusal down, for the person and for the network; what was typed as a name is not.

        Names that nobody has open no burst: there is no end of them.
        """
        of_burst = [key for key in keys if person is not None or key[0] is not Counted.NAME]
        with self._lock:
            is_first = any(key not in self._bursts for key in of_burst)
            self._bursts.update(dict.fromkeys(of_burst, True))
        if not is_first:
            return
        _log.warning("sign-in refused", peer=visitor.address, person=person.id if person is not None else "")
        with called_by("", visitor.address), hub.change("nobody") as change:
            told = "further ones in the next minutes are not written down"
            subject = person.id if person is not None else visitor.address
            change.note("sign-in.refused", subject, f"{person.name if person else 'an unknown name'}; {told}")

    def again(self, session_id: str) -> None:
        """Count a try of somebody who is signed in and proves once more who they are; as ``begin``."""
        self._throttle.begin([(Counted.BROWSER, session_id)], self._hub.clock())

    def right_again(self, session_id: str) -> None:
        """Forget what was counted by a session."""
        self.succeeded([(Counted.BROWSER, session_id)])

    def begin_by(self, key: Key) -> None:
        """Count a try of which nothing but where it comes from is known yet; as ``begin``."""
        self._throttle.begin([key], self._hub.clock())

    def succeeded(self, keys: Sequence[Key]) -> None:
        """Forget what was counted, as somebody came in."""
        self._throttle.succeeded(keys)
