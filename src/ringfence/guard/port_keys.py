"""Whether the sender of a request is a phone that has proved its key at the port where the request came in (802.1X)."""

from collections.abc import Sequence

from ringfence.guard.evidence import FIRST_HOPS, OnTheWire, ProvedKey, Shown


def proved_key(wire: OnTheWire, shown: Sequence[Shown], ttl: int | None, *, needs_frames: bool) -> ProvedKey | None:
    """Return the key of who asks; None unless all that was seen of the request agrees with it.

    Args:
        wire: What was heard on the network, with the keys at this machine's ports.
        shown: What the neighbour tables show for the address that asks.
        ttl: The request's, if it is known.
        needs_frames: Whether a frame of the request must have been seen.
    """
    macs = {each.mac for each in shown} | {each.mac for each in wire.frames}
    links = {each.link for each in shown} | {each.link for each in wire.frames}
    key = next((each for each in wire.keys if macs == {each.mac}), None)
    if key is None or not shown or (needs_frames and not wire.frames):
        return None
    if not links <= set(key.links):
        return None
    hops = [each.ttl for each in wire.frames if each.ttl] + ([] if ttl is None else [ttl])
    return key if all(each in FIRST_HOPS for each in hops) else None
