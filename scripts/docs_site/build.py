"""Builds the documentation as a site, without a network: ``cd scripts && python -m docs_site.build [FOLDER]``."""

import logging
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs_site.reference import pages
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]
BESIDE = {"index.md": "README.md", "architecture.md": "ARCHITECTURE.md", "changelog.md": "CHANGELOG.md"}
"""Pages that are not in docs/, and the files that they are."""


def main() -> None:
    """Gather the pages, and build the site into a folder."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/docs"
    source = target.with_name(f"{target.name}-source")
    shutil.rmtree(source, ignore_errors=True)
    gather(source)
    config = load_config(
        str(Path(__file__).with_name("mkdocs.yml")), docs_dir=str(source.resolve()), site_dir=str(target.resolve())
    )
    config.nav = expanded(config.nav, source)
    build(config)
    folder = target.resolve()
    print(f"The documentation is in {folder}. To search in it, serve it: python -m http.server -d {folder}")


def gather(source: Path) -> None:
    """Write every page into a folder: what people wrote, and what is made from the code."""
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("man"))
    for name, file in BESIDE.items():
        shutil.copy(ROOT / file, source / name)
    decisions = sorted((source / "adr").glob("*.md"))
    listed = [f"- [{title_of(path)}]({path.name})" for path in decisions]
    (source / "adr/index.md").write_text("\n".join(["# Decisions", "", *listed, ""]))
    titles = {str(path.relative_to(source)): title_of(path) for path in sorted(source.rglob("*.md"))}
    for name in titles:
        path = source / name
        path.write_text(linked(path.read_text(), name, titles))
    for name, text in pages():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)


def expanded(nav: Any, source: Path) -> Any:  # noqa: ANN401 - lists and mappings, as deep as somebody writes them
    """Return the site's order with each folder, such as ``adr/``, as its pages; the index comes first."""
    match nav:
        case dict():
            return {title: expanded(under, source) for title, under in nav.items()}
        case list():
            return [expanded(each, source) for each in nav]
        case str() if nav.endswith("/"):
            return [
                f"{nav}index.md",
                *(f"{nav}{name}" for name in sorted(pages_in(source / nav)) if name != "index.md"),
            ]
        case _:
            return nav


def pages_in(folder: Path) -> list[str]:
    """Return the names of the pages of a folder."""
    return [path.name for path in folder.glob("*.md")]


def title_of(path: Path) -> str:
    """Return what a page calls itself."""
    found = re.search(r"^# (.+)$", path.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{path.name} has no title: a page begins with “# ”.")
    return found[1]


def linked(text: str, name: str, titles: Mapping[str, str]) -> str:
    """Return a page whose names of other pages lead to them."""
    up = "../" * name.count("/")

    def link(found: re.Match[str]) -> str:
        return f"[{titles[found[1]]}]({up}{found[1]})" if found[1] in titles else found[0]

    return re.sub(r"`docs/([\w/.-]+\.md)`", link, text)


if __name__ == "__main__":
    main()
