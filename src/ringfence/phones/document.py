"""A phone's XML file as both ends see it: parsed without trust, its limits kept."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from ringfence.phones.family import Limit

LARGEST_BYTES = 256 * 1024
"""A configuration is some 8 kB; what is thirty times that is not one."""

# No entities, no DTD, no network, no huge trees: the file may come from anywhere (STACK.md, templates).
_PARSER_OPTIONS: Mapping[str, bool] = {
    "resolve_entities": False,
    "no_network": True,
    "huge_tree": False,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "remove_blank_text": False,
}

# The parser repeats the place in its message; we say it ourselves, once.
_POSITION = re.compile(r",? line \d+, column \d+.*$", re.DOTALL)


class NotWellFormed(ValueError):  # noqa: N818 - reads as what happened
    """The bytes are not XML that phones should see; ``line`` and ``column`` count from 1, and are 0 if unknown."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        self.reason = reason
        self.line = line
        self.column = column
        super().__init__(reason, line, column)


@dataclass(frozen=True, slots=True)
class OverLimit:
    """An element whose text is too long."""

    element: str
    """Its name, and which line of the phone it belongs to."""
    line: int
    """The file's line that it begins on."""
    length: int
    limit: int


class TooLong(ValueError):  # noqa: N818 - reads as what happened
    """An element has more characters than may be written."""

    def __init__(self, over: OverLimit) -> None:
        self.over = over
        super().__init__(over)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its root, and every element with its tag and text, walked once."""

    root: etree._Element
    nodes: tuple[tuple[str, str, etree._Element], ...]


def parse(data: bytes) -> Document:
    """Return ``data`` parsed.

    A document type, comments and processing instructions are refused: no phone needs them, and some choke on them
    (PHONES.md section 4c).

    Raises:
        NotWellFormed: It is ill-formed, or holds what it may not; the error says where.
    """
    if len(data) > LARGEST_BYTES:
        raise NotWellFormed(f"the file has more than {LARGEST_BYTES} bytes, which is more than any phone's file has")
    # A parser for each call: one that has failed keeps its error log, and sharing one would lock threads out.
    parser = etree.XMLParser(**_PARSER_OPTIONS)  # type: ignore[arg-type]  # the stubs know each option by name only
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as fault:
        line, column = fault.position
        raise NotWellFormed(_POSITION.sub("", fault.msg or "not well-formed").strip(), line, column) from None
    doctype: str | None = getattr(root.getroottree().docinfo, "doctype", None)  # the stubs lack this one
    if doctype:
        raise NotWellFormed("a document type is not allowed", 1)
    for node in root.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity):
        raise NotWellFormed("comments, processing instructions and entities are not allowed", line_of(node))
    if root.getprevious() is not None or root.getnext() is not None:
        raise NotWellFormed("nothing may appear outside the device element", 1)
    nodes = tuple((node.tag, (node.text or "").strip(), node) for node in root.iter(etree.Element))
    return Document(root, nodes)


def parse_leniently(data: bytes) -> etree._Element:
    """Return the root of a file that people wrote: comments and a byte-order mark may be in it, no document type.

    Encodings other than UTF-8 are read as the file declares them.

    Raises:
        NotWellFormed: It is ill-formed; the error says where.
    """
    if len(data) > LARGEST_BYTES:
        raise NotWellFormed(f"the file has more than {LARGEST_BYTES} bytes, which is more than any phone's file has")
    parser = etree.XMLParser(**_PARSER_OPTIONS, remove_comments=True, remove_pis=True)  # type: ignore[arg-type] # as above
    try:
        root = etree.fromstring(data.lstrip(), parser)
    except etree.XMLSyntaxError as fault:
        line, column = fault.position
        raise NotWellFormed(_POSITION.sub("", fault.msg or "not well-formed").strip(), line, column) from None
    except ValueError as fault:
        raise NotWellFormed(str(fault)) from None
    if getattr(root.getroottree().docinfo, "doctype", None):
        raise NotWellFormed("a document type is not allowed", 1)
    return root


def line_of(element: etree._Element) -> int:
    """Return the line that ``element`` begins on, 0 if unknown."""
    line: object = element.sourceline
    return line if isinstance(line, int) else 0


def text_of(parent: etree._Element, path: str) -> str:
    """Return the text at ``path`` below ``parent``, empty if there is none."""
    return (parent.findtext(path) or "").strip()


def _name_of(element: etree._Element) -> str:
    parent = element.getparent()
    if parent is None or parent.tag != "line":
        return element.tag
    return f"{element.tag} of line {parent.get('button', '?')}"


def over_limits(document: Document, limits: Mapping[str, Limit], most: Callable[[Limit], int]) -> Iterator[OverLimit]:
    """Yield each element that is longer than its limit, in document order."""
    limited = {key.rpartition("/")[2] for key in limits}
    for tag, text, element in document.nodes:
        if tag not in limited or not text:
            continue
        limit = limits.get(tag)
        if limit is None:
            parent = element.getparent()
            limit = limits.get(f"{parent.tag}/{tag}") if parent is not None else None
        if limit is not None and len(text) > most(limit):
            yield OverLimit(_name_of(element), line_of(element), len(text), most(limit))
