"""Schemas of the people's API: where edges may stand."""

from pydantic import BaseModel


class AcceptedEdgeView(BaseModel):
    """Networks that an edge may now connect from, and could not before."""

    edge: str
    networks: list[str]
