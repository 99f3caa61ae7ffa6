"""XML files in general: well-formed, not too large, and open to patches."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lxml import etree

from ringfence.phones.document import NotWellFormed, parse
from ringfence.phones.errors import BadPatch, ConfigurationRejected
from ringfence.phones.family import Model

# tag, tag[@attribute='value'], tag[n] and tag[@attribute='value'][n], with slashes between them, below the root.
_STEP = re.compile(
    r"(?P<tag>[A-Za-z_][\w.-]*)(?:\[@(?P<key>[A-Za-z_]\w*)='(?P<value>[\w .-]*)'\])?(?:\[(?P<at>[1-9]\d{0,2})\])?"
)
_ATTRIBUTE = re.compile(r"@[A-Za-z_][\w.-]*")
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class XmlFile:
    """An XML file whose content only its template decides; an empty ``root`` allows any root.

    ``most_bytes`` is what the phone reads of it.
    """

    root: str
    most_bytes: int = 0

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        return True

    def check(self, data: bytes, model: Model) -> None:
        """Check that the phone would take a file.

        Raises:
            NotWellFormed, ConfigurationRejected: It would not.
        """
        document = parse(data)
        if self.root and document.root.tag != self.root:
            raise NotWellFormed(f"its root is {document.root.tag!r}, not {self.root!r}", 1)
        if self.most_bytes and len(data) > self.most_bytes:
            raise ConfigurationRejected(
                f"the file has {len(data)} bytes, but {model.with_article} drops files of more than {self.most_bytes}",
                to_do="Shorten the list that it is made of.",
            )

    def check_patch(self, element: str) -> None:
        """Raise BadPatch where ``element`` can't be one here."""
        check_path(element)

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data`` with named elements set.

        Raises:
            BadPatch: A name can't be an element's.
        """
        return patched(data, patches)

    def leave_out(self, data: bytes, elements: Collection[str]) -> bytes:
        """Return ``data`` without the named elements."""
        return without(data, elements)


def check_path(path: str) -> list[re.Match[str]]:
    """Return the steps of a patch's path, such as ``vendorConfig/webAccess``; a last ``@attribute`` is left out.

    Raises:
        BadPatch: It is not a path.
    """
    inner, _slash, last = path.rpartition("/")
    texts = (inner if _ATTRIBUTE.fullmatch(last) else path).split("/")
    steps = [_STEP.fullmatch(step) for step in texts]
    found = [step for step in steps if step is not None]
    if len(found) != len(steps) or len(steps) > _DEEPEST:
        raise BadPatch(
            f"{path[:80]!r} does not name an element",
            to_do="Write it like vendorConfig/webAccess or sipProfile/sipLines/line[@button='1']/featureLabel.",
        )
    return found


def patched(data: bytes, patches: Mapping[str, str]) -> bytes:
    """Return a well-formed file with each named element's text, or attribute, set; missing elements are created.

    The names are paths below the root.

    Raises:
        NotWellFormed: ``data`` is not well-formed.
        BadPatch: A name is not a path, or does not name an element.
    """
    if not patches:
        return data
    root = parse(data).root
    for path in sorted(patches):
        node = root
        for step in check_path(path):
            node = _child(node, step)
        last = path.rpartition("/")[2]
        if last.startswith("@"):
            node.set(last[1:], patches[path])
            continue
        if len(node):
            raise BadPatch(f"{path} contains other elements, so its text can't be set", to_do="Name one inside it.")
        node.text = patches[path]
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def without(data: bytes, elements: Collection[str]) -> bytes:
    """Return a well-formed file without the named elements; a step without a key or count stands for all of its tag.

    What holds no other element afterwards goes too.

    Raises:
        NotWellFormed: ``data`` is not well-formed.
        BadPatch: A name is not a path.
    """
    if not elements:
        return data
    root = parse(data).root
    for path in elements:
        nodes = [root]
        for step in check_path(path):
            nodes = [child for node in nodes for child in _children(node, step)]
        for node in nodes:
            _remove(node)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _children(parent: etree._Element, step: re.Match[str]) -> list[etree._Element]:
    key = step["key"]
    found = [child for child in parent.iterchildren(step["tag"]) if key is None or child.get(key) == step["value"]]
    return found[int(step["at"]) - 1 : int(step["at"])] if step["at"] else found


def _remove(node: etree._Element) -> None:
    parent = node.getparent()
    if parent is None:
        return
    before = node.getprevious()
    if before is not None:
        before.tail = node.tail if node.getnext() is None else before.tail
    elif node.getnext() is None:
        parent.text = None
    parent.remove(node)
    if not len(parent) and not parent.attrib:
        _remove(parent)


def _child(parent: etree._Element, step: re.Match[str]) -> etree._Element:
    tag, key, at = step["tag"], step["key"], int(step["at"] or 1)
    found = [child for child in parent.iterchildren(tag) if key is None or child.get(key) == step["value"]]
    if len(found) >= at:
        return found[at - 1]
    made = etree.SubElement(parent, tag)
    if key is not None:
        made.set(key, step["value"])
    return made
