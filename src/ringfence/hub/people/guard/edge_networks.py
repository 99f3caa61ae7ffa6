"""Networks that edges connect from."""

from fastapi import APIRouter

from ringfence.hub.fleet.guard import edge_networks
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.guard.edge_networks import AcceptedEdgeView

router = APIRouter()


@router.post("/edges/{edge}/accept", tags=["guard"])
def accept_edge(edge: str, hub: TheHub, caller: TheCaller) -> AcceptedEdgeView:
    """Accept the network that an edge connects from; it then serves the files that it held back."""
    with hub.change(caller.name) as change:
        return AcceptedEdgeView(edge=edge, networks=edge_networks.accept(change, edge))
