"""Schemas of the people's API: the audit log."""

from typing import Any

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import UnixSeconds

Values = dict[str, Any]
"""Any: what is told of values of any type, or of those that are too long or secret (store/told_values.py)."""


class AuditedRowView(BaseModel):
    """A row that was changed, with the columns that were."""

    table: str
    key: Values
    before: Values | None = Field(description="null where there was no row; secrets are {secret: whether there is one}")
    after: Values | None = Field(description="null where there is no row any more; long texts are length and sha256")
    diff: dict[str, str] = Field(default={}, description="How long texts were changed, by column")


class AuditEntryView(BaseModel):
    """One entry of the audit log: who did what to what."""

    id: int
    at: UnixSeconds
    who: str
    token: str = Field(description="The id of the API token that it was done with; empty if with none")
    address: str = Field(description="Where the request came from; empty if it was none")
    action: str
    object: str
    detail: str
    rows: list[AuditedRowView] = Field(description="What was before and after")
    more_rows: int = Field(description="How many changes of further rows are not told, because they are too many")
    chain: str = Field(description="The SHA-256 of the entry and of the one before")


class AuditCheckView(BaseModel):
    """Whether an audit log is whole."""

    entries: int = Field(description="How many fit, from the first")
    head: str = Field(description="The newest entry's NUMBER:DIGEST, to be written down elsewhere; empty if none")
    is_whole: bool
    first_broken: int | None = Field(description="The number of the first entry that does not fit")
    why: str = Field(description="What that means; of a whole log, what the head of before does not show")
