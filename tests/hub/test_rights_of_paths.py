"""The right that a request needs is read from its path, before anything routes it: both must mean the same.

A router reads paths by its own rules. Where it leads a path to a handler whose own path asks for more than the
request's did, there is a way around the rights.
"""

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import compile_path

from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.errors import NothingHere, ScopeExceeded
from ringfence.hub.people import rights
from ringfence.hub.people.rights import Role
from ringfence.secret import Secret
from support.chosen_database import copied
from support.every_route import routes

Table = Sequence[tuple[str, str, re.Pattern[str]]]
"""Method, path and what it matches, of every route in their order."""
PARAMETER = re.compile(r"\{(\w+)(:path)?\}")
ROLES = [role for role in Role if role is not Role.OWNER]


LITERALS = sorted({segment for place in rights._PLACES for segment in place.split("/")} - {"", "*"})
"""Every fixed segment of a path that a right is given for, which a parameter may be, too."""
SEGMENTS = st.one_of(
    st.sampled_from(LITERALS),
    st.text(min_size=1, max_size=8),
    st.sampled_from(["..", ".", "%2F", "?", "#", ";", "a?b", "x\n", "x\r", "x\x85", "\u2028", " ", "\0", "a\\b"]),
)
SEVERAL = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
"""What a parameter that takes slashes may be."""
TAILS = ("", "/", "//", "\n", "\r\n", "/\n", "\r", "\x85", "\u2028", "\u2029", "?", "?x", "#", ";", " ", "\0", "/..")


def allowed(method: str, path: str) -> set[tuple[Role, bool]]:
    """The roles that may use a path, each without a limit (False) and limited to a part (True)."""
    found: set[tuple[Role, bool]] = set()
    for role in ROLES:
        for is_limited in (False, True):
            try:
                rights.check(role, method, path, is_limited=is_limited)
            except (ScopeExceeded, NothingHere):
                continue
            found.add((role, is_limited))
    return found


def led_to(table: Table, method: str, path: str) -> str | None:
    """The route that a router finds: the first one whose pattern the path matches."""
    return next((there for its, there, pattern in table if its == method and pattern.match(path)), None)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, made_hub: tuple[Path, Secret]) -> Table:
    path = copied(made_hub[0], tmp_path_factory.mktemp("routed") / "hub")
    with closing(open_hub(DataFolder(path))) as hub:
        return [(method, path, compile_path(path)[0]) for method, path in routes(hub)]


def holds(table: Table, method: str, path: str) -> None:
    there = led_to(table, method, path)
    if there is not None:
        assert allowed(method, path) <= allowed(method, PARAMETER.sub("1", there)), (method, path, there)


@pytest.mark.parametrize("tail", TAILS)
def test_nothing_behind_a_path_leads_to_a_handler_by_less_than_its_own_right(table: Table, tail: str) -> None:
    for method, template, _pattern in table:
        holds(table, method, PARAMETER.sub("1", template) + tail)


@settings(max_examples=1000)
@given(which=st.integers(0, 1 << 30), parts=st.lists(SEVERAL, min_size=4, max_size=4))
def test_no_parameter_leads_to_a_handler_by_less_than_its_own_right(table: Table, which: int, parts: list[str]) -> None:
    method, template, _pattern = table[which % len(table)]
    given = iter(parts)
    path = PARAMETER.sub(lambda found: next(given) if found[2] else next(given).split("/")[0], template)
    holds(table, method, path)
