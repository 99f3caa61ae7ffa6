"""A file's elements by their paths, as patches write them."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from ringfence.phones.document import line_of

_BY_ATTRIBUTE = {"line": "button", "member": "priority", "addOnModule": "idx"}
_DERIVED_ATTRIBUTES = frozenset({"lineIndex"})


@dataclass(frozen=True, slots=True)
class TextAt:
    """What an element or an attribute says, and the file's line."""

    text: str
    line: int


def text_of(node: etree._Element, path: str) -> str:
    """Return the text of the element at a path below a node; empty if there is none."""
    return (node.findtext(path) or "").strip()


def texts_by_path(root: etree._Element) -> dict[str, str]:
    """Return the text of each element that holds no other, by its path as patches write it."""
    return {path: at.text for path, at in places(root).items()}


def places(root: etree._Element) -> dict[str, TextAt]:
    """Return what each element that holds no other, and each attribute, says; by its path as patches write it."""
    return dict(_leaves(root, ""))


def tag_of(path: str) -> str:
    """Return the last step of a path without its key and count."""
    return path.rpartition("/")[2].partition("[")[0]


def path_of(node: etree._Element) -> str:
    """Return an element's path as patches write it, as if none of its name came before it."""
    steps = [_step(each) for each in (node, *node.iterancestors())]
    return "/".join(reversed(steps[:-1]))


def _step(node: etree._Element) -> str:
    key = _BY_ATTRIBUTE.get(node.tag)
    value = node.get(key) if key else None
    return str(node.tag) if value is None else f"{node.tag}[@{key}='{value}']"


def _leaves(node: etree._Element, path: str) -> Iterator[tuple[str, TextAt]]:
    children = [child for child in node.iterchildren() if isinstance(child.tag, str)]
    counts: dict[str, int] = {}
    for child in children:
        step = _step(child)
        counts[step] = counts.get(step, 0) + 1
        if counts[step] > 1:
            step = f"{step}[{counts[step]}]"
        yield from _leaves(child, f"{path}/{step}" if path else step)
    for name, value in ((str(raw), str(text)) for raw, text in node.attrib.items()):
        if path and _BY_ATTRIBUTE.get(node.tag) != name and name not in _DERIVED_ATTRIBUTES:
            yield f"{path}/@{name}", TextAt(value.strip(), line_of(node))
    if not children and path:
        yield path, TextAt((node.text or "").strip(), line_of(node))
