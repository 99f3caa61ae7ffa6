"""Which page of a list a request asks for."""

from typing import Annotated

from fastapi import Depends, Query

from ringfence.hub.store.pages import Page

LARGEST = 5000

_Cursor = Annotated[str, Query(max_length=1000, description="Where to go on: next of the page before")]


def _page(
    limit: Annotated[int, Query(ge=1, le=LARGEST, description="How many to return at most")] = 1000,
    cursor: _Cursor = "",
) -> Page:
    return Page(limit, cursor)


def _newest(
    limit: Annotated[int, Query(ge=1, le=LARGEST, description="How many to return at most, newest first")] = 100,
    cursor: _Cursor = "",
) -> Page:
    return Page(limit, cursor)


ThePage = Annotated[Page, Depends(_page)]
TheNewest = Annotated[Page, Depends(_newest)]
"""A page of what happened, of which people want the last."""
