"""Networks that edges stand in."""

from fastapi import APIRouter

from ringfence.hub.fleet.guard import edge_networks
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.guard.edge_networks import AcceptedEdgeView

router = APIRouter()


@router.post("/edges/{edge}/accept", tags=["guard"])
def accept_edge(edge: str, hub: TheHub, caller: TheCaller) -> AcceptedEdgeView:
    """Let an edge stand where it connects from; what it held back for that, it gives out again."""
    with hub.change(caller.name) as change:
        return AcceptedEdgeView(edge=edge, networks=edge_networks.accept(change, edge))
