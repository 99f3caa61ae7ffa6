"""The pictures of the administrators' guide: each page is opened and photographed anew, and the guide shows them all.

``UPDATE_GOLDENS=1`` puts the new pictures in the place of the old ones, in ``docs/images``.
"""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from ringfence.wire import paths
from ringfence.wire.messages import Report, ReportBatch
from support.running_hub import RunningHub
from web.conftest import SHOTS, Person

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "administrators.md").read_text(encoding="utf-8")
PICTURES = {
    "overview": ("/", "Overview"),
    "join": ("/sites/workshop/tokens/{token}", "Workshop"),
    "phone": ("/phones/00:1B:54:C2:0D:01", "Reception"),
    "setting": ("/phones/00:1B:54:C2:0D:01/settings/time_zone", "time_zone"),
    "draft": ("/drafts/{draft}/preview", "What New labels changes"),
    "rollout": ("/rollouts/{rollout}", "Summer firmware"),
    "audit": ("/audit", "Audit"),
}
"""Name → the page, and what its heading says."""
WIDTH, HEIGHT = 1100, 720
COLOURS = 64
MACS = [f"00:1B:54:C2:0D:{number:02}" for number in range(1, 7)]


@pytest.fixture(scope="module")
def office(running: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A small company: an office and two homes, one of which waits for its edge."""
    do = running.do
    do("PATCH", "/organisations/main", {"name": "Example & Sons"})
    homes = ["Head office", "Anna at home", "Workshop"]
    office, anna, _workshop = [do("POST", "/sites", {"name": name})["id"] for name in homes]
    names = ["Reception", "Ben", "Carla", "Meeting room", "Dora", "Anna"]
    for mac, name, number in zip(MACS, names, range(201, 207), strict=True):
        site = anna if name == "Anna" else office
        do("POST", "/phones", {"mac": mac, "site": site, "model": "9971", "description": name})
        do("PUT", f"/phones/{mac}/lines/1", {"name": str(number), "label": name, "display_name": name})
    do("PUT", "/settings/organisation/time_zone", {"value": "Europe/Berlin"})
    running.publish(sites=[office, anna])
    edges = [running.enrol(site, tmp_path_factory.mktemp("edge")) for site in (office, anna)]
    now = running.clock()
    took = [
        Report(
            number, now - 60 + number, "file-served", "The phone took its configuration.", release=1,
            name=f"SEP{mac.replace(':', '')}.cnf.xml", owner=mac.replace(":", ""), peer=f"192.0.2.{number}",
        )
        for number, mac in enumerate(MACS[:5], 1)
    ]  # fmt: skip
    assert edges[0].post(paths.REPORTS, ReportBatch(tuple(took), 0)).status == 200
    draft = do("POST", "/drafts", {"name": "New labels", "shared": True})["id"]
    for mac, label in zip(MACS[:2], ("Front desk", "Ben K."), strict=True):
        answer = running.ask("PUT", f"/phones/{mac}/lines/1", {"label": label}, headers={"Ringfence-Draft": draft})
        assert answer.status < 300
    do("PUT", "/settings/organisation/sip_server", {"value": "pbx.example.org"})
    night = int(now // 3600) + 12
    hours = f"{night % 24:02}:00-{(night + 1) % 24:02}:00"
    rollout = do("POST", "/rollouts", {"name": "Summer firmware", "hours": hours})["id"]
    token = do("POST", "/sites/workshop/tokens")["id"]
    yield {"token": token, "draft": draft, "rollout": rollout}
    for edge in edges:
        edge.pool.close()


def test_the_guide_shows_every_picture_that_is_made() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(images/([a-z-]+)\.png\)", GUIDE)
    assert sorted(shown) == sorted(PICTURES)
    for name in PICTURES:
        with Image.open(DOCS / "images" / f"{name}.png") as picture:
            assert picture.size == (WIDTH, HEIGHT), name


@pytest.mark.slow
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("name", PICTURES)
def test_a_page_of_the_guide_is_as_the_guide_says(owner: Person, office: dict[str, str], name: str) -> None:
    path, heading = PICTURES[name]
    owner.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    owner.go(path.format(**office))
    expect(owner.page.locator("h1")).to_contain_text(heading)
    folder = DOCS / "images" if os.environ.get("UPDATE_GOLDENS") == "1" else SHOTS / "guide"
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(owner.page.screenshot())) as picture:
        picture.convert("RGB").quantize(COLOURS).save(folder / f"{name}.png", optimize=True)
