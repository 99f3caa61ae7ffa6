"""The hub's listeners, one for each kind of caller. The process binds, serves and announces them alike."""

import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp

from ringfence.addresses import host_port
from ringfence.hub.core import Hub
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.phones_config import listen_place
from ringfence.hub.device.app import device_app
from ringfence.hub.errors import ListenerPortTaken
from ringfence.hub.process import tls
from ringfence.hub.process.bounded_http import BoundedProtocol
from ringfence.hub.process.proxies import BehindProxies
from ringfence.hub.web.app import web_app

BACKLOG = 1024
_MOST_UNSENT_BYTES = 128 * 1024
"""How much of an answer the kernel keeps beyond what it has sent: each connection's memory is bounded there, too."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener of the hub.

    Args:
        name: What run.json calls its address.
        callers: Who calls, as the line says that people see at the start.
        port: Returns the port that the configuration gives it; 0 takes a free one.
        app: Makes the application that it serves.
        tls: Makes its TLS context; the folder's server certificate is loaded again when it is renewed.
        protocol: What speaks HTTP on its connections.
        most_of_address: How many connections of callers who are not known one address may have.
        host: Returns the address that the configuration lets it listen on.
    """

    name: str
    callers: str
    port: Callable[[HubConfig], int]
    app: Callable[[Hub], ASGIApp]
    tls: Callable[[DataFolder], ssl.SSLContext]
    protocol: type[BoundedProtocol] = BoundedProtocol
    most_of_address: int = 64
    host: Callable[[HubConfig], str] = lambda config: config.listen


PEOPLE = Listener(
    "people",
    "people",
    lambda config: config.people_port,
    lambda hub: BehindProxies(web_app(hub), hub, takes_certificates=False),
    tls.people_context,
    tls.TokenProtocol,
    host=lambda config: config.people_address,
)
DEVICES = Listener(
    "device",
    "devices",
    lambda config: config.device_port,
    lambda hub: BehindProxies(device_app(hub), hub, takes_certificates=True),
    tls.device_context,
    tls.ClientCertificateProtocol,
    256,  # many edges behind one address may come at once
)
LISTENERS = (PEOPLE, DEVICES)

Bound = Mapping[Listener, socket.socket]
"""Each listener with its bound socket, in the order in which they are announced."""


@contextlib.contextmanager
def bind_all(listeners: Sequence[Listener], config: HubConfig) -> Iterator[Bound]:
    """Bind every listener for the length of the block.

    Raises:
        ListenerPortTaken: An address can't be listened on; it names address, port and what to do.
    """
    with contextlib.ExitStack() as stack:
        yield {each: stack.enter_context(_listening(each.host(config), each.port(config))) for each in listeners}


@contextlib.contextmanager
def bind_for_phones(config: HubConfig) -> Iterator[Mapping[bool, socket.socket]]:
    """Bind the listeners for phones that hub.toml names, by whether they are for old phones.

    Raises:
        ListenerPortTaken: An address can't be listened on.
    """
    places = {False: config.phones_listen, True: config.phones_old_listen}
    with contextlib.ExitStack() as stack:
        yield {
            is_old: stack.enter_context(_listening(*listen_place(place))) for is_old, place in places.items() if place
        }


@contextlib.contextmanager
def bind_for_acme(config: HubConfig) -> Iterator[socket.socket | None]:
    """Bind where a CA's requests for challenges come in; None if hub.toml names no CA, or has it look into the DNS.

    Raises:
        ListenerPortTaken: The address can't be listened on.
    """
    if not config.phones_acme_directory or config.phones_acme_challenge != "http-01":
        yield None
        return
    with _listening(*listen_place(config.phones_acme_listen)) as bound:
        yield bound


def port_of(bound: socket.socket) -> int:
    """Return the port that a socket is bound to."""
    port: int = bound.getsockname()[1]
    return port


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError as fault:
        raise _not_bound(host, port, fault) from None
    with made as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_UNSENT_BYTES)  # connections inherit it
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
            what, to_do = (
                f"{host} is not an address of this machine",
                "Set `listen` or `people_listen` in hub.toml; 0.0.0.0 takes all.",
            )
        case errno.EAFNOSUPPORT:
            what = f"this machine has no IPv6, and {host} is an IPv6 address"
            to_do = "Set `listen` or `people_listen` in hub.toml; 0.0.0.0 takes all."
        case errno.EACCES:
            what, to_do = f"port {port} on {host} is reserved for root", "Set a port of 1024 or higher in hub.toml."
        case _:
            what, to_do = f"the hub can't listen on port {port} of {host}: {fault.strerror}", "Change it in hub.toml."
    return ListenerPortTaken(what, where=host_port(host, port), to_do=to_do)
