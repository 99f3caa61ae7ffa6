"""Edges' keys for phones that get their configuration by HTTPS."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.hub.fleet import edge_tls_keys, edges
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.edge_tls_keys import EdgeTlsKeyView, EdgeTlsView
from ringfence.hub.store.models import EdgeRow

router = APIRouter()


@router.get("/edges/{edge}/tls-key", tags=["edges"])
def show_edge_tls_key(edge: str, hub: TheHub, _caller: TheCaller) -> EdgeTlsView:
    """Show by which keys an edge meets phones that get their configuration by HTTPS."""
    with hub.database.reading() as session:
        return _view(session, edges.get(session, edge))


@router.post("/edges/{edge}/tls-key/renew", tags=["edges"])
def renew_edge_tls_key(edge: str, hub: TheHub, caller: TheCaller) -> EdgeTlsView:
    """Ask an edge for another key; it uses that once every phone of its site that comes by HTTPS knows it."""
    with hub.change(caller.name) as change:
        row = edges.get(change.session, edge)
        edge_tls_keys.renew(change, row)
        change.session.flush()
        return _view(change.session, row)


def _view(session: Session, row: EdgeRow) -> EdgeTlsView:
    keys = edge_tls_keys.of_edge(session, row.id)
    shown = [
        EdgeTlsKeyView(
            fingerprint=key.fingerprint, state=edge_tls_keys.EdgeKeyState(key.state), made_at=key.made_at,
            ends_at=key.ends_at, renew_asked_at=key.renew_asked_at,
        )
        for key in keys
    ]  # fmt: skip
    return EdgeTlsView(edge=row.id, site=row.site_id, keys=shown, sentence=edge_tls_keys.in_words(keys))
