"""The people's API in words: uploads."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input


class UploadReference(Input):
    """A file whose bytes were uploaded."""

    name: str = Field(max_length=128)
    digest: str = Field(description="SHA-256")
    length: int = Field(ge=0, description="Bytes")


class UploadView(BaseModel):
    """Whether a file's bytes are at the hub."""

    here: bool
