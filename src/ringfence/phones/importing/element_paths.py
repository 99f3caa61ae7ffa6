"""A file's elements by their paths, as patches write them."""

from collections.abc import Iterator

from lxml import etree

_STAMPS = frozenset({"versionStamp"})
# Elements that the renderer derives from lines and settings, whatever they were.
_DERIVED = frozenset({"MissedCallLoggingOption"})
_BY_ATTRIBUTE = {"line": "button", "member": "priority"}
_BLOCK = frozenset({"authName", "authPassword", "lineIndex"})


def text_of(node: etree._Element, path: str) -> str:
    """Return the text of the element at a path below a node; empty if there is none."""
    return (node.findtext(path) or "").strip()


def is_derived(path: str) -> bool:
    """Return whether the renderer writes an element itself, whatever the file contains there."""
    return _tag(path) in _STAMPS | _DERIVED


def is_credential(path: str) -> bool:
    """Return whether an element is a part of a line's credential."""
    return path.startswith("sipProfile/sipLines/line[") and _tag(path) in _BLOCK


def texts_by_path(root: etree._Element) -> dict[str, str]:
    """Return the text of each element that holds no other, by its path as patches write it."""
    return dict(_leaves(root, ""))


def _leaves(node: etree._Element, path: str) -> Iterator[tuple[str, str]]:
    children = [child for child in node.iterchildren() if isinstance(child.tag, str)]
    counts: dict[str, int] = {}
    for child in children:
        counts[child.tag] = counts.get(child.tag, 0) + 1
        key = _BY_ATTRIBUTE.get(child.tag)
        value = child.get(key) if key else None
        step = child.tag
        if value is not None:
            step = f"{child.tag}[@{key}='{value}']"
        elif counts[child.tag] > 1:
            step = f"{child.tag}[{counts[child.tag]}]"
        yield from _leaves(child, f"{path}/{step}" if path else step)
    for name, value in ((str(raw), str(text)) for raw, text in node.attrib.items()):
        if path and _BY_ATTRIBUTE.get(node.tag) != name and name not in _BLOCK and not name.startswith("{"):
            yield f"{path}/@{name}", value
    if not children and path:
        yield path, (node.text or "").strip()


def _tag(path: str) -> str:
    return path.rpartition("/")[2].partition("[")[0]
