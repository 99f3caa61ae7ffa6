"""The people's API in words: templates."""

from pydantic import BaseModel, ConfigDict, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewTemplate(Input):
    """A template."""

    model_config = ConfigDict(extra="forbid", str_max_length=300_000)

    source: str


class TemplateView(BaseModel):
    """A template of the operator's own."""

    family: str
    name: str = Field(description="The file's key in its family, or a further file's name")
    source: str
    changed_at: UnixSeconds
    changed_by: str
