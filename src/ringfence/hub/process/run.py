"""``ringfence hub run``: one process, one event loop, two listeners."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import ssl
from collections.abc import Iterator

import uvicorn
import uvloop
from starlette.types import ASGIApp

from ringfence.hub import logs
from ringfence.hub.core import Hub, open_hub, url
from ringfence.hub.data.blobs import DirectoryBlobs
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.device.app import device_app
from ringfence.hub.errors import ListenerPortTaken
from ringfence.hub.people.app import people_app
from ringfence.hub.process import background_jobs, renewal, tls
from ringfence.hub.publishing import publication_lock

GRACE_S = 2
"""How long requests under way may take to end when the hub stops."""
KEEP_ALIVE_S = 75
BACKLOG = 1024
_IDLE_ENDS_AFTER_S = 0.1

_log = logs.get("run")


class _Server(uvicorn.Server):
    """A listener whose process handles signals by itself: there are two of them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.create_task(self._end_idle())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)

    async def _end_idle(self) -> None:
        """End connections without a request: closing them waits for the peer's TLS goodbye, which may not come."""
        while True:
            await asyncio.sleep(_IDLE_ENDS_AFTER_S)
            for connection in list(self.server_state.connections):
                cycle = getattr(connection, "cycle", None)
                if (cycle is None or cycle.response_complete) and not connection.transport.get_write_buffer_size():
                    connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(folder: DataFolder) -> None:
    """Serve the hub in ``folder`` until SIGTERM or SIGINT.

    DataFolderBusy where another hub runs on it; ListenerPortTaken where an address is taken; DataFolderNewer where a
    newer version has written it.
    """
    logs.configure()
    config = folder.config()
    with folder.locked(), contextlib.ExitStack() as stack:
        people = stack.enter_context(listening(config.listen, config.people_port))
        device = stack.enter_context(listening(config.listen, config.device_port))
        hub = open_hub(folder, config)
        stack.callback(hub.close)
        prepare(hub, folder, device)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_until_signalled(hub, folder, people, device))


async def _serve_until_signalled(hub: Hub, folder: DataFolder, people: socket.socket, device: socket.socket) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(hub, folder, people, device, stopping)


async def serve(
    hub: Hub, folder: DataFolder, people: socket.socket, device: socket.socket, stopping: asyncio.Event
) -> None:
    """Serve on two bound sockets until ``stopping`` is set; then let streams end and requests finish."""
    people_tls, device_tls = tls.people_context(folder), tls.device_context(folder)
    servers = [
        _server(people_app(hub), people_tls),
        _server(device_app(hub), device_tls, tls.ClientCertificateProtocol),
    ]
    hub.wakeups.attach(asyncio.get_running_loop())

    def reload() -> None:
        for context in (people_tls, device_tls):
            tls.load_certificate(context, folder)

    serving = [
        asyncio.create_task(server.serve([bound])) for server, bound in zip(servers, (people, device), strict=True)
    ]
    tasks = [
        asyncio.create_task(work)
        for work in (
            background_jobs.watch(hub),
            background_jobs.confirm(hub),
            background_jobs.roll_out(hub),
            background_jobs.rotate(hub),
            background_jobs.tell_phones(hub),
            background_jobs.keep_guards(hub),
            background_jobs.renew(hub, folder, reload),
        )
    ]
    try:
        for server, task in zip(servers, serving, strict=True):
            await _first_of(server.listening, task)
        _announce(hub.config, folder, people, device)
        await _first_of(stopping, *serving)
        _log.info("stopping")
    finally:
        folder.clear_run()
        hub.wakeups.end_all()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving, return_exceptions=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        background_jobs.say_goodbye(hub)
    _log.info("stopped")


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to an address; ListenerPortTaken names address, port and what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
            bound.listen(BACKLOG)
        except OSError as fault:
            raise _not_bound(host, port, fault) from None
        yield bound


def _not_bound(host: str, port: int, fault: OSError) -> ListenerPortTaken:
    match fault.errno:
        case errno.EADDRINUSE:
            what, to_do = f"port {port} on {host} is in use", "Stop what uses it, or set another port in hub.toml."
        case errno.EADDRNOTAVAIL:
            what, to_do = f"{host} is no address of this machine", "Set `listen` in hub.toml; 0.0.0.0 takes all."
        case errno.EACCES:
            what, to_do = f"port {port} on {host} is for root alone", "Set a port from 1024 on in hub.toml."
        case _:
            what, to_do = f"port {port} on {host} can't be listened on: {fault.strerror}", "Change it in hub.toml."
    return ListenerPortTaken(what, where=f"{host}:{port}", to_do=to_do)


def prepare(hub: Hub, folder: DataFolder, device: socket.socket) -> None:
    """Do at the start what a crash or a long rest may have left to do."""
    if not hub.config.device_url:
        hub.device_url = url(hub.config.address, device.getsockname()[1])
    if isinstance(hub.blobs, DirectoryBlobs):
        hub.blobs.sweep()
    if not hub.config.database_url:
        publication_lock.clear(hub)  # the database is this process's alone: whoever held the lease is gone
    renewal.renew_metadata(hub)
    renewal.renew_server_certificate(hub, folder)


def _server(app: ASGIApp, context: ssl.SSLContext, protocol: type[asyncio.Protocol] | str = "httptools") -> _Server:
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=lambda _config, _default: context,
    )
    return _Server(config)


async def _first_of(event: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Wait for ``event``, or for a listener that ends by itself; what it raised is raised."""
    waiting = asyncio.create_task(event.wait())
    done, _pending = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done:
        task.result()


def _announce(config: HubConfig, folder: DataFolder, people: socket.socket, device: socket.socket) -> None:
    """Say on one line, and in run.json, where the hub really listens."""
    addresses = {
        name: url(_reachable(config.listen), bound.getsockname()[1])
        for name, bound in (("people", people), ("device", device))
    }
    folder.write_run({**addresses, "pid": os.getpid()})
    print(f"ringfence hub ready: people {addresses['people']}, devices {addresses['device']}", flush=True)  # noqa: T201 - the line that who started us waits for
    _log.info("ready", **addresses)


def _reachable(listen: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen, listen)  # noqa: S104 - read, not bound
