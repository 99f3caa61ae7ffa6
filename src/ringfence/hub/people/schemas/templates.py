"""Schemas of the people's API: templates."""

from pydantic import BaseModel, ConfigDict, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewTemplate(Input):
    """A template."""

    model_config = ConfigDict(extra="forbid", str_max_length=300_000)

    source: str


class TemplateView(BaseModel):
    """A template of the operator's own."""

    family: str
    name: str = Field(description="The file's key in its family, or the name of an additional file")
    source: str
    changed_at: UnixSeconds
    changed_by: str
