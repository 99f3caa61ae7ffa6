"""Which page of a list a request asks for."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from ringfence.hub.store.pages import Page

LARGEST = 5000

_Cursor = Annotated[str, Query(max_length=1000, description="Where to go on: next of the page before")]

LogSort = Annotated[
    Literal["when", "-when"], Query(description="when: the oldest first; -when, the default: the newest first")
]


def _page(
    limit: Annotated[int, Query(ge=1, le=LARGEST, description="How many to return at most")] = 1000,
    cursor: _Cursor = "",
) -> Page:
    return Page(limit, cursor)


def _newest(
    limit: Annotated[int, Query(ge=1, le=LARGEST, description="How many to return at most")] = 100,
    cursor: _Cursor = "",
    sort: LogSort = "-when",
) -> Page:
    return Page(limit, cursor, is_oldest_first=sort == "when")


ThePage = Annotated[Page, Depends(_page)]
TheNewest = Annotated[Page, Depends(_newest)]
"""A page of what happened, of which people want the last; or the first, where they say so."""
