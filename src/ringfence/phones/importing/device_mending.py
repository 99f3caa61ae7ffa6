"""What phones do without in a ``SEP<MAC>.cnf.xml`` and the importer does not: numbers, and one element of a name."""

from lxml import etree

from ringfence.phones.document import line_of
from ringfence.phones.importing.device_lines import LINES
from ringfence.phones.importing.element_paths import path_of
from ringfence.phones.importing.outcome import Fate, Remark

MEMBERS = "devicePool/callManagerGroup/members/member"


def mend(root: etree._Element, remarks: list[Remark]) -> None:
    """Give each line key a button and each server a priority, and drop the empty ones of elements stated twice."""
    _number_buttons(root, remarks)
    _number_members(root, remarks)
    _drop_empty_twins(root, remarks)


def _number_buttons(root: etree._Element, remarks: list[Remark]) -> None:
    """Give lines whose button is no number the one that their lineIndex names, or the first that is free."""
    nodes = root.findall(LINES)
    taken = {node.get("button", "").strip() for node in nodes}
    free = (str(button) for button in range(1, len(nodes) + len(taken) + 1) if str(button) not in taken)
    for node in nodes:
        said = node.get("button", "").strip()
        if _is_number(said):
            continue
        index = node.get("lineIndex", "").strip()
        button = index if _is_number(index) and index not in taken else next(free)
        taken.add(button)
        node.set("button", button)
        what = f"a line's button is {said[:20]!r}, which is no number" if said else "a line has no button"
        element = f"{LINES}[@button='{button}']"
        remarks.append(Remark(Fate.MENDED, element, f"{what}: it is taken for button {button}", line_of(node)))


def _number_members(root: etree._Element, remarks: list[Remark]) -> None:
    """Give servers without a priority the next one that is free."""
    nodes = root.findall(MEMBERS)
    taken = {node.get("priority", "").strip() for node in nodes}
    free = (str(priority) for priority in range(len(nodes) + len(taken)) if str(priority) not in taken)
    for node in nodes:
        if not node.get("priority", "").strip():
            priority = next(free)
            node.set("priority", priority)
            element = f"{MEMBERS}[@priority='{priority}']"
            what = f"a server has no priority: it is taken for {priority}"
            remarks.append(Remark(Fate.MENDED, element, what, line_of(node)))


def _drop_empty_twins(root: etree._Element, remarks: list[Remark]) -> None:
    """Drop an element that says nothing where its parent has another of that name."""
    for parent in list(root.iter(etree.Element)):
        nodes: dict[str, list[etree._Element]] = {}
        for node in parent:
            nodes.setdefault(str(node.tag), []).append(node)
        for tag, twins in nodes.items():
            empty = [node for node in twins if not len(node) and not node.attrib and not (node.text or "").strip()]
            for node in empty[: len(twins) - 1] if len(twins) > 1 else ():
                what = f"{tag} is stated twice, and one of them is empty: that one is left out"
                remarks.append(Remark(Fate.MENDED, path_of(node), what, line_of(node)))
                parent.remove(node)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
