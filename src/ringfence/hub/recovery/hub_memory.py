"""What edges keep for the hub: which of them it has revoked, so that a copy from before brings none of them back.

The text is sealed with a key of the hub. An edge can hand back what it was given, or an older one; it can neither read
nor make any. As revocations are never taken back, an older one does no harm.
"""

import base64
import binascii
import json

from sqlalchemy import select

from ringfence.hub import logs
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.fleet import edges
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.release_models import HubMemoryRow
from ringfence.secret import Secret

LONGEST = 1 << 20
_RECORD = "hub memory"
_REMEMBERED_S = 5 * 365 * 86_400
_TOLD_AT_ONCE = 50
"""How many sites' edges are told at once; the others learn it when they next ask for their state."""

_log = logs.get("recovery")


def note(change: Change, sealer: Sealer) -> None:
    """Write down anew which edges are revoked; called in the transaction that revokes one."""
    session = change.session
    session.flush()
    revoked = select(EdgeRow.id, EdgeRow.wipe, EdgeRow.keeps_serving).where(
        EdgeRow.revoked_at.is_not(None), EdgeRow.revoked_at > change.now - _REMEMBERED_S
    )
    rows = [[edge_id, wipe, keeps] for edge_id, wipe, keeps in session.execute(revoked.order_by(EdgeRow.id))]
    sealed = sealer.seal(Secret(json.dumps({"revoked": rows})), _RECORD)
    row = session.get(HubMemoryRow, 1)
    if row is None:
        session.add(HubMemoryRow(id=1, sealed=sealed))
    else:
        row.sealed = sealed
    seen_last = select(EdgeRow.site_id).where(EdgeRow.revoked_at.is_(None)).order_by(EdgeRow.last_seen_at.desc())
    for site in session.scalars(select(SiteRow).where(SiteRow.id.in_(seen_last.limit(_TOLD_AT_ONCE)))):
        site.guard_version += 1


def recall(change: Change, sealer: Sealer, text: str) -> list[str]:
    """Revoke again the edges that a text from an edge names and that are let in now; return them.

    A text that this hub did not make is passed over.
    """
    if not text or len(text) > LONGEST:
        return []
    try:
        told = json.loads(sealer.open(base64.b64decode(text, validate=True), _RECORD).reveal())
    except (binascii.Error, ValueError, SealBroken):
        _log.warning("an edge handed back a memory that this hub did not give it", edge=change.who)
        return []
    again = []
    for edge_id, wipe, keeps in told["revoked"]:
        edge = change.session.get(EdgeRow, edge_id)
        if edge is not None and edge.revoked_at is None:
            edges.revoke(change, edge_id, wipe=wipe, keeps_serving=keeps)
            again.append(edge_id)
    if again:
        note(change, sealer)
    return again
