"""The line keys of a file for Call Manager phones: SIP lines as accounts, other keys as rows of the table ``keys``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.cisco.key_settings import KEY_FEATURES, NEEDS_NUMBER
from ringfence.phones.document import line_of
from ringfence.phones.family import Model
from ringfence.phones.importing.element_paths import TextAt, text_of
from ringfence.phones.importing.outcome import Fate, Remark
from ringfence.phones.importing.setting_values import number_of, value_of
from ringfence.phones.rendering.render_input import LineAccount
from ringfence.phones.settings.types import Scope, Setting, Value
from ringfence.secret import Secret

LINES = "sipProfile/sipLines/line"
_LINE_FEATURE = "9"
_TWICE = frozenset({"blf-pickup", "secure-service"})
_FEATURE_KEYS = {number: name for name, number in KEY_FEATURES.items() if name not in _TWICE}


@dataclass(frozen=True, slots=True)
class LineKeys:
    """What a file's line keys are; ``rows`` are the table ``keys``.

    ``dead`` are the paths of lines without a name, which register nothing and are left out.
    """

    accounts: tuple[LineAccount, ...]
    rows: tuple[str, ...]
    dead: tuple[str, ...]
    remarks: tuple[Remark, ...]


def read_line_keys(root: etree._Element, model: Model, keys: int) -> LineKeys:
    """Return the lines and keys of a file; of several on one button the first is read, and others stay patches."""
    accounts: list[LineAccount] = []
    rows: list[str] = []
    dead: list[str] = []
    remarks: list[Remark] = []
    seen: dict[str, int] = {}
    table = model.settings["keys"]
    for node in root.iterfind(LINES):
        button = node.get("button", "")
        seen[button] = seen.get(button, 0) + 1
        path = f"{LINES}[@button='{button}']" + (f"[{seen[button]}]" if seen[button] > 1 else "")
        if text_of(node, "featureID") == _LINE_FEATURE and not text_of(node, "name"):
            dead.append(path)
            text = f"the line on button {button} has no name, so it registers nothing: left out"
            remarks.append(Remark(Fate.LOST, path, text, line_of(node)))
            continue
        if seen[button] > 1:
            text = f"button {button} is given twice: both are kept, the second as patches"
            remarks.append(Remark(Fate.NOTE, path, text, line_of(node)))
            continue
        number = number_of(button)
        if not 1 <= number <= keys:
            text = f"button {button!r} is beyond the {keys} keys of {model.with_article}: kept as patches"
            remarks.append(Remark(Fate.NOTE, path, text, line_of(node)))
        elif text_of(node, "featureID") == _LINE_FEATURE:
            accounts.append(_account(node, number))
        elif row := _row(node, button, table):
            rows.append(row)
    return LineKeys(tuple(accounts), tuple(rows), tuple(dead), tuple(remarks))


def _account(node: etree._Element, number: int) -> LineAccount:
    return LineAccount(
        number,
        text_of(node, "featureLabel"),
        text_of(node, "name"),
        text_of(node, "displayName"),
        text_of(node, "authName"),
        Secret(text_of(node, "authPassword")),
    )


def _row(node: etree._Element, button: str, table: Setting) -> str:
    """Return a key as a row of the table; empty if the table can't hold it."""
    feature = text_of(node, "featureID")
    does = _FEATURE_KEYS.get(number_of(feature))
    if does is None:
        return ""
    number = text_of(node, "speedDialNumber")
    if does == "blf" and text_of(node, "featureOptionMask") == "1":
        does = "blf-pickup"
    elif does == "intercom":
        number = text_of(node, "name")
    elif does == "service":
        secure = text_of(node, "secureServiceURI")
        does, number = ("secure-service", secure) if secure else (does, text_of(node, "serviceURI"))
    cells = (button, does, text_of(node, "featureLabel"), number)
    if any(set(";|\n") & set(cell) for cell in cells) or (does in NEEDS_NUMBER and not number):
        return ""
    row = " | ".join(cells)
    try:
        table.check(row)
    except BadInput:
        return ""
    return row


def with_own_settings(
    found: Mapping[str, TextAt], model: Model, accounts: Sequence[LineAccount], missed_calls: str
) -> tuple[dict[str, Value], list[LineAccount]]:
    """Return the settings that all lines share, and the lines with those of their own.

    Args:
        found: The file's texts by path.
        model: The phone's model.
        accounts: The lines.
        missed_calls: A 0 or 1 for each line: whether its missed calls are listed.
    """
    said: dict[int, dict[str, Value]] = {account.index: {} for account in accounts}
    per_line = [setting for setting in model.settings.values() if Scope.LINE in setting.scopes]
    for account in accounts:
        inside = f"{LINES}[@button='{account.index}']/"
        by_tag = {path.rpartition("/")[2]: at.text for path, at in found.items() if path.startswith(inside)}
        for setting in per_line:
            text = by_tag.get(setting.element, "")
            if not text or (setting.name == "line_proxy" and text.upper() == "USECALLMANAGER"):
                continue
            value = value_of(setting, text)
            if value is not None and not (setting.name == "sip_contact" and text == account.name):
                said[account.index][setting.name] = value
    if len(missed_calls) == len(accounts) and set(missed_calls) <= {"0", "1"}:
        for account, digit in zip(sorted(accounts, key=lambda each: each.index), missed_calls, strict=True):
            said[account.index]["missed_calls"] = digit == "1"
    shared: dict[str, Value] = {}
    for setting in per_line:
        values = [held.get(setting.name) for held in said.values()]
        if values and values[0] is not None and all(value == values[0] for value in values):
            shared[setting.name] = values[0]
            for held in said.values():
                held.pop(setting.name, None)
    return shared, [replace(account, settings=said[account.index]) for account in accounts]
