"""One site as the worker serves it: what the guard must know of it, and its files."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from ringfence.guard.guarded_site import GuardedSite
from ringfence.server.files.catalogue import NOTHING_OFFERED, OfferedFile


class Holdings(Protocol):
    """What there is to be served: a release's catalogue, or a plain folder."""

    @property
    def known_owners(self) -> Collection[str]:
        """The bare MAC addresses of the phones that own a file here."""

    def find(self, name: str) -> OfferedFile | None:
        """Return the file that a phone means by ``name`` (normalised), or None. NotNow: it may be there in a moment."""

    def opened_by(self, name: str, query: bytes) -> str:
        """Return the name of the file that a request for ``name`` (normalised) with a query opens."""

    def retire(self) -> None:
        """Let go of what no transfer reads any more. Once."""


@dataclass(slots=True)
class ServedSite(GuardedSite):
    """A guarded site, with what there is to be served."""

    holdings: Holdings = NOTHING_OFFERED

    @property
    def known_owners(self) -> Collection[str]:
        """The bare MAC addresses of the site's phones."""
        return self.holdings.known_owners

    def take_holdings(self, holdings: Holdings) -> None:
        """Serve other files from the next request on; transfers in progress finish with the bytes they began with."""
        old, self.holdings = self.holdings, holdings
        old.retire()
