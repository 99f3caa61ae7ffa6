"""How edges keep what they hold."""

from fastapi import APIRouter

from ringfence.hub.fleet import edge_modes, edges
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.edge_modes import EdgeModeInput, EdgeModeView

router = APIRouter()


@router.get("/edges/{edge}/mode", tags=["edges"])
def show_edge_mode(edge: str, hub: TheHub, _caller: TheCaller) -> EdgeModeView:
    """Show how an edge is to keep its files, and how it says that it does."""
    with hub.database.reading() as session:
        row = edges.get(session, edge)
        return EdgeModeView(edge=row.id, mode=edge_modes.wanted(session, row.id), told=row.mode_told)


@router.put("/edges/{edge}/mode", tags=["edges"])
def put_edge_mode(edge: str, body: EdgeModeInput, hub: TheHub, caller: TheCaller) -> EdgeModeView:
    """Have an edge keep its files in the clear, or sealed with a key that it gets from the hub after each start."""
    with hub.change(caller.name) as change:
        row = edges.get(change.session, edge)
        edge_modes.put(change, hub.sealer, row, body.mode)
        return EdgeModeView(edge=row.id, mode=body.mode, told=row.mode_told)
