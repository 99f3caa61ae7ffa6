"""Whether the kernel's neighbour table has room for a site's phones: one without a place in it can't be answered."""

from ringfence.server.access.neighbours import Links, open_socket

FULL_FROM = 0.75
"""What share of the room phones may take: other machines are on the network too."""


def room() -> int:
    """Return how many IPv4 neighbours the kernel keeps at most, 0 if it does not say."""
    try:
        with open_socket() as asked_on:
            return Links(asked_on).most_neighbours()
    except OSError:
        return 0


def advice(phones: int, most: int) -> str:
    """Return what a machine with room for ``most`` neighbours needs for so many phones; empty for nothing."""
    if not most or phones <= FULL_FROM * most:
        return ""
    return (
        f"The site has {phones} phones, and this machine's kernel has room for {most} neighbours, which is too little: "
        f"phones beyond it get no answer. Raise it: sysctl -w net.ipv4.neigh.default.gc_thresh3={4 * phones}"
    )
