"""The edge's way to its hub over HTTPS, with a client certificate.

The hub's certificate is verified against the one CA that the edge got at enrolment. Its period of validity is judged by
the hub's own time instead of this machine's (``clock.HubClock`` says why), which is safe because nobody but that CA can
vouch for the connection on which the time comes.
"""

import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from msgspec import Raw

from ringfence.content.digests import Digest
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_answers import events_in, is_page, limited, whole_lines
from ringfence.edge.agent.hub_client import BlobPart
from ringfence.edge.agent.network_faults import network_faults, no_hub
from ringfence.edge.agent.proxy import manager_for, proxy_for
from ringfence.edge.errors import HubRefused, HubUnreachable
from ringfence.identity.certificates import validity
from ringfence.wire import codec, paths
from ringfence.wire.edge_tls_messages import EdgeTlsAnswer, EdgeTlsOffer
from ringfence.wire.errors import BadMessage
from ringfence.wire.job_messages import JobNews, JobNewsAnswer
from ringfence.wire.messages import (
    EdgeHealth,
    EdgeStanding,
    EnrolRequest,
    EnrolResponse,
    Event,
    Greeting,
    GuardRules,
    Problem,
    Progress,
    RenewRequest,
    RenewResponse,
    ReportAcknowledgement,
    ReportBatch,
    SiteState,
    StandingAnswer,
    StatePart,
)
from ringfence.wire.network_messages import BoxAnswer, BoxStanding
from ringfence.wire.phone_web_messages import PhoneWebNews, PhoneWebOrders

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
CHUNK_BYTES = 65_536
TRY_FIRST_EVERY_S = 900.0
"""How often an edge that reaches the hub at another address looks whether the first one answers by now."""
_ASKS_IF_QUIET = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""TCP asks whether the hub is there, in seconds: after the home got another address, that says no at once."""
_OK, _PARTIAL, _NOT_FOUND, _RANGE_REFUSED = 200, 206, 404, 416
_REDIRECTS = range(300, 400)


class _HubConnection(urllib3.connection.HTTPSConnection):
    """An HTTPS connection that tells its pool's owner of each hub certificate, and can be ended from outside."""

    owner: "HttpHubClient"

    def connect(self) -> None:
        super().connect()
        transport = self.sock
        if isinstance(transport, ssl.SSLSocket):
            self.owner.connected(transport)


@dataclass(frozen=True, slots=True)
class _Way:
    """One of the hub's addresses, with its connections."""

    url: str
    proxy: str
    """By which it is reached, empty for none."""
    pool: urllib3.HTTPConnectionPool


class HttpHubClient:
    """The hub over HTTPS; one connection for the event stream, and one for each thread that asks, all kept.

    Args:
        hub_urls: The hub's addresses. Each event stream begins with the first one that answers, in this order; the
            other requests go where the last stream does.
        context: By what the hub is known, and the edge's certificate.
        clock: The hub's time.
        proxy: What was set for this edge (``proxy.proxy_for``); empty for what the environment says.

    Raises:
        BadProxy: The environment names a proxy that can't be used.
    """

    events_path = paths.EVENTS

    def __init__(self, hub_urls: Sequence[str], context: ssl.SSLContext, clock: HubClock, proxy: str = "") -> None:
        self._clock = clock
        self._live: weakref.WeakSet[ssl.SSLSocket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._certificate: x509.Certificate | None = None
        self._is_closed = False
        self._ways = [self._way_to(url.rstrip("/"), proxy_for(url, proxy), context) for url in hub_urls]
        self._way = self._ways[0]

    @property
    def url(self) -> str:
        """The address at which the hub was reached last, or is tried first."""
        return self._way.url

    def connected(self, transport: ssl.SSLSocket) -> None:
        """Note a new connection and judge the hub's certificate by the hub's time, if known.

        Raises:
            HubUnreachable: The hub's certificate has expired, or ``close`` was called while the connection was made.
        """
        der = transport.getpeercert(binary_form=True) or b""
        certificate = x509.load_der_x509_certificate(der)
        with self._lock:
            if self._is_closed:
                raise HubUnreachable("the connection to the hub was closed", where=self.url)
            self._live.add(transport)
            self._certificate = certificate
        if self._clock.is_known:
            self._check_validity(certificate, self._clock.now())

    def greeting(self) -> Greeting:
        """Ask for the greeting, judge the hub's certificate by its time, and set the clock by it."""
        greeting = self._message(Greeting, "GET", paths.GREETING)
        if self._certificate is not None:
            self._check_validity(self._certificate, max(greeting.hub_time, self._clock.floor))
        self._clock.learn(greeting.hub_time)
        return greeting

    def metadata(self, name: str, largest_bytes: int) -> bytes | None:
        """Fetch one file of metadata, never reading more than ``largest_bytes``."""
        with self._response("GET", paths.METADATA + name) as response:
            if response.status == _NOT_FOUND:
                return None
            self._refusal(response)
            return limited(response, largest_bytes, name)

    def blob(self, digest: Digest, offset: int) -> BlobPart:
        """Open a blob; an offset that the hub can't continue from begins at 0."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._open("GET", paths.BLOBS + digest, headers=headers)
        if response.status == _RANGE_REFUSED:
            response.close()
            return self.blob(digest, 0)
        try:
            self._refusal(response)
        except BaseException:
            response.close()
            raise
        return BlobPart(offset if response.status == _PARTIAL else 0, self._chunks(response))

    def events(self) -> Iterator[Event]:
        """Open the event stream; silence of three keep-alive times ends it.

        It also ends when the hub, reached at another address, can be reached at its first one again.
        """
        response = self._open_stream()
        way, look_at = self._way, time.monotonic() + TRY_FIRST_EVERY_S
        try:
            for lines in whole_lines(self._chunks(response)):
                yield from events_in(lines)
                if way is not self._ways[0] and time.monotonic() >= look_at:
                    if self._answers(self._ways[0]):
                        return
                    look_at = time.monotonic() + TRY_FIRST_EVERY_S
        finally:
            response.close()

    def state(self) -> SiteState | None:
        """Ask for the state; a hub that knows the guard's rules only is asked for these."""
        if (state := self._known(SiteState, paths.STATE)) is not None:
            return state
        rules = self._known(GuardRules, paths.GUARD)
        return None if rules is None else SiteState(rules.version, {StatePart.GUARD: Raw(codec.to_json(rules))})

    def tell_standing(self, standing: EdgeStanding) -> StandingAnswer | None:
        """Send what this edge has."""
        return self._known(StandingAnswer, paths.STANDING, codec.to_json(standing))

    def report(self, batch: ReportBatch) -> ReportAcknowledgement:
        """Send a batch of reports."""
        return self._message(ReportAcknowledgement, "POST", paths.REPORTS, codec.to_json(batch))

    def tell_progress(self, progress: Progress) -> None:
        """Send how far the fetching of a release is."""
        self._message(Progress, "POST", paths.PROGRESS, codec.to_json(progress))

    def tell_health(self, health: EdgeHealth) -> None:
        """Send how this edge is."""
        self._known(EdgeHealth, paths.HEALTH, codec.to_json(health))

    def tell_box(self, standing: BoxStanding) -> BoxAnswer | None:
        """Send how this box's port is."""
        return self._known(BoxAnswer, paths.BOX, codec.to_json(standing))

    def offer_tls(self, offer: EdgeTlsOffer) -> EdgeTlsAnswer | None:
        """Send the certificate of this edge's key for phones by HTTPS."""
        return self._known(EdgeTlsAnswer, paths.EDGE_TLS, codec.to_json(offer))

    def tell_job(self, news: JobNews) -> JobNewsAnswer | None:
        """Send what becomes of a job."""
        return self._known(JobNewsAnswer, paths.JOBS, codec.to_json(news))

    def exchange_phone_web(self, news: PhoneWebNews) -> PhoneWebOrders | None:
        """Send an answer of a phone's page, and ask what to do."""
        return self._known(PhoneWebOrders, paths.PHONE_WEB, codec.to_json(news))

    def carry_phone(self, service: str, mac: str, line: socket.socket) -> None:
        """Carry a phone's bytes over a connection of its own, which ends with it."""
        way = self._way
        with network_faults(way.url, way.proxy):
            connection = way.pool._new_conn()  # noqa: SLF001 - urllib3 gives connections away by no other name
            try:
                if way.proxy:
                    way.pool._prepare_proxy(connection)  # noqa: SLF001 - as above
                else:
                    connection.connect()
                if isinstance(connection, _HubConnection) and isinstance(connection.sock, ssl.SSLSocket):
                    from ringfence.edge.agent import phone_lines  # noqa: PLC0415 - loads h11: where phones come alone

                    path = f"{paths.PHONE_SERVICES}{service}?mac={mac}"
                    phone_lines.carry(connection.sock, urlsplit(way.url).netloc, path, line)
            finally:
                connection.close()

    def renew(self, request: RenewRequest) -> RenewResponse:
        """Send a request for the next certificate."""
        return self._message(RenewResponse, "POST", paths.RENEW, codec.to_json(request))

    def authority(self) -> str:
        """Ask for the hub's CA certificate in PEM: worth nothing until its fingerprint is compared."""
        with self._response("GET", paths.AUTHORITY) as response:
            self._refusal(response)
            return limited(response, codec.LARGEST_BYTES, "the CA certificate").decode("ascii", "replace")

    def enrol(self, request: EnrolRequest) -> EnrolResponse:
        """Present a token; the one request that needs no client certificate."""
        return self._message(EnrolResponse, "POST", paths.ENROL, codec.to_json(request))

    def close(self) -> None:
        """Shut down every open connection, so that blocked reads end at once; no new one is made."""
        with self._lock:
            self._is_closed = True
            live = list(self._live)
        for transport in live:
            try:
                socket.socket.shutdown(transport, socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended by itself
        for way in self._ways:
            way.pool.close()

    def _way_to(self, url: str, proxy: str, context: ssl.SSLContext) -> _Way:
        address = urlsplit(url)
        manager = manager_for(
            proxy,
            ssl_context=context,
            maxsize=5,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
            socket_options=_ASKS_IF_QUIET,
        )
        pool = manager.connection_from_host(address.hostname, address.port or 443, "https")
        pool.ConnectionCls = type("_OwnedConnection", (_HubConnection,), {"owner": self})
        return _Way(url, proxy, pool)

    def _open_stream(self) -> urllib3.BaseHTTPResponse:
        """Open the event stream at the first address that answers, where other requests go from now on."""
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=3 * paths.KEEP_ALIVE_S)
        faults: list[HubUnreachable] = []
        for way in self._ways:
            try:
                response = self._open("GET", self.events_path, timeout=timeout, way=way)
                try:
                    self._refusal(response, way)
                except BaseException:
                    response.close()
                    raise
            except HubUnreachable as fault:
                faults.append(fault)
                continue
            self._way = way
            return response
        self._way = self._ways[0]
        if len(faults) == 1:
            raise faults[0]
        raise HubUnreachable(
            "the hub can't be reached at any of its addresses: "
            + "; ".join(f"{fault.where}: {fault.what}" for fault in faults),
            to_do="The edge will try again by itself.",
        )

    def _answers(self, way: _Way) -> bool:
        try:
            with self._response("GET", paths.GREETING, way=way) as response:
                self._refusal(response, way)
        except (HubUnreachable, HubRefused):
            return False
        return True

    def _check_validity(self, certificate: x509.Certificate, now: float) -> None:
        begins, ends = validity(certificate)
        if not begins <= now <= ends:
            raise HubUnreachable(
                f"the hub's certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
                where=self.url,
                to_do="Restart the hub: it renews its certificate when it starts.",
            )

    def _message(self, form: type[T], method: str, path: str, body: bytes | None = None) -> T:
        with self._response(method, path, body) as response:
            self._refusal(response)
            return codec.from_json(form, limited(response, codec.LARGEST_BYTES, path))

    def _known(self, form: type[T], path: str, body: bytes | None = None) -> T | None:
        """Return what is at a path, or what it answers to a message; None if the hub has no such path."""
        with self._response("GET" if body is None else "POST", path, body) as response:
            if response.status == _NOT_FOUND:
                return None
            self._refusal(response)
            return codec.from_json(form, limited(response, codec.LARGEST_BYTES, path))

    @contextmanager
    def _response(
        self, method: str, path: str, body: bytes | None = None, way: _Way | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        way = way or self._way
        response = self._open(method, path, body=body, way=way)
        try:
            with network_faults(way.url, way.proxy):
                yield response
                response.drain_conn()
            response.release_conn()
        except BaseException:
            response.close()
            raise

    def _open(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: urllib3.Timeout | None = None,
        way: _Way | None = None,
    ) -> urllib3.BaseHTTPResponse:
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        way = way or self._way
        with network_faults(way.url, way.proxy):
            return way.pool.urlopen(
                method, path, body=body, headers=sent, preload_content=False, timeout=timeout or way.pool.timeout
            )

    def _chunks(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            with network_faults(self.url, self._way.proxy):
                yield from response.stream(CHUNK_BYTES)
            response.release_conn()
        finally:
            response.close()

    def _refusal(self, response: urllib3.BaseHTTPResponse, way: _Way | None = None) -> None:
        if response.status in {_OK, _PARTIAL} and not is_page(response):
            return
        url = (way or self._way).url
        body = limited(response, codec.LARGEST_BYTES, "an answer")
        if response.status in _REDIRECTS or is_page(response):
            raise no_hub(url, f"it answers with status {response.status} and a page")
        try:
            problem = codec.from_json(Problem, body)
        except BadMessage:
            problem = Problem(f"the hub answered with status {response.status}", kind=f"status-{response.status}")
        if response.status >= 500:  # noqa: PLR2004 - HTTP's first server error: it may pass
            raise HubUnreachable(problem.what, where=url, to_do="The edge will try again; see the hub's log.")
        raise HubRefused(problem.what, kind=problem.kind, where=problem.where or url, to_do=problem.to_do)
