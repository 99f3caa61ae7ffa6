"""Schemas of the people's API: how edges keep what they hold."""

from pydantic import BaseModel, Field

from ringfence.hub.fleet.edge_modes import WantedMode
from ringfence.hub.people.schemas import Input

_SEALED = "sealed: the key is in the edge's memory alone, and it gets it from the hub after each start; else open"


class EdgeModeView(BaseModel):
    """How an edge keeps its files."""

    edge: str
    mode: WantedMode = Field(description=_SEALED)
    told: str = Field(description="What it says: open, sealed, locked while it waits for the key; empty before it did")


class EdgeModeInput(Input):
    """How an edge is to keep its files."""

    mode: WantedMode = Field(description=_SEALED)
