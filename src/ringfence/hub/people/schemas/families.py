"""Schemas of the people's API: families of phones."""

from pydantic import BaseModel, Field


class ModelView(BaseModel):
    """One model of phone, and what is known about it."""

    name: str
    title: str
    family: str
    line_keys: int
    transports: list[str]
    tls_ceiling: str = Field(description="The newest TLS version that it supports; empty for none")
    http_first: bool | None = Field(description="Whether it tries HTTP before TFTP; null: not known")
    features: list[str]
    facts: dict[str, str] = Field(description="For each fact, how well it is known and its source")


class FamilyFileView(BaseModel):
    """One file that a family's phones get, with its built-in template."""

    family: str
    key: str
    name: str
    kind: str
    source: str
