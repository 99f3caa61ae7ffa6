"""Schemas of the people's API: uploads."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input


class UploadReference(Input):
    """An uploaded file."""

    name: str = Field(max_length=128)
    digest: str = Field(description="SHA-256")
    length: int = Field(ge=0, description="Bytes")


class UploadView(BaseModel):
    """Whether the hub has a file's bytes."""

    here: bool
