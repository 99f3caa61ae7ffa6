"""XML that people and other programs wrote for phones, read as phones read it, with what had to be mended.

Phones take undeclared prefixes, comments with ``--`` in them, and Latin letters without a declaration (PHONES.md
section 13). The line numbers of what comes out are those of the file.
"""

import re
from dataclasses import dataclass

from lxml import etree

from ringfence.phones.document import NotWellFormed, line_of, parse_leniently
from ringfence.phones.importing.outcome import Fate, Remark

LARGEST_BYTES = 256 * 1024
_MOST_PREFIXES = 20
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_DOCTYPE = re.compile(r"<!DOCTYPE\s+[\w:.-]+\s*(?:(?:SYSTEM|PUBLIC)[^\[>]{0,300})?>")
_PREFIX = re.compile(r"[Pp]refix ([\w.-]{1,60}) ")
_ROOT = re.compile(r"<[A-Za-z_][\w.:-]*")
_SIGNED = b"\x01\x00\x02"
"""How the header of a signed file begins (PHONES.md section 5.1)."""
_WITHOUT_MARK = {b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}
_BY_MARK = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class LenientXml:
    """A file's root, with plain tags, and what had to be mended or was passed over."""

    root: etree._Element
    remarks: tuple[Remark, ...]


def read_lenient_xml(data: bytes) -> LenientXml:
    """Return a file that people wrote, parsed.

    Raises:
        NotWellFormed: No phone could read it; the error says where.
    """
    if len(data) > LARGEST_BYTES:
        raise NotWellFormed(f"the file has more than {LARGEST_BYTES} bytes, which is more than any phone's file has")
    remarks: list[Remark] = []
    text = _decoded(data, remarks).rstrip("\x00\x1a \t\r\n")
    text = _DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text, count=1)
    text, comments = _without_comments(text)
    if comments:
        remarks.append(Remark(Fate.NOTE, "", f"{comments} comment{'s' if comments > 1 else ''} left out"))
    text, doctypes = _DOCTYPE.subn(_blank, text, count=1)
    if doctypes:
        remarks.append(Remark(Fate.MENDED, "", "its document type is left out: phones need none"))
    root = _parsed(text, remarks)
    _plain(root, remarks)
    return LenientXml(root, tuple(remarks))


def _decoded(data: bytes, remarks: list[Remark]) -> str:
    for mark, encoding in _BY_MARK:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise NotWellFormed(f"it begins as {encoding} and is not") from None
    if data[:3] == _SIGNED:
        raise NotWellFormed("it begins with a signature: import the file that was signed")
    if data[:2] in _WITHOUT_MARK:
        return data.decode(_WITHOUT_MARK[data[:2]], "replace")
    declared = _DECLARED.match(data)
    said = declared[1].decode() if declared else "utf-8"
    try:
        return data.decode(said if said.lower() not in {"utf-16", "utf16"} else "utf-8")
    except (UnicodeDecodeError, LookupError):
        text = data.decode("cp1252", "replace")
    remarks.append(Remark(Fate.MENDED, "", f"it is not {said.upper()}, so it is read as Windows-1252 (Latin-1)"))
    return text


def _without_comments(text: str) -> tuple[str, int]:
    """Return a text without its comments, and how many there were; one that does not end stays."""
    parts: list[str] = []
    at, count = 0, 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts += [text[at:start], "\n" * text.count("\n", start, end)]
        at, count = end + 3, count + 1
    return "".join([*parts, text[at:]]), count


def _blank(found: re.Match[str]) -> str:
    """Return as many lines as a passage has, so that what follows stays on its line."""
    return "\n" * found[0].count("\n")


def _parsed(text: str, remarks: list[Remark]) -> etree._Element:
    undeclared: list[str] = []
    for _attempt in range(_MOST_PREFIXES):
        try:
            root = parse_leniently_keeping_lines(text)
        except NotWellFormed as fault:
            prefix = _PREFIX.search(fault.reason)
            start = _ROOT.search(text)
            if prefix is None or start is None or prefix[1] in undeclared or "not defined" not in fault.reason:
                raise
            undeclared.append(prefix[1])
            text = f'{text[: start.end()]} xmlns:{prefix[1]}="urn:undeclared:{prefix[1]}"{text[start.end() :]}'
            continue
        if undeclared:
            names = ", ".join(undeclared)
            remarks.append(Remark(Fate.MENDED, "", f"the prefix {names} is not declared: what has it is left out"))
        return root
    raise NotWellFormed(f"more than {_MOST_PREFIXES} prefixes are not declared")


def parse_leniently_keeping_lines(text: str) -> etree._Element:
    """Return the root of a text, whose lines count from its first character."""
    lead = len(text) - len(text.lstrip())
    skipped = text[:lead].count("\n")
    try:
        root = parse_leniently(text.encode())
    except NotWellFormed as fault:
        raise NotWellFormed(fault.reason, fault.line + skipped if fault.line else 0, fault.column) from None
    if skipped:
        for node in root.iter(etree.Element):
            node.sourceline = line_of(node) + skipped  # type: ignore[assignment]  # the stubs know a setter of another type
    return root


def _plain(root: etree._Element, remarks: list[Remark]) -> None:
    """Give all elements plain tags, and drop attributes with a namespace."""
    dropped: set[str] = set()
    for node in root.iter(etree.Element):
        name = etree.QName(node)
        if name.namespace:
            node.tag = name.localname
        for raw in [str(key) for key in node.attrib]:
            if raw.startswith("{"):
                dropped.add(raw.rpartition("}")[2])
                del node.attrib[raw]
    if dropped:
        listed = ", ".join(sorted(dropped))
        remarks.append(Remark(Fate.LOST, "", f"the attribute {listed}, which says nothing to phones, is left out"))
