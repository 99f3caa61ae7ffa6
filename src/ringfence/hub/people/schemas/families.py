"""The people's API in words: families of phones."""

from pydantic import BaseModel, Field


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


class FamilyFileView(BaseModel):
    """One file that a family's phones get, with its built-in template."""

    family: str
    key: str
    name: str
    kind: str
    source: str
