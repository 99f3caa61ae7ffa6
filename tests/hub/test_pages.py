"""Lists come in pages: each goes on where the one before ended, and none is asked for more than it may give."""

import base64
import json
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute

from ringfence.hub.fleet import phones, sites
from ringfence.hub.people import app
from ringfence.hub.people.schemas import Items
from ringfence.phones.mac import Mac
from support.asked_statements import asked_statements
from support.running_hub import RunningHub

FIXED = {
    "/models", "/families/{family}/files", "/settings/catalogue", "/phones/{mac}/lines",
    "/phones/{mac}/settings", "/phones/{mac}/explain", "/api-tokens",
}  # fmt: skip
"""Lists that do not grow with the fleet."""


def every_item(running: RunningHub, path: str, limit: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    cursor = ""
    while True:
        joint = "&" if "?" in path else "?"
        page = running.do("GET", f"{path}{joint}limit={limit}&cursor={quote(cursor)}")
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = page["next"]


def test_every_list_that_grows_has_pages() -> None:
    lists = [
        route
        for part in app._PARTS
        for route in part.router.routes
        if isinstance(route, APIRoute)
        and "GET" in (route.methods or ())
        and isinstance(route.response_model, type)
        and issubclass(route.response_model, Items)
        and not route.path.startswith("/settings/")
    ]
    assert len(lists) > 15
    for route in lists:
        names = {field.name for dependency in route.dependant.dependencies for field in dependency.query_params}
        assert {"limit", "cursor"} <= names or route.path in FIXED, route.path


@pytest.fixture(scope="module")
def fleet(running: RunningHub) -> str:
    """A site with seven phones, one of many sites, with some history."""
    for number in range(7):
        site = running.site(f"Paged {number:02}")
        running.phone(site, f"00:1B:54:C2:BA:{number:02X}", label=f"Label {number}")
    running.publish()
    return site


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/phones", "mac"),
        ("/phones/status", "mac"),
        ("/phones/orders", "mac"),
        ("/sites", "id"),
        ("/sites?search=PAGED", "id"),
        ("/audit", "id"),
        ("/groups", "id"),
    ],
)
def test_pages_together_are_the_whole_list_in_the_same_order(
    running: RunningHub, fleet: str, path: str, key: str
) -> None:
    whole = running.do("GET", path + ("&" if "?" in path else "?") + "limit=5000")["items"]
    assert fleet
    for limit in (1, 3, 1000):
        assert [item[key] for item in every_item(running, path, limit)] == [item[key] for item in whole]


@pytest.mark.usefixtures("fleet")
def test_phones_are_found_by_address_description_number_and_label(running: RunningHub) -> None:
    running.do("PATCH", "/phones/001B54C2BA03", {"description": "Café, 100 %"})
    for search, macs in {
        "54:c2:ba:03": ["00:1B:54:C2:BA:03"],
        "sep001b54c2ba03": ["00:1B:54:C2:BA:03"],
        "café": ["00:1B:54:C2:BA:03"],
        "100 %": ["00:1B:54:C2:BA:03"],
        "label 4": ["00:1B:54:C2:BA:04"],
        "%": ["00:1B:54:C2:BA:03"],
        "nothing like it": [],
    }.items():
        found = running.do("GET", f"/phones?search={quote(search)}")["items"]
        assert [phone["mac"] for phone in found] == macs, search


@pytest.mark.parametrize(
    "values",
    [None, {}, [], [1], ["a", "b"], [True], [1e400], ["a\0"], [[["x"]]], [2**70]],
)
@pytest.mark.parametrize("path", ["/phones", "/sites", "/audit", "/edges", "/groups"])
def test_a_cursor_that_is_none_is_refused(running: RunningHub, path: str, values: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    answer = running.ask("GET", f"{path}?cursor={quote(cursor)}")
    if values != [1] or path not in {"/audit", "/groups"}:  # there it is one
        assert (answer.status, answer.json["kind"]) == (422, "bad-selection")
    for nonsense in ("!", "a" * 999, "e30"):
        assert running.ask("GET", f"{path}?cursor={nonsense}").status == 422


def test_a_site_is_made_without_reading_the_others(running: RunningHub, fleet: str) -> None:
    with asked_statements() as statements:
        running.do("POST", "/sites", {"name": "One more"})
    of_sites = [text for text, _parameters in statements if text.startswith("SELECT") and "FROM site" in text]
    assert of_sites
    assert all("WHERE" in text for text in of_sites)
    assert running.ask("POST", "/sites", {"name": "ONE MORE"}).json["kind"] == "site-taken"
    assert running.ask("PATCH", f"/sites/{fleet}", {"name": "one more"}).json["kind"] == "site-taken"


def test_sites_whose_names_have_no_letters_of_ids_are_made_without_counting_up(running: RunningHub) -> None:
    with running.hub.change("test") as change:
        made = [sites.create(change, running.hub.signers, name).id for name in map(chr, range(0x4E00, 0x4E00 + 40))]
    assert made[:2] == ["site", "site-2"]
    assert len(set(made)) == 40


def test_a_pages_cost_grows_with_its_sites_and_not_with_its_phones(running: RunningHub, fleet: str) -> None:
    with running.hub.change("test") as change:
        for number in range(20):
            phones.add(change, Mac(f"001B54C2BB{number:02X}"), fleet, "9971", "")
    with asked_statements() as for_one:
        running.do("GET", f"/phones/status?site={fleet}&limit=2")
    with asked_statements() as for_many:
        running.do("GET", f"/phones/status?site={fleet}&limit=1000")
    assert len(for_many) <= len(for_one)
