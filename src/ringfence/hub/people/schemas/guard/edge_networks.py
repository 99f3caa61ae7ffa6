"""The people's API in words: where edges may stand."""

from pydantic import BaseModel


class AcceptedEdgeView(BaseModel):
    """Where an edge may stand from now on, and might not before."""

    edge: str
    networks: list[str]
