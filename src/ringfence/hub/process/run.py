"""``ringfence hub run``: one process, one event loop, and its listeners."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import uvloop
from starlette.types import ASGIApp

from ringfence.hub import logs, within
from ringfence.hub.acme.keeper import CertificateKeeper
from ringfence.hub.core import Hub, open_hub, traces_of
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder, acting_as_owner
from ringfence.hub.data.phones_config import url
from ringfence.hub.fleet import people
from ringfence.hub.phone_listener.listeners import PhoneListeners
from ringfence.hub.process import (
    background_jobs,
    key_following,
    people_certificate,
    proxies,
    renewal,
    repeating,
    tls,
    way_back,
)
from ringfence.hub.process.connections import places, raise_descriptor_limit
from ringfence.hub.process.listeners import (
    DEVICES,
    LISTENERS,
    PEOPLE,
    Bound,
    Listener,
    bind_all,
    bind_for_acme,
    bind_for_phones,
    port_of,
)
from ringfence.hub.process.measured_requests import MeasuredRequests
from ringfence.hub.process.people_certificate import PeopleCertificate
from ringfence.hub.process.server import ListeningServer
from ringfence.hub.process.traced_requests import TracedRequests
from ringfence.hub.publishing import publication_lock
from ringfence.hub.recovery import restore
from ringfence.hub.store.dialect import driver_url
from ringfence.hub.store.server_sessions import ProcessHints
from ringfence.server.confinement import accounts

OTHERS_PARTS_S = 86_400.0
"""For how long nobody has written to a half-written blob before a hub that is not alone removes it."""


_log = logs.get("run")


def run(folder: DataFolder, listeners: Sequence[Listener] = LISTENERS, user: str | None = None) -> None:
    """Serve the hub in ``folder`` until SIGTERM or SIGINT, as ``user`` once the ports are bound.

    Raises:
        BadUser: There is no such user, or this process can't become that user.
        FolderNotOwned: Something in the folder is not the user's.
        UserRefused: The machine does not permit it.
        DataFolderBusy: Another hub runs on the folder.
        ListenerPortTaken: An address is taken.
        BadConfiguration: hub.toml can't be used, or the certificate for people that it names.
        DataFolderNewer: A newer version has written the folder.
    """
    logs.configure()
    account = accounts.account_for(user)
    if account is not None:
        accounts.require_owner(folder.path, account)
    raise_descriptor_limit()
    config = folder.config()
    with contextlib.ExitStack() as stack:
        with acting_as_owner(folder.path):
            stack.enter_context(folder.locked())
        bound = stack.enter_context(bind_all(listeners, config))
        for_phones = stack.enter_context(bind_for_phones(config))
        for_acme = stack.enter_context(bind_for_acme(config))
        accounts.become(account, program=__file__)
        if os.geteuid() == 0:
            _log.warning("the hub runs as root", to_do="Start it with --user, or as the folder's owner.")
        hub = stack.enter_context(contextlib.closing(open_hub(folder, config)))
        hub.traces = traces_of(config)
        stack.callback(hub.traces.close)
        prepare(hub, folder, bound)
        stack.enter_context(CertificateKeeper(hub, folder, for_acme).running())
        if for_phones:
            stack.enter_context(PhoneListeners(hub, folder, for_phones).running())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_until_signalled(hub, folder, bound, for_phones))


async def _serve_until_signalled(
    hub: Hub, folder: DataFolder, bound: Bound, for_phones: Mapping[bool, socket.socket]
) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(hub, folder, bound, stopping, for_phones)


async def serve(
    hub: Hub,
    folder: DataFolder,
    bound: Bound,
    stopping: asyncio.Event,
    for_phones: Mapping[bool, socket.socket] = MappingProxyType({}),
) -> None:
    """Serve on bound sockets until ``stopping`` is set; then let streams end and requests finish.

    ``for_phones`` are those where processes of their own listen to phones already, which are only announced here.
    """
    contexts = {listener: listener.tls(folder) for listener in bound}
    is_proxy = partial(proxies.is_within, proxies=proxies.networks(hub))
    servers = [
        ListeningServer(
            each.name,
            MeasuredRequests(_traced(each, hub), hub.measures, each.name),
            each.protocol,
            contexts[each],
            places(len(bound), each.most_of_address),
            is_proxy,
        )
        for each in bound
    ]
    hub.wakeups.attach(asyncio.get_running_loop())
    hints = _hints_between_processes(hub)

    shown = _people_certificate(hub, folder, contexts)

    def reload() -> None:
        for listener, context in contexts.items():
            if listener is not PEOPLE or shown is None:
                tls.load_certificate(context, folder)

    serving = [asyncio.create_task(server.serve([each])) for server, each in zip(servers, bound.values(), strict=True)]
    tasks = [
        asyncio.create_task(work)
        for work in (
            background_jobs.watch(hub),
            background_jobs.confirm(hub),
            background_jobs.roll_out(hub),
            background_jobs.rotate(hub),
            background_jobs.tell_phones(hub),
            background_jobs.send_due_orders(hub),
            background_jobs.read_directories(hub),
            background_jobs.keep_guards(hub),
            background_jobs.look_after_edges(hub),
            background_jobs.look_after_rotations(hub),
            background_jobs.look_after_phones(hub),
            background_jobs.look_after_backups(hub),
            background_jobs.look_after_trust(hub),
            background_jobs.look_after_head_ends(hub),
            background_jobs.look_after_bundles(hub),
            background_jobs.look_after_listeners(hub),
            key_following.look_after_keys(hub),
            key_following.look_after_ends_of_keys(hub),
            background_jobs.notify(hub),
            background_jobs.publish_drafts(hub),
            background_jobs.go_on_with_rollouts(hub),
            background_jobs.renew(hub),
            background_jobs.renew_certificate(hub, folder, reload),
            background_jobs.tidy(hub),
            *((repeating.take_turns(hub),) if hub.turn.is_shared else ()),
            *((background_jobs.look_at_people_certificate(hub, shown),) if shown else ()),
        )
    ]
    try:
        for server, task in zip(servers, serving, strict=True):
            await _first_of(server.listening, task)
        _announce(hub.config, folder, bound, for_phones)
        _show_first_link(hub, folder)
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
        hub.turn.let_go()
        background_jobs.say_goodbye(hub)
        hub.wakeups.tell_others = None
        if hints is not None:
            hints.close()
    _log.info("stopped")


def _traced(listener: Listener, hub: Hub) -> ASGIApp:
    """Return what answers at a listener; people's requests are told as parts of traces, where those are told."""
    app = listener.app(hub)
    return TracedRequests(app, hub.traces) if listener is PEOPLE and hub.traces.are_told else app


def _hints_between_processes(hub: Hub) -> ProcessHints | None:
    """Let this process and the hub's others tell each other whose streams should look; None for a hub with one."""
    if not hub.turn.is_shared:
        return None
    hints = ProcessHints(driver_url(hub.config.database_url), hub.wakeups.hear)
    hub.wakeups.tell_others = hints.tell
    hints.start()
    return hints


def prepare(hub: Hub, folder: DataFolder, bound: Bound) -> None:
    """Do what a crash or a long downtime has left to do."""
    if not hub.config.device_url:
        hub.device_url = url(hub.config.address, port_of(bound[DEVICES]))
    if not hub.config.people_url and PEOPLE in bound:
        hub.people_url = url(hub.config.host_for_people, port_of(bound[PEOPLE]))
    hub.blobs.check()
    hub.blobs.sweep(OTHERS_PARTS_S if hub.config.database_url else 0.0)  # another process may write there just now
    if not hub.config.database_url:
        publication_lock.clear(
            within.everywhere(hub)
        )  # the database is this process's alone: whoever held the lease is gone
    restore.begin_listening(hub)
    renewal.renew_at_start(hub)
    renewal.renew_server_certificate(hub, folder)


def _people_certificate(
    hub: Hub, folder: DataFolder, contexts: Mapping[Listener, ssl.SSLContext]
) -> PeopleCertificate | None:
    """Let people see the certificate that hub.toml names; None if it names none."""
    files = people_certificate.files_of(folder)
    if files is None or PEOPLE not in contexts:
        return None
    return PeopleCertificate(contexts[PEOPLE], files, hub.clock())


async def _first_of(event: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Wait for ``event``, or for a listener that ends by itself; what it raised is raised."""
    waiting = asyncio.create_task(event.wait())
    done, _pending = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done:
        task.result()


def _announce(config: HubConfig, folder: DataFolder, bound: Bound, for_phones: Mapping[bool, socket.socket]) -> None:
    """Print on one line, and store in run.json, where the hub listens."""
    addresses = {listener: url(_reachable(listener.host(config)), port_of(each)) for listener, each in bound.items()}
    named = {listener.name: address for listener, address in addresses.items()}
    folder.write_run({**named, "pid": os.getpid()})
    for is_old, each in for_phones.items():
        named["phones-old" if is_old else "phones"] = url(_reachable(each.getsockname()[0]), port_of(each))
    told = ", ".join(f"{callers} {address}" for callers, address in _callers(addresses, named).items())
    print(f"ringfence hub ready: {told}", flush=True)  # noqa: T201 - the line that who started us waits for
    _log.info("ready", **named)


def _callers(addresses: Mapping[Listener, str], named: Mapping[str, str]) -> Mapping[str, str]:
    """Return who calls at which address, as people are told."""
    of_phones = {"phones": named.get("phones"), "old phones": named.get("phones-old")}
    found = {listener.callers: address for listener, address in addresses.items()}
    return found | {callers: address for callers, address in of_phones.items() if address}


def _show_first_link(hub: Hub, folder: DataFolder) -> None:
    """Show whoever starts a hub without people how the first one comes in; a link for a terminal, but for no log."""
    with hub.database.reading() as session:
        if people.someone_runs_the_hub(session):
            return
    if sys.stdout.isatty():
        link = way_back.first_link(hub, way_back.url_for_people(folder, hub.config))
        print(f"Make the first account in a browser, within ten minutes: {link}", flush=True)  # noqa: T201 - as above
    else:
        _log.info("nobody signs in yet", to_do=f"ringfence hub sign-in-link {folder.path}")


def _reachable(listen: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen, listen)  # noqa: S104 - read, not bound
