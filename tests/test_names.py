"""A class's name is unique in the tree, so that a search for it finds one thing."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ringfence"


def _classes() -> dict[str, list[str]]:
    """Each name of a class at a module's top, public or private → the modules that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.relative_to(SOURCE).as_posix())
    return found


CLASSES = _classes()


@pytest.mark.parametrize("package", ["hub", "cli", "edge", "phones", "sim", "content", "identity", "archives"])
def test_a_packages_class_names_are_nobody_elses(package: str) -> None:
    twice = {
        name: places
        for name, places in CLASSES.items()
        if len(places) > 1 and any(place.startswith(f"{package}/") for place in places)
    }
    assert twice == {}
