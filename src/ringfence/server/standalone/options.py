"""What ``ringfence serve`` is told: read once, with a sentence for everything that can't be used."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from ringfence.guard.policy import Network
from ringfence.server.confinement.steps import Account, account_of, nobody
from ringfence.server.errors import BadServeOption, FolderMissing, FolderUnusable
from ringfence.server.limits.settings import DEFAULT_SHARES, MOST_OF_A_SHARE, PortRange, SourceShares
from ringfence.server.standalone.metrics_page import require_loopback
from ringfence.server.standalone.transfer_log import FORMATS

TFTP_PORT = 69
EVERYWHERE_V4, EVERYWHERE_V6 = "0.0.0.0", "::"  # noqa: S104 - a TFTP server's usual addresses
_LARGEST_PORT = 65_535
_FIRST_FREE_PORT = 1024
_UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Everything that a standalone server is told. An empty ``listen``: everywhere, port 69."""

    folder: str
    listen: tuple[tuple[str, int], ...] = ()
    http: tuple[tuple[str, int], ...] = ()
    freebind: bool = False
    single_port: bool = False
    ports: PortRange | None = None
    shares: SourceShares = DEFAULT_SHARES
    allowed: tuple[Network, ...] = ()
    user: str | None = None
    chroot: bool = True
    metrics: tuple[str, int] | str | None = None
    """A loopback address and port, or the path of a Unix socket."""
    log_format: str = "text"
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ServeOption:
    """One option, declared once for both commands, ``ringfence-serve`` and ``ringfence serve``.

    Without a ``metavar`` it is a flag; ``without`` describes the default.
    """

    flags: tuple[str, ...]
    metavar: str
    help: str
    repeats: bool = False
    default: str | None = None
    without: str = ""

    @property
    def name(self) -> str:
        """The name under which its value is known in code."""
        return self.flags[0].removeprefix("--").replace("-", "_")


FOLDER_HELP = "The folder to serve; its content may change at any time."
SERVE_OPTIONS = (
    ServeOption(
        ("--listen", "-a"), "HOST:PORT", "Serve TFTP on this address; may be repeated. The default port is 69.",
        repeats=True, without="every address, port 69",
    ),
    ServeOption(
        ("--http",), "HOST:PORT", "Serve the same files over HTTP on this address; may be repeated.",
        repeats=True, without="no HTTP",
    ),
    ServeOption(("--freebind",), "", "Listen also on addresses that this machine does not have yet."),
    ServeOption(("--single-port",), "", "Send everything from the request port, for NAT and containers."),
    ServeOption(("--port-range", "-R"), "A-B", "Use only these ports for transfers, for firewalls."),
    ServeOption(
        ("--transfers-per-address",), "N", "TFTP transfers that one address is sure of; more while there is room.",
        without="32",
    ),
    ServeOption(
        ("--connections-per-address",), "N", "HTTP connections that one address is sure of; more while there is room.",
        without="32",
    ),
    ServeOption(
        ("--requests-per-address",), "N",
        "Requests each second for phones' own files that one address may make; eight times as many at once.",
        without="32",
    ),
    ServeOption(
        ("--refusals-per-address",), "N",
        "Refusals each second that one address is told, of files named after phones; 32 times as many at once.",
        without="2",
    ),
    ServeOption(("--allow",), "NET", "Serve only this network or address; may be repeated.", repeats=True),
    ServeOption(("--user", "-u"), "NAME", "Serve with this user's rights.", without="tftp or nobody"),
    ServeOption(("--no-chroot",), "", "Do not make DIR the root directory."),
    ServeOption(("--metrics",), "ADDRESS", "Offer metrics for Prometheus at a loopback HOST:PORT or at unix:PATH."),
    ServeOption(("--log-format",), "FORMAT", "text for people or json for machines.", default="text"),
    ServeOption(("--dry-run",), "", "Check everything, say what would be served, and start nothing."),
)  # fmt: skip


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of ``ringfence-serve``."""
    parser = argparse.ArgumentParser(
        prog="ringfence-serve",
        description="Serve a folder over TFTP, read-only; `man ringfence-serve` explains each option.",
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=100),  # without a width it loads shutil and all
    )
    parser.add_argument("folder", metavar="DIR", help=FOLDER_HELP)
    for option in SERVE_OPTIONS:
        if not option.metavar:
            parser.add_argument(*option.flags, action="store_true", help=option.help)
        elif option.repeats:
            parser.add_argument(*option.flags, metavar=option.metavar, action="append", default=[], help=option.help)
        else:
            parser.add_argument(*option.flags, metavar=option.metavar, default=option.default, help=option.help)
    return parser


def read_options(arguments: Sequence[str] | None = None) -> ServeOptions:
    """Return what the command line says. Raise BadServeOption, or SystemExit if it can't be read at all."""
    given = make_parser().parse_args(arguments)
    if given.single_port and given.port_range:
        raise BadServeOption("--single-port and --port-range exclude each other", to_do="Leave one of them out.")
    if given.log_format not in FORMATS:
        raise BadServeOption("the format of the log is unknown", where=given.log_format, to_do="Write text or json.")
    return ServeOptions(
        folder=given.folder,
        listen=tuple(read_address(text, TFTP_PORT) for text in given.listen),
        http=tuple(read_address(text) for text in given.http),
        freebind=given.freebind,
        single_port=given.single_port,
        ports=None if given.port_range is None else read_port_range(given.port_range),
        shares=SourceShares(
            transfers=read_share(given.transfers_per_address),
            connections=read_share(given.connections_per_address),
            requests=read_share(given.requests_per_address),
            refusals=read_share(given.refusals_per_address),
        ),
        allowed=tuple(read_network(text) for text in given.allow),
        user=given.user,
        chroot=not given.no_chroot,
        metrics=None if given.metrics is None else read_metrics_address(given.metrics),
        log_format=given.log_format,
        dry_run=given.dry_run,
    )


def read_address(text: str, usual_port: int | None = None) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``[IPV6]:PORT``; the port may be left out where there is a usual one."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, "" if usual_port is None else str(usual_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > _LARGEST_PORT:
        raise BadServeOption(
            "this is not an address to listen on", where=text, to_do="Write HOST:PORT, such as 0.0.0.0:69 or [::]:69."
        )
    return host, int(port)


def read_port_range(text: str) -> PortRange:
    """Return the range ``A-B`` (or ``A:B``, as tftpd-hpa writes it)."""
    first, _, last = text.replace(":", "-").partition("-")
    if not all(part.isascii() and part.isdecimal() for part in (first, last)):
        raise BadServeOption("this is not a range of ports", where=text, to_do="Write it like 40000-40999.")
    if not _FIRST_FREE_PORT <= int(first) <= int(last) <= _LARGEST_PORT:
        raise BadServeOption(
            "transfers can't use these ports",
            where=text,
            to_do=f"Write two ports from {_FIRST_FREE_PORT} to {_LARGEST_PORT}, the lower one first.",
        )
    return PortRange(int(first), int(last))


def read_share(text: str | None) -> int:
    """Return how much one address may cost, from 1 to MOST_OF_A_SHARE; 0 if nothing is said."""
    if text is None:
        return 0
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_OF_A_SHARE))
    if not is_number or not 1 <= int(text) <= MOST_OF_A_SHARE:
        raise BadServeOption(
            "this is not a limit for one address", where=text[:40], to_do=f"Write a number from 1 to {MOST_OF_A_SHARE}."
        )
    return int(text)


def read_network(text: str) -> Network:
    """Return a network, or an address as a network of one."""
    try:
        return ip_network(text)
    except ValueError as fault:
        raise BadServeOption(
            "this is not a network", where=str(fault), to_do="Write it like 192.168.1.0/24 or fd00::/8."
        ) from fault


def read_metrics_address(text: str) -> tuple[str, int] | str:
    """Return a loopback address and port, or the path that follows ``unix:``."""
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path.startswith("/"):
            raise BadServeOption(
                "the socket for the metrics needs an absolute path", where=text, to_do="Write unix:/run/…."
            )
        return path
    host, port = read_address(text)
    require_loopback(host, text)
    return host, port


def account_for(user: str | None) -> Account | None:
    """Return whose rights the server keeps: ``user``'s, or tftp's, or nobody's; None if that can't be changed.

    Only root can change it. BadServeOption where the user is unknown, is root, or would have to be another.
    """
    is_root = os.geteuid() == 0
    if user is None:
        return (account_of("tftp") or nobody()) if is_root else None
    account = account_of(user)
    if account is None:
        raise BadServeOption(
            "there is no such user", where=user, to_do="Create one: useradd --system --no-create-home."
        )
    if account.user == 0:
        raise BadServeOption(
            "a server that strangers can reach must not run as root", where=user, to_do="Name another."
        )
    if not is_root and account.user != os.geteuid():
        raise BadServeOption("only root can change to another user", where=user, to_do="Start as root or as that user.")
    return account if is_root else None


def open_folder(path: str) -> int:
    """Return a descriptor of the folder to be served. FolderMissing, FolderUnusable."""
    try:
        return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as fault:
        raise FolderMissing("the folder to serve does not exist", where=path, to_do="Create it.") from fault
    except OSError as fault:
        raise FolderUnusable(f"the folder can't be served: {fault.strerror}", where=path) from fault


def require_entry(folder_fd: int, path: str, who: str) -> None:
    """FolderUnusable where this process, as it is now, may not look for names in the folder."""
    if not os.access(".", os.X_OK, dir_fd=folder_fd, effective_ids=True):
        raise FolderUnusable(
            f"{who} may not enter the folder",
            where=path,
            to_do=f"Give everybody access: chmod o+x {path}; or set --user.",
        )
