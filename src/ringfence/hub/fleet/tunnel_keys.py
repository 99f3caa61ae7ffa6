"""Public keys of tunnels: each is one box's or one concentrator's, in the whole hub, whoever tells it first.

WireGuard finds a peer by its key. Whoever told another's key would take its place.
"""

import base64
import binascii

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ringfence.errors import PeerFault
from ringfence.hub.store.network_models import TunnelKeyRow

_KEY_BYTES = 32
_KEY_LETTERS = 44


def read(said: str) -> str:
    """Return a public key, or nothing where none is said.

    Raises:
        PeerFault: It is no key.
    """
    if not said:
        return ""
    try:
        if len(said) == _KEY_LETTERS and len(base64.b64decode(said, validate=True)) == _KEY_BYTES:
            return said
    except (binascii.Error, ValueError):
        pass
    raise PeerFault("a tunnel's public key is 32 bytes in base64, and this is not")


def claim(session: Session, *said: str, edge_id: str | None = None, concentrator_id: str | None = None) -> None:
    """Make keys those of a box or a concentrator, which has no other from now on; empty ones are none.

    Raises:
        PeerFault: One of them is another's.
    """
    keys = [key for key in dict.fromkeys(said) if key]
    for key in keys:
        there = session.get(TunnelKeyRow, key)
        if there is None:
            session.add(TunnelKeyRow(public_key=key, edge_id=edge_id, concentrator_id=concentrator_id))
        elif (there.edge_id, there.concentrator_id) != (edge_id, concentrator_id):
            raise PeerFault("this public key is another's", to_do="Make a key of its own.")
    its = TunnelKeyRow.edge_id == edge_id if edge_id else TunnelKeyRow.concentrator_id == concentrator_id
    session.execute(delete(TunnelKeyRow).where(its, TunnelKeyRow.public_key.not_in(keys)))
