"""The documentation as a site: every page is in it, every link leads somewhere, and it asks no other host."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from ringfence.hub.data.config import HubConfig
from ringfence.phones.families import families
from support.command_line import command_tree, every_command

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page loads, where it leads, and the places in it that others may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.leads: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if where := has.get("href"):
            (self.leads if tag == "a" else self.loads).add(where)
        if where := has.get("src"):
            self.loads.add(where)
        self.places |= {has[name] or "" for name in ("id", "name") if name in has}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documentation") / "docs"
    command = [sys.executable, "-m", "docs_site.build", str(folder)]
    done = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    written = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert written <= {path.relative_to(site) for path in site.rglob("*.html")}


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 100
    for path, page in pages.items():
        for where in page.loads | page.leads:
            if re.match(r"https?:|mailto:", where):
                assert where not in page.loads, (path, where)
                continue
            file, place = urldefrag(where)
            target = (path.parent / unquote(file)).resolve() if file else path
            assert target.exists(), (path, where)
            if place and target in pages and place != "__comments":
                assert unquote(place) in pages[target].places, (path, where)


def test_the_reference_has_every_command_setting_and_model(site: Path) -> None:
    commands = "".join(path.read_text() for path in (site / "reference/commands").glob("*.html"))
    for words, _command in every_command(command_tree()):
        assert f">{' '.join(words)}<" in commands or f">ringfence {words[0]}<" in commands, words
    settings, models = ((site / f"reference/{name}.html").read_text() for name in ("settings", "models"))
    for family in families().values():
        assert all(f"<code>{name}</code>" in settings for name in family.settings), family.id
        assert all(f"<code>{name}</code>" in models for name in family.models), family.id
    toml = (site / "reference/hub-toml.html").read_text()
    assert all(f"<code>{name}</code>" in toml for name in HubConfig.model_fields)
    assert "<code>GET /api/v1/sites</code>" in (site / "reference/api.html").read_text()
