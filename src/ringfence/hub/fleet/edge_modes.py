"""How edges keep what they hold: in the clear, or sealed with a key that the hub gives them after each start."""

import base64
import secrets
from typing import Literal

from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import EdgeIsRevoked
from ringfence.hub.store import edits
from ringfence.hub.store.change import Change
from ringfence.hub.store.edge_mode_models import EdgeModeRow
from ringfence.hub.store.models import EdgeRow
from ringfence.secret import Secret
from ringfence.wire.messages import StorageOrder

_KEY_BYTES = 32
WantedMode = Literal["open", "sealed"]


def wanted(session: Session, edge_id: str) -> WantedMode:
    """Return how an edge is to keep its files."""
    row = session.get(EdgeModeRow, edge_id)
    return "sealed" if row is not None and row.is_sealed else "open"


def put(change: Change, sealer: Sealer, edge: EdgeRow, mode: WantedMode) -> None:
    """Have an edge keep its files so from now on; it is told at once, or when it comes back.

    Raises:
        EdgeIsRevoked: It is revoked, and hears nothing any more.
    """
    if edge.revoked_at is not None:
        raise EdgeIsRevoked(f"edge {edge.id} is revoked", to_do="Enrol it again with a new token.")
    if wanted(change.session, edge.id) == mode:
        return
    row = change.session.get(EdgeModeRow, edge.id)
    if row is None:
        row = EdgeModeRow(edge_id=edge.id, site_id=edge.site_id, is_sealed=True, changed_at=change.now)
        key = Secret(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
        row.sealed_key = sealer.seal(key, _record(edge.id))
        change.session.add(row)
    row.is_sealed, row.changed_at = mode == "sealed", change.now
    change.note("edge.mode", edge.id, mode)
    edits.tell_guards(change.session, [edge.site_id])


def compile_order(session: Session, sealer: Sealer, edge: EdgeRow, held: str) -> StorageOrder | None:
    """Return what an edge is told of it; None for one that never had to seal anything.

    One that is ``held`` back gets no key: it may stand at a thief's.
    """
    row = session.get(EdgeModeRow, edge.id)
    if row is None:
        return None
    key = Secret("") if held or row.sealed_key is None else sealer.open(row.sealed_key, _record(edge.id))
    return StorageOrder(row.is_sealed, key)


def forget_key(session: Session, edge_id: str) -> None:
    """Delete the key of an edge, which opens for nobody then what it holds."""
    row = session.get(EdgeModeRow, edge_id)
    if row is not None:
        row.sealed_key = None


def _record(edge_id: str) -> str:
    return f"edge-mode:{edge_id}"
