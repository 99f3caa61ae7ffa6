"""Phones are found by a part of a text in any case, alike on both databases, and whatever the text is."""

import pytest

from ringfence.hub.core import Hub
from ringfence.hub.fleet import lines, phones
from ringfence.hub.fleet.lines import LineParts
from support.hub_on_database import ANNA, BEN

ANYWHERE = None
MARKS = r"100 % of_all /\ 'quoted'"


@pytest.fixture
def with_ben(hub: Hub) -> Hub:
    with hub.change("test") as change:
        phones.add(change, BEN, "anna", "9971", MARKS)
        change.session.flush()
        lines.put(change, hub.sealer, BEN, 1, LineParts(name="Ben.Smith", label="Reception"))
        lines.put(change, hub.sealer, BEN, 2, LineParts(name="room-2", label="100%"))
    return hub


@pytest.mark.parametrize("site", [ANYWHERE, "anna"])
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("BEN.SM", {BEN}),
        ("reception", {BEN}),
        ("20", {ANNA}),
        ("d0:02", {BEN}),
        ("9971", {ANNA, BEN}),
        ("ANNA", {ANNA, BEN}),
        ("%", {BEN}),
        ("_", {BEN}),
        ("/", {BEN}),
        ("\\", {BEN}),
        ("of_ALL", {BEN}),
        ("ofxall", set()),
        ("0 %%", set()),
        ("'quoted'", {BEN}),
        (MARKS, {BEN}),
        ("%' OR 1=1 --", set()),
    ],
)
def test_phones_are_found_by_a_part_of_a_text(with_ben: Hub, search: str, found: set[object], site: str | None) -> None:
    with with_ben.database.reading() as session:
        rows = session.scalars(phones.choose(session, site, search=search)).all()
    assert {row.mac for row in rows} == {mac.bare for mac in (ANNA, BEN) if mac in found}
