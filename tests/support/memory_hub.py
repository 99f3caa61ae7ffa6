"""The hub as an edge sees it, in memory: the HubClient port over a signed repository, with faults to order."""

import queue
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from msgspec import Raw

from ringfence.content.digests import Digest
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_client import BlobPart
from ringfence.edge.errors import HubRefused, HubUnreachable
from ringfence.wire import codec
from ringfence.wire.edge_tls_messages import EdgeTlsAnswer, EdgeTlsOffer
from ringfence.wire.job_messages import JobNews, JobNewsAnswer
from ringfence.wire.messages import (
    EdgeHealth,
    EdgeStanding,
    Event,
    Greeting,
    GuardRules,
    Progress,
    RenewRequest,
    RenewResponse,
    Report,
    ReportAcknowledgement,
    ReportBatch,
    SiteState,
    StandingAnswer,
    StatePart,
)
from ringfence.wire.network_messages import BoxAnswer, BoxStanding
from ringfence.wire.phone_web_messages import PhoneWebNews, PhoneWebOrders
from support.signed_repository import NOW, Repository

CHUNK = 7


@dataclass
class MemoryHub:
    """Answers like a hub; ``cut_after`` bytes of blobs the line goes dead, ``asked`` tells what was asked for."""

    repository: Repository
    now: Callable[[], float] = lambda: NOW
    cut_after: int | None = None
    away: bool = False
    revoked: bool = False
    expired: bool = False
    asked: list[str] = field(default_factory=list)
    stored: dict[int, Report] = field(default_factory=dict)
    lose_acknowledgements: int = 0
    hints: queue.Queue[Event | None] = field(default_factory=queue.Queue)
    renewals: list[RenewRequest] = field(default_factory=list)
    renewed: str = ""
    progress: list[Progress] = field(default_factory=list)
    standings: list[EdgeStanding] = field(default_factory=list)
    healths: list[EdgeHealth] = field(default_factory=list)
    boxes: list[BoxStanding] = field(default_factory=list)
    job_news: list[JobNews] = field(default_factory=list)
    cancelled_jobs: set[str] = field(default_factory=set)
    knows_no_progress: bool = False
    clock: HubClock | None = None
    rules: GuardRules | None = None
    other_parts: dict[str, Raw] = field(default_factory=dict)
    url: str = "https://hub.example.org:8444"
    knows_next_key: bool = False

    def greeting(self) -> Greeting:
        self._answer("greeting")
        if self.clock is not None:
            self.clock.learn(self.now())
        return Greeting("e1", self.repository.site, "Anna", "0.1.0", self.now(), 0)

    def metadata(self, name: str, largest_bytes: int) -> bytes | None:
        self._answer(name)
        data = self.repository.files.get(name)
        return data if data is None else data[: largest_bytes + 1]

    def blob(self, digest: Digest, offset: int) -> BlobPart:
        self._answer(f"{digest[:8]}@{offset}")
        return BlobPart(offset, self._chunks(self.repository.blobs[digest][offset:]))

    def events(self) -> Iterator[Event]:
        self._answer("events")
        yield Event("greeting", self.now())
        while (event := self.hints.get()) is not None:
            yield event
        raise HubUnreachable("the stream ended")

    def state(self) -> SiteState | None:
        self._answer("state")
        if self.rules is None:
            return None
        return SiteState(self.rules.version, {StatePart.GUARD: Raw(codec.to_json(self.rules)), **self.other_parts})

    def tell_standing(self, standing: EdgeStanding) -> StandingAnswer | None:
        self._answer("standing")
        self.standings.append(standing)
        return StandingAnswer()

    def report(self, batch: ReportBatch) -> ReportAcknowledgement:
        self._answer("report")
        for report in batch.reports:
            known = self.stored.setdefault(report.seq, report)
            assert known == report, "one number was given to two reports"
        if self.lose_acknowledgements:
            self.lose_acknowledgements -= 1
            raise HubUnreachable("the acknowledgement was lost")
        return ReportAcknowledgement(max(self.stored))

    def tell_progress(self, progress: Progress) -> None:
        if self.knows_no_progress:
            raise HubRefused("there is nothing at this path", kind="not-found")
        self.progress.append(progress)

    def tell_health(self, health: EdgeHealth) -> None:
        self._answer("health")
        self.healths.append(health)

    def tell_box(self, standing: BoxStanding) -> BoxAnswer:
        self._answer("box")
        self.boxes.append(standing)
        return BoxAnswer(next_key_known=self.knows_next_key)

    def offer_tls(self, offer: EdgeTlsOffer) -> EdgeTlsAnswer | None:
        del offer
        return None

    def tell_job(self, news: JobNews) -> JobNewsAnswer | None:
        self._answer("jobs")
        self.job_news.append(news)
        return JobNewsAnswer(goes_on=news.number not in self.cancelled_jobs)

    def carry_phone(self, service: str, _mac: str, _line: socket.socket) -> None:
        raise HubUnreachable(f"this hub has no {service}")

    def exchange_phone_web(self, news: PhoneWebNews) -> PhoneWebOrders | None:
        self._answer("phone-web")
        return PhoneWebOrders(goes_on=news.number not in self.cancelled_jobs)

    def renew(self, request: RenewRequest) -> RenewResponse:
        self.expired = False
        self._answer("renew")
        self.renewals.append(request)
        return RenewResponse(self.renewed)

    def close(self) -> None:
        self.hints.put(None)

    def _answer(self, what: str) -> None:
        if self.away:
            raise HubUnreachable("the hub is away")
        if self.revoked:
            raise HubRefused("this edge was revoked", kind="edge-revoked")
        if self.expired:
            raise HubRefused("this edge's certificate has expired", kind="certificate-expired")
        self.asked.append(what)

    def _chunks(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), CHUNK):
            chunk = data[start : start + CHUNK]
            if self.cut_after is not None:
                if self.cut_after < len(chunk):
                    raise HubUnreachable("the line went dead")
                self.cut_after -= len(chunk)
            yield chunk
