"""The people's API in words: who asks."""

from pydantic import BaseModel, Field


class CallerView(BaseModel):
    """Whom the hub takes the caller for."""

    id: str
    name: str
    hub: str = Field(description="The hub's name")
    version: str = Field(description="The hub's version")
