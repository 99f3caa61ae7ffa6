"""A class's name is unique in the tree, so that a search for it finds one thing."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "ringfence"


def _classes() -> dict[str, list[str]]:
    """Each name of a class at a module's top, public or private → the modules that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.relative_to(SOURCE).as_posix())
    return found


def test_a_classs_name_is_unique_in_the_tree() -> None:
    assert {name: places for name, places in _classes().items() if len(places) > 1} == {}
