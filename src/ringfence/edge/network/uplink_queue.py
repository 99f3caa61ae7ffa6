"""Voice before everything else on a thin uplink: tc's htb, with the rate that the line has.

Only who sends slower than the line itself has the queue at hand: so it is there where a site says what its line takes,
and a router that queues by itself is left alone otherwise. The fence tells which packets are the tunnel's, and so
calls': they bear DSCP EF, for what orders packets further on, such as Wi-Fi, and go to the first class.

Sources: tc-htb(8), tc(8) on ``skb->priority`` as a class, RFC 3246 on EF.
"""

from ringfence.edge.network.interfaces import TUNNEL_MARK

HANDLE = f"{TUNNEL_MARK:x}"
"""The queue's, by which ours is known."""
VOICE = f"{HANDLE}:10"
"""The class of the tunnel's packets."""
_ALL, _REST = f"{HANDLE}:1", f"{HANDLE}:20"
_OWN_PART = 0.9
"""What the tunnel may have for itself; neither starves, as each may have what the other leaves."""


def queue_commands(uplink: str, kbit: int) -> str:
    """Return what ``tc -batch`` takes to put voice first.

    Args:
        uplink: The interface.
        kbit: What the line takes, in kbit/s.
    """
    voice = max(1, round(kbit * _OWN_PART))
    rest = max(1, kbit - voice)
    classes = ((HANDLE + ":", _ALL, f"rate {kbit}kbit ceil {kbit}kbit"),
               (_ALL, VOICE, f"rate {voice}kbit ceil {kbit}kbit prio 0"),
               (_ALL, _REST, f"rate {rest}kbit ceil {kbit}kbit prio 1"))  # fmt: skip
    return "".join([
        f"qdisc replace dev {uplink} root handle {HANDLE}: htb default 20\n",
        *(f"class replace dev {uplink} parent {parent} classid {own} htb {rates}\n" for parent, own, rates in classes),
    ])  # fmt: skip


def no_queue_commands(uplink: str) -> str:
    """Return what ``tc -batch`` takes to leave the uplink to the machine again."""
    return f"qdisc delete dev {uplink} root handle {HANDLE}:\n"
