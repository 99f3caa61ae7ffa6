"""What the worker must do: the orders of the supervisor's callers until they are done, and what is in force then.

Callers' threads put orders in and wait; the supervisor's thread takes them out. What is in force is kept as open
descriptors, so that a new worker gets the same bytes as the one before.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import replace

from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.errors import WorkerFault
from ringfence.server.files.catalogue import Offer
from ringfence.wire import codec
from ringfence.wire.messages import GuardRules

STOPPING = "the worker is being stopped"


class Order:
    """Something to do once; the caller may wait for the result."""

    def __init__(self) -> None:
        self._answered = threading.Event()
        self._why_not: str | None = None

    def done(self) -> None:
        """Wake the waiting caller: it is done."""
        self._answered.set()

    def reject(self, why: str) -> None:
        """Tell the waiting caller that it won't be done, and release what it holds."""
        if not self._answered.is_set():
            self._why_not = why
            self._answered.set()
        self.close()

    def wait(self, timeout_s: float) -> str | None:
        """Return why it was rejected, None if it is done.

        Raises:
            TimeoutError: it was neither done nor rejected in time.
        """
        if not self._answered.wait(timeout_s):
            raise TimeoutError
        return self._why_not

    def close(self) -> None:
        """Let go of the descriptors that it holds."""


class CatalogueOrder(Order):
    """Serve exactly ``offers`` for a site; the order has its own descriptors."""

    def __init__(self, site: str, release: int, offers: Sequence[Offer]) -> None:
        super().__init__()
        self.site = site
        self.release = release
        self.offers: list[Offer] = []
        try:
            for offer in offers:
                self.offers.append(replace(offer, fd=os.dup(offer.fd)))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the descriptors."""
        for offer in self.offers:
            os.close(offer.fd)
        self.offers = []


class RulesOrder(Order):
    """Judge a site's requests by rules, which are a file in memory; ``name`` is the site's for people."""

    def __init__(self, site: str, name: str, rules: GuardRules) -> None:
        super().__init__()
        self.site = site
        self.name = name
        self.fd = os.memfd_create("rules", os.MFD_CLOEXEC)
        try:
            os.write(self.fd, codec.to_json(rules))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class TokenOrder(Order):
    """Confirm an order that a phone is about to ask about."""

    def __init__(self, token: ReloadToken) -> None:
        super().__init__()
        self.token = token


class TlsLineOrder(Order):
    """Serve the connections that come over a line; the order has a descriptor of its own."""

    def __init__(self, line_fd: int) -> None:
        super().__init__()
        self.fd = os.dup(line_fd)

    def close(self) -> None:
        """Close the descriptor."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class OrderBook:
    """Orders that wait, and those in force; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_closed = False
        self._catalogues: dict[str, CatalogueOrder] = {}
        self._rules: dict[str, RulesOrder] = {}
        self._tokens: list[TokenOrder] = []
        self._lines: list[TlsLineOrder] = []
        self.lines_in_force: list[TlsLineOrder] = []
        """Over which connections by TLS come: one, once there is any."""
        self.catalogues_in_force: dict[str, CatalogueOrder] = {}
        """By site: what the worker serves, or should again. Of the supervisor's thread alone, as the rules."""
        self.rules_in_force: dict[str, RulesOrder] = {}

    def put(self, order: CatalogueOrder | RulesOrder | TokenOrder | TlsLineOrder) -> None:
        """Let an order wait, in place of one of its kind for the same site.

        Raises:
            WorkerFault: the worker is being stopped; the order is closed.
        """
        superseded: Order | None = None
        with self._lock:
            if self._is_closed:
                order.close()
                raise WorkerFault(STOPPING)
            match order:
                case CatalogueOrder():
                    superseded = self._catalogues.pop(order.site, None)
                    self._catalogues[order.site] = order
                case RulesOrder():
                    superseded = self._rules.pop(order.site, None)
                    self._rules[order.site] = order
                case TokenOrder():
                    self._tokens.append(order)
                case TlsLineOrder():
                    self._lines.append(order)
        if superseded is not None:
            superseded.reject("a newer order replaced it")

    def put_back(self, order: CatalogueOrder) -> None:
        """Let a catalogue wait for the next worker, unless a newer one does."""
        with self._lock:
            if order.site not in self._catalogues and not self._is_closed:
                self._catalogues[order.site] = order
                return
        order.reject("a newer order replaced it")

    def take_rules(self) -> list[RulesOrder]:
        """Return the rules that wait."""
        with self._lock:
            new, self._rules = list(self._rules.values()), {}
        return new

    def take_catalogue(self) -> CatalogueOrder | None:
        """Return the catalogue that has waited longest."""
        with self._lock:
            site = next(iter(self._catalogues), None)
            return None if site is None else self._catalogues.pop(site)

    def take_tokens(self) -> list[TokenOrder]:
        """Return the tokens that wait."""
        with self._lock:
            new, self._tokens = self._tokens, []
        return new

    def take_lines(self) -> list[TlsLineOrder]:
        """Return the lines that wait; they stay in force from now on, for later workers too."""
        with self._lock:
            new, self._lines = self._lines, []
        self.lines_in_force += new
        return new

    def enforce(self, order: CatalogueOrder | RulesOrder) -> None:
        """Note that the worker now follows an order, which replaces the one before."""
        before: Order | None
        match order:
            case CatalogueOrder():
                before = self.catalogues_in_force.pop(order.site, None)
                self.catalogues_in_force[order.site] = order
            case RulesOrder():
                before = self.rules_in_force.pop(order.site, None)
                self.rules_in_force[order.site] = order
        if before is not None:
            before.close()
        order.done()

    def close(self) -> None:
        """Reject what waits, let go of what is in force, and take nothing more; the supervisor's thread has ended."""
        with self._lock:
            self._is_closed = True
            waiting: list[Order] = [*self._catalogues.values(), *self._rules.values(), *self._tokens, *self._lines]
            self._catalogues, self._rules, self._tokens, self._lines = {}, {}, [], []
        in_force = (*self.catalogues_in_force.values(), *self.rules_in_force.values(), *self.lines_in_force)
        for order in (*waiting, *in_force):
            order.reject(STOPPING)
        self.catalogues_in_force, self.rules_in_force, self.lines_in_force = {}, {}, []
