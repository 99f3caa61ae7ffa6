"""The part of a site's state that edges keep for the hub (recovery/hub_memory.py)."""

import base64

from sqlalchemy.orm import Session

from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.release_models import HubMemoryRow
from ringfence.wire.messages import HubMemory


def compile_memory(session: Session, _edge: EdgeRow, _now: float, _held: str) -> HubMemory:
    """Return what every edge keeps."""
    row = session.get(HubMemoryRow, 1)
    return HubMemory(base64.b64encode(row.sealed).decode() if row is not None else "")
