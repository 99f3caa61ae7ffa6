"""Schemas of the people's API: the hub's own keys."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class HubKeyView(BaseModel):
    """A key of the hub; nothing of the key itself."""

    key: str = Field(description="What it is called, as in `ringfence hub keys rotate KEY`")
    meaning: str
    algorithm: str
    fingerprint: str = Field(description="What names it; empty where nothing does")
    kept_in: str = Field(description="The file, below the hub's data folder")
    made_at: UnixSeconds | None
    ends_at: UnixSeconds | None = Field(description="When it ends, or the first of what it has signed; null for never")
    waiting: int = Field(description="How many sites or sealed values do not follow the newest key yet")
    next_step: str = Field(description="What is done with it next, and by whom")
    problem: str = Field(description="What a person has to do, in words; empty for nothing")


class HubKeyRotation(Input):
    """How a key is changed."""

    alone: bool = Field(default=False, description="Whether no other process of the hub runs with a copy of its keys")


class HubKeyRetirement(Input):
    """How sealing keys are retired."""

    leave_broken: bool = Field(default=False, description="Whether values that no key opens may stay as they are")


class HubKeysRetired(BaseModel):
    """How many keys are gone."""

    retired: int
