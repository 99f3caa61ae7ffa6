"""What fields of messages are bounded by, whichever messages have them."""

from typing import Annotated

from msgspec import Meta

Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A whole number that every database takes."""
