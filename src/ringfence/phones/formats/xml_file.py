"""XML files in general: well-formed, not too large, and open to patches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from ringfence.phones.document import NotWellFormed, parse
from ringfence.phones.errors import BadPatch, ConfigurationRejected
from ringfence.phones.family import Model

# tag, tag[@attribute='value'] and tag[n], with slashes between them, below the root.
_STEP = re.compile(
    r"(?P<tag>[A-Za-z_][\w.-]*)(?:\[(?:@(?P<key>[A-Za-z_]\w*)='(?P<value>[\w .-]*)'|(?P<at>[1-9]\d?))\])?"
)
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
                f"the file has {len(data)} bytes, but a {model.name} drops files of more than {self.most_bytes}",
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


def check_path(path: str) -> list[re.Match[str]]:
    """Return the steps of a patch's path, such as ``vendorConfig/webAccess``.

    Raises:
        BadPatch: It is not a path.
    """
    steps = [_STEP.fullmatch(step) for step in path.split("/")]
    found = [step for step in steps if step is not None]
    if len(found) != len(steps) or len(steps) > _DEEPEST:
        raise BadPatch(
            f"{path[:80]!r} does not name an element",
            to_do="Write it like vendorConfig/webAccess or sipProfile/sipLines/line[@button='1']/featureLabel.",
        )
    return found


def patched(data: bytes, patches: Mapping[str, str]) -> bytes:
    """Return a well-formed file with each named element's text set; missing elements are created.

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
        if len(node):
            raise BadPatch(f"{path} contains other elements, so its text can't be set", to_do="Name one inside it.")
        node.text = patches[path]
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _child(parent: etree._Element, step: re.Match[str]) -> etree._Element:
    tag, key, at = step["tag"], step["key"], int(step["at"] or 1)
    found = [child for child in parent.iterchildren(tag) if key is None or child.get(key) == step["value"]]
    if len(found) >= at:
        return found[at - 1]
    made = etree.SubElement(parent, tag)
    if key is not None:
        made.set(key, step["value"])
    return made
