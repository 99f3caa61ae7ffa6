"""The other ends of tunnels: how they enrol, what peers they get, and what they tell."""

from collections.abc import AsyncIterator

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ringfence.errors import PeerFault, RingfenceError
from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.device.callers import DeviceCaller, enter, hub_of
from ringfence.hub.device.events import HEADERS, line, woken
from ringfence.hub.device.exchange import message
from ringfence.hub.errors import EdgeRefused
from ringfence.hub.fleet import concentrators, tunnel_peers
from ringfence.identity.certificates import ConcentratorIdentity, key_fingerprint, read_request, to_pem
from ringfence.wire import codec
from ringfence.wire.messages import Event, RenewRequest, RenewResponse
from ringfence.wire.paths import KEEP_ALIVE_S
from ringfence.wire.tunnel_messages import TunnelAnswer, TunnelEnrolRequest, TunnelEnrolResponse, TunnelStanding

_log = logs.get("device")
_LONGEST_NUMBER = 18
_LONGEST_WORD = 40


def enrol(request: Request, _caller: DeviceCaller, body: bytes) -> Response:
    """Exchange a one-time token for a concentrator's identity."""
    hub, asked = hub_of(request), codec.from_json(TunnelEnrolRequest, body)
    certificate_request = read_request(asked.csr_pem)  # before the token, so that a broken request does not use it up
    with within.everywhere(hub).database.reading() as session:
        hub = enter(request, concentrators.organisation_of_token(session, asked.token_secret))
    with hub.change("a concentrator") as change:
        row = concentrators.redeem(change, asked.token_secret)
        identity = ConcentratorIdentity(row.id, hub.organisation_id)
        issued = hub.issuer.issue_edge(certificate_request, identity, change.now)
        concentrators.admit(change, row, issued, asked.hostname, asked.version)
        response = TunnelEnrolResponse(row.id, row.name, to_pem(issued), change.now, row.address)
    hub.wakeups.wake_tunnels({hub.organisation_id})  # who had its place before is let in no more
    _log.info("concentrator enrolled", concentrator=response.concentrator_id, name=response.name)
    return message(response)


def renew(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Issue a concentrator's next certificate, for the key that it enrolled with."""
    hub, asked = hub_of(request), codec.from_json(RenewRequest, body)
    certificate_request = read_request(asked.csr_pem)
    if key_fingerprint(certificate_request.public_key()) != caller.fingerprint:
        raise EdgeRefused(
            "certificate-unknown", "a certificate can be renewed only for the key that enrolled",
            to_do="To use a new key, enrol again with a new token.",
        )  # fmt: skip
    with hub.database.writing() as session:
        row = concentrators.let_in(session, caller.concentrator_id, caller.fingerprint)
        identity = ConcentratorIdentity(row.id, hub.organisation_id)
        issued = hub.issuer.issue_edge(certificate_request, identity, hub.clock())
        concentrators.note_certificate(row, issued)
    return message(RenewResponse(to_pem(issued)))


def peers(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return the peers, or what has changed of them."""
    hub, query = hub_of(request), request.query_params
    since = query.get("since")
    if since is not None and not (since.isascii() and since.isdecimal() and len(since) <= _LONGEST_NUMBER):
        raise PeerFault("a version is a number")
    epoch, after = query.get("epoch", "")[:_LONGEST_WORD], query.get("after", "")[:_LONGEST_WORD]
    with hub.database.reading() as session:
        row = concentrators.let_in(session, caller.concentrator_id, caller.fingerprint)
        found = tunnel_peers.read(session, None if since is None else int(since), epoch, after)
        return message(replace(found, retired_key=row.retired_key))


def standing(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Keep how a concentrator is, and tell boxes where it is."""
    hub, told = hub_of(request), concentrators.bounded(codec.from_json(TunnelStanding, body))
    with hub.change(caller.concentrator_id) as change:
        row = concentrators.let_in(change.session, caller.concentrator_id, caller.fingerprint)
        is_news = told.next_public_key != row.next_public_key
        concentrators.take(change, row, told, caller.issuer)
        is_known = (
            bool(told.next_public_key) and not is_news and tunnel_peers.boxes_have_rules(change.session, change.now)
        )
    if told.endpoints_digest == hub.endpoints.digest:
        return message(TunnelAnswer(is_known))
    return message(TunnelAnswer(is_known, hub.endpoints.urls, hub.endpoints.authorities))


def events(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Open the caller's stream."""
    return StreamingResponse(_stream(hub_of(request), caller), media_type="text/event-stream", headers=HEADERS)


async def _stream(hub: Hub, caller: DeviceCaller) -> AsyncIterator[bytes]:
    stream = hub.wakeups.open_tunnel(caller.concentrator_id, hub.organisation_id)
    _log.info("concentrator connected", concentrator=caller.concentrator_id)
    try:
        stream.told, stream.told_key = await run_in_threadpool(_newest, hub, caller)
        yield line(Event("greeting", hub.clock()))
        while not hub.wakeups.closing:
            if not await woken(stream.woken, KEEP_ALIVE_S):
                yield b": still here\n\n"
            stream.woken.clear()
            newest, retired_key = await run_in_threadpool(_newest, hub, caller)
            if newest > stream.told or retired_key != stream.told_key:
                stream.told, stream.told_key = newest, retired_key
                yield line(Event("state", hub.clock()))
    except EdgeRefused:
        yield line(Event("revoked", hub.clock()))
    except RingfenceError as fault:
        _log.warning("event stream ended", concentrator=caller.concentrator_id, problem=str(fault))
    finally:
        hub.wakeups.close_tunnel(stream)
        _log.info("concentrator disconnected", concentrator=caller.concentrator_id)


def _newest(hub: Hub, caller: DeviceCaller) -> tuple[int, str]:
    """Return the version of a concentrator's newest peers, and which of its keys is to go."""
    with hub.database.reading() as session:
        row = concentrators.let_in(session, caller.concentrator_id, caller.fingerprint)
        return tunnel_peers.version(session), row.retired_key
