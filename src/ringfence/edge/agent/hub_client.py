"""What an edge asks of its hub: the port; ``https_hub_client`` is its adapter."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ringfence.content.digests import Digest
from ringfence.wire.edge_tls_messages import EdgeTlsAnswer, EdgeTlsOffer
from ringfence.wire.job_messages import JobNews, JobNewsAnswer
from ringfence.wire.messages import (
    EdgeHealth,
    EdgeStanding,
    Event,
    Greeting,
    Progress,
    RenewRequest,
    RenewResponse,
    ReportAcknowledgement,
    ReportBatch,
    SiteState,
    StandingAnswer,
)
from ringfence.wire.network_messages import BoxAnswer, BoxStanding
from ringfence.wire.phone_web_messages import PhoneWebNews, PhoneWebOrders


@dataclass(frozen=True, slots=True)
class BlobPart:
    """A blob's bytes from ``offset`` on, as they come."""

    offset: int
    chunks: Iterator[bytes]


class HubClient(Protocol):
    """What an enrolled edge asks of its hub. Every method raises HubUnreachable or HubRefused."""

    @property
    def url(self) -> str:
        """At which of its addresses the hub was reached last, or is tried first."""

    def greeting(self) -> Greeting:
        """Ask the hub which edge this is and what time it is, and set the clock by the answer."""

    def metadata(self, name: str, largest_bytes: int) -> bytes | None:
        """Return a file of the site's metadata, or None if the hub has none of that name."""

    def blob(self, digest: Digest, offset: int) -> BlobPart:
        """Return a blob from ``offset`` on, or from 0 if the hub can't continue it."""

    def events(self) -> Iterator[Event]:
        """Open the event stream; it lasts until ``close`` is called.

        Raises:
            HubUnreachable: The stream ended.
        """

    def state(self) -> SiteState | None:
        """Return everything that the edge gets beside releases, or None if the hub is too old to know it."""

    def tell_standing(self, standing: EdgeStanding) -> StandingAnswer | None:
        """Tell what this edge has; return None if the hub is too old to want to know."""

    def report(self, batch: ReportBatch) -> ReportAcknowledgement:
        """Hand over reports."""

    def tell_progress(self, progress: Progress) -> None:
        """Report how much of a release has been fetched."""

    def tell_health(self, health: EdgeHealth) -> None:
        """Tell how this edge is; a hub that is too old to know it is told nothing."""

    def tell_box(self, standing: BoxStanding) -> BoxAnswer | None:
        """Tell how this box's port is; return None if the hub is too old to know boxes."""

    def offer_tls(self, offer: EdgeTlsOffer) -> EdgeTlsAnswer | None:
        """Tell this edge's key for phones by HTTPS; return None if the hub is too old to know of such."""

    def tell_job(self, news: JobNews) -> JobNewsAnswer | None:
        """Tell what becomes of a job; return None if the hub does not know it, or no jobs at all."""

    def exchange_phone_web(self, news: PhoneWebNews) -> PhoneWebOrders | None:
        """Tell an answer of a phone's page and ask what to do; return None if the hub does not know it."""

    def carry_phone(self, service: str, mac: str, line: socket.socket) -> None:
        """Carry a phone's bytes to one of the hub's services for phones, and back, until one side ends. OSError too."""

    def renew(self, request: RenewRequest) -> RenewResponse:
        """Ask for the next certificate."""

    def close(self) -> None:
        """End everything in progress; streams end at once."""
