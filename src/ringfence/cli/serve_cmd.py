"""``ringfence serve``: a plain TFTP server for one folder, read-only."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to serve; what is in it may change.")],
    listen: Annotated[
        list[str] | None,
        typer.Option(
            "--listen",
            "-a",
            metavar="HOST:PORT",
            help="Serve TFTP there; more than once if wanted. The port may be left out.",
            show_default="every address, port 69",
        ),
    ] = None,
    http: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST:PORT", help="Serve the same files over HTTP there, too.", show_default="no HTTP"),
    ] = None,
    single_port: Annotated[
        bool, typer.Option("--single-port", help="Send everything from the request port, for NAT and containers.")
    ] = False,
    port_range: Annotated[
        str | None,
        typer.Option("--port-range", "-R", metavar="A-B", help="Ports of transfers, for firewalls that must know."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="NET", help="Serve only this network or address; more than once if wanted."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", "-u", metavar="NAME", help="Serve with this user's rights.", show_default="tftp or nobody"
        ),
    ] = None,
    no_chroot: Annotated[bool, typer.Option("--no-chroot", help="Do not make DIR the root directory.")] = False,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Metrics for Prometheus at a loopback HOST:PORT or at unix:PATH."),
    ] = None,
    log_format: Annotated[str, typer.Option(metavar="FORMAT", help="text for people or json for machines.")] = "text",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what would be served, and start nothing.")
    ] = False,
) -> None:
    """Serve a folder over TFTP, read-only, in place of tftpd-hpa or dnsmasq.

    As root it makes the folder its root directory and goes on as user tftp, or nobody. It takes sockets from systemd.

    Example: ringfence serve /srv/tftp --allow 192.168.1.0/24 --dry-run
    """
    options: list[tuple[str, list[str]]] = [
        ("--listen", listen or []),
        ("--http", http or []),
        ("--port-range", [port_range] if port_range else []),
        ("--allow", allow or []),
        ("--user", [user] if user else []),
        ("--metrics", [metrics] if metrics else []),
        ("--log-format", [log_format]),
    ]
    arguments = [f"{name}={value}" for name, values in options for value in values]
    flags = {"--single-port": single_port, "--no-chroot": no_chroot, "--dry-run": dry_run}
    arguments += [name for name, is_on in flags.items() if is_on]
    # A process of its own, so that what parses strangers' packets holds no command-line library.
    command = [sys.executable, "-I", "-m", "ringfence.server", *arguments, "--", str(folder.absolute())]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own module; it reads and checks the arguments
