"""The people's API in words: models, groups and templates."""

from pydantic import BaseModel, ConfigDict, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewGroup(Input):
    """A group to make."""

    name: str = Field(examples=["Reception"])


class GroupView(BaseModel):
    """Phones that share settings wherever they stand."""

    id: str
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="How many are in it")


class ModelView(BaseModel):
    """One model of phone, and what is known of it."""

    name: str
    title: str
    family: str
    line_keys: int
    transports: list[str]
    tls_ceiling: str = Field(description="The newest TLS that it speaks; empty for none")
    http_first: bool | None = Field(description="Whether it asks by HTTP before TFTP; null: not known")
    features: list[str]
    facts: dict[str, str] = Field(description="How well each is known, and from where")


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


class FamilyFileView(BaseModel):
    """One file that a family's phones get, with its built-in template."""

    family: str
    key: str
    name: str
    kind: str
    source: str
