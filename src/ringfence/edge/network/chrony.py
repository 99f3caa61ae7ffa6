"""What chronyd is told: to answer phones by this machine's clock, which it never sets, and to ask nobody.

A phone without the time opens no TLS connection, and one with a wrong time refuses good certificates; so this runs only
while the clock is known to be right.
"""

from ipaddress import IPv4Interface
from pathlib import Path

STRATUM = 10
"""As of a clock whose own source is not told (RFC 5905); clients take anything below 16."""


def time_service(box: IPv4Interface, folder: Path) -> str:
    """Return the configuration of a server at the box's address, for its subnet alone."""
    return "\n".join([
        f"local stratum {STRATUM}",
        f"bindaddress {box.ip}",
        f"allow {box.network}",
        "port 123",
        "cmdport 0",
        "bindcmdaddress /",  # no socket for commands
        f"pidfile {folder / 'chronyd.own'}",
        "clientloglimit 131072",
        "ratelimit interval 1 burst 16 leak 2",
        "",
    ])  # fmt: skip
