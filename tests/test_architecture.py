"""The map for newcomers names what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMES = re.compile(r"`([a-z_]+(?:/[A-Za-z0-9_*.]*)+|[a-z_]+\.(?:py|c|md))`")
PLACES = (ROOT, ROOT / "src" / "ringfence", ROOT / "src" / "ringfence" / "server", ROOT / "tests" / "hub")
PACKAGE = ROOT / "src" / "ringfence"
OF_A_KIND = {Path("hub/web"), Path("phones/families")}
"""Folders that hold one for each noun, or each family of phones."""
INVARIANT = re.compile(r"^Invariant: .*?(?=^Invariant: |^$|^## )", re.MULTILINE | re.DOTALL)
CHECKS = re.compile(r"`[^`]+`|import-linter|search for that word")


@pytest.mark.parametrize("name", sorted(set(NAMES.findall(PAGE))))
def test_every_path_that_the_map_names_is_there(name: str) -> None:
    is_of_a_room = "/" not in name.rstrip("/")  # named in the row of its package
    found = [list(place.glob(name.rstrip("/"))) for place in PLACES]
    found += [list((ROOT / "src" / "ringfence").rglob(name.rstrip("/")))] if is_of_a_room else []
    assert any(found), name


def test_every_folder_is_on_the_map() -> None:
    folders = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__"}
    unnamed = {path for path in folders if f"{path.name}/" not in PAGE and path.parent not in OF_A_KIND}
    assert {path for path in unnamed if path.name not in {"templates", "versions"}} == set()


def test_every_invariant_names_its_check() -> None:
    invariants = INVARIANT.findall(PAGE)
    assert len(invariants) > 30
    assert [text for text in invariants if CHECKS.search(text) is None] == []


def test_the_map_stays_a_map() -> None:
    assert len(PAGE.splitlines()) <= 250
