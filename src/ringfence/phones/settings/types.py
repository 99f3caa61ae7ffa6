"""What a setting is: its name, the values that it accepts, and how the phone writes each of them.

A value is checked once, where it enters (``Setting.parse`` for text, ``Setting.check`` for typed values), and again
before it is rendered. Texts that a phone can't hold at all (control characters, lone surrogates) are refused for
every setting, so that no value can make a file ill-formed.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from ringfence.phones.errors import ValueOutOfRange

Value = bool | int | str

# Anything that XML 1.0 can't carry (section 2.2), and the control characters and line ends that no phone shows.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_HOST_NAME = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_-]{1,63})*")
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}(?:[0-9.]{0,15})")
_URL = re.compile(r"(?:https?://[^\s<>\"]+|Application:[A-Za-z0-9/]+)")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_DIAL = re.compile(r"[0-9A-Za-z*#+_.@-]+")
_KEYPAD = re.compile(r"[0-9*#]+")
_PASSWORD = re.compile(r"[!-~]+")
_PATTERN = re.compile(r"[0-9A-Za-z*#+.,>\\%@:_-]+")
_WORDS = re.compile(r"[A-Za-z0-9_.<-]+(?:\s*,\s*[A-Za-z0-9_.<-]+)*")
_SHA1 = re.compile(r"[A-Za-z0-9+/]{27}=(?:\s*,\s*[A-Za-z0-9+/]{27}=)*")
_ELEMENT = r"[A-Za-z_][\w.-]*(?:\[@\w+='[\w .-]*'\])?(?:\[\d{1,3}\])?"
_ELEMENTS = re.compile(rf"{_ELEMENT}(?:/{_ELEMENT})*(?:\s*,\s*{_ELEMENT}(?:/{_ELEMENT})*)*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")

YES = frozenset({"yes", "true", "on", "1"})
NO = frozenset({"no", "false", "off", "0"})


class SettingType(StrEnum):
    """Which values a setting takes."""

    YES_NO = "yes/no"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    TABLE = "table"


class Form(StrEnum):
    """What a text must look like; the words that an error uses for it are in ``_FORMS``."""

    ANY = "any"
    HOST = "host"
    HOSTS = "hosts"
    URL = "url"
    FILE_NAME = "file-name"
    WORD = "word"
    DIAL = "dial"
    KEYPAD = "keypad"
    PASSWORD = "password"  # noqa: S105 - the form's name
    PATTERN = "pattern"
    WORDS = "words"
    SHA1 = "sha1"
    ELEMENTS = "elements"


_FORMS: Mapping[Form, tuple[re.Pattern[str] | None, str]] = MappingProxyType(
    {
        Form.ANY: (None, "any text"),
        Form.HOST: (_HOST_NAME, "a host name or an address, such as pbx.example.com or 192.0.2.10"),
        Form.HOSTS: (_HOST_NAME, "up to three host names or addresses with commas between them"),
        Form.URL: (_URL, "a URL that begins with http:// or https://, or an Application:Cisco/… name"),
        Form.FILE_NAME: (_FILE_NAME, "a file name of letters, digits, '.', '_' and '-'"),
        Form.WORD: (_WORD, "one word of letters, digits, '.', '_' and '-'"),
        Form.DIAL: (_DIAL, "a number to dial: digits, letters, '*', '#', '+'"),
        Form.KEYPAD: (_KEYPAD, "digits, '*' and '#', as on the keypad"),
        Form.PATTERN: (_PATTERN, "a dialling pattern: digits, '*', '#', '+', '.', ',', '>', '\\\\' and 'x'"),
        Form.WORDS: (_WORDS, "words of letters, digits, '.', '_' and '-', with commas between them"),
        Form.SHA1: (_SHA1, "SHA-1 of the certificate in base64, 28 characters, with commas between several"),
        Form.ELEMENTS: (_ELEMENTS, "names of elements with commas between them, such as callStats,vendorConfig/garp"),
        Form.PASSWORD: (_PASSWORD, "printable ASCII without spaces"),
    }
)

MOST_HOSTS = 3
HOST_CHARACTERS = 50
"""How long one host name may be on these phones (PHONES.md section 4: processNodeName and ntp name)."""


class Scope(StrEnum):
    """Where a setting may be given; the nearest one to the phone wins."""

    ORGANISATION = "organisation"
    SITE = "site"
    GROUP = "group"
    PHONE = "phone"
    LINE = "line"


EVERYWHERE = (Scope.ORGANISATION, Scope.SITE, Scope.GROUP, Scope.PHONE)
EVERYWHERE_AND_LINE = (*EVERYWHERE, Scope.LINE)
WHOLE_SITES = (Scope.ORGANISATION, Scope.SITE)
"""For files that all phones of a site fetch under one name."""


class Mark(StrEnum):
    """How well a fact is known (PHONES.md, head)."""

    CERTAIN = "certain"
    LIKELY = "likely"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that an operator can set.

    ``minimum`` and ``maximum`` bound a number, the characters of a text, or a table's rows. A table's ``columns`` are
    settings themselves; it is written with ``|`` between cells, and a new line or ``;`` between rows. ``element`` is
    the node of the phone's file that contains it, and ``wire`` how its values are written there (by default as
    ``str()`` writes them). ``source`` and ``mark`` say where this is known from, and how certain it is.
    """

    name: str
    type: SettingType
    default: Value
    help: str
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = EVERYWHERE
    secret: bool = False
    form: Form = Form.ANY
    element: str = ""
    wire: Mapping[Value, str] = field(default_factory=lambda: MappingProxyType({}))
    source: str = "PHONES.md section 4"
    mark: Mark = Mark.CERTAIN
    columns: tuple["Setting", ...] = ()

    @property
    def takes(self) -> str:
        """What the setting takes, in words: limits, unit and choices."""
        unit = f" {self.unit}" if self.unit else ""
        match self.type:
            case SettingType.YES_NO:
                return "yes or no"
            case SettingType.NUMBER:
                return f"a whole number from {self.minimum} to {self.maximum}{unit}"
            case SettingType.CHOICE:
                if len(self.choices) > _MOST_CHOICES_SHOWN:
                    return self._some_of(self.choices)
                return "one of: " + ", ".join(choice or "'' (empty)" for choice in self.choices)
            case SettingType.TEXT:
                return f"{_FORMS[self.form][1]}, at most {self.maximum} characters"
            case SettingType.TABLE:
                cells = " | ".join(column.name for column in self.columns)
                return f"at most {self.maximum} rows of {cells}, with ; or a new line between rows"

    def parse(self, text: str) -> Value:
        """Return the value that ``text`` writes.

        Raises:
            ValueOutOfRange: The setting does not take it; the error names what it takes.
        """
        match self.type:
            case SettingType.YES_NO:
                word = text.strip().lower()
                if word not in YES | NO:
                    raise self._refused(text)
                return word in YES
            case SettingType.NUMBER:
                if _INTEGER.fullmatch(text.strip()) is None:
                    raise self._refused(text)
                return self.check(int(text.strip()))
            case SettingType.CHOICE:
                by_lower = {choice.lower(): choice for choice in self.choices}
                return self.check(by_lower.get(text.strip().lower(), text))
            case SettingType.TEXT:
                return self.check(text.strip())
            case SettingType.TABLE:
                return self._table_text(self._parse_rows(text))

    def rows(self, value: Value) -> list[dict[str, Value]]:
        """Return a table's rows, each a mapping of column to value.

        Raises:
            ValueOutOfRange: ``value`` is not a table.
        """
        return self._parse_rows(str(value))

    def check(self, value: Value) -> Value:
        """Return ``value`` if the setting takes it.

        Raises:
            ValueOutOfRange: It does not; the error names what it takes.
        """
        match self.type, value:
            case SettingType.YES_NO, bool():
                return value
            case SettingType.NUMBER, int() if not isinstance(value, bool):
                if (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum):
                    return value
            case SettingType.CHOICE, str():
                if value in self.choices:
                    return value
            case SettingType.TEXT, str():
                return self._check_text(value)
            case SettingType.TABLE, str():
                return self._table_text(self._parse_rows(value))
        raise self._refused(str(value))

    def on_wire(self, value: Value) -> str:
        """Return ``value`` as the phone's file writes it."""
        return self.wire.get(value, str(value))

    def _check_text(self, value: str) -> str:
        if _UNPRINTABLE.search(value):
            raise self._refused(value, "it contains a control character or one that XML can't contain")
        if self.maximum is not None and len(value) > self.maximum:
            raise self._refused(value, f"it has {len(value)} characters")
        if not value or (self.form is Form.ANY and not self.minimum):
            return value  # empty is "not set" for every text
        if self.minimum is not None and len(value) < self.minimum:
            raise self._refused(value, f"it has {len(value)} characters but needs at least {self.minimum}")
        match self.form:
            case Form.HOSTS:
                hosts = [host.strip() for host in value.split(",")]
                if len(hosts) > MOST_HOSTS or not all(is_host(host) for host in hosts):
                    raise self._refused(value)
                return ",".join(hosts)
            case Form.HOST:
                good = is_host(value)
            case Form.WORDS if _WORDS.fullmatch(value) is not None:
                return ",".join(word.strip() for word in value.split(","))
            case _:
                pattern, _words = _FORMS[self.form]
                good = pattern is None or pattern.fullmatch(value) is not None
        if not good:
            raise self._refused(value)
        return value

    def _parse_rows(self, text: str) -> list[dict[str, Value]]:
        rows = [row.strip() for line in text.splitlines() for row in line.split(";")]
        found = [self._parse_row(number, row) for number, row in enumerate(filter(None, rows), 1)]
        if self.maximum is not None and len(found) > self.maximum:
            raise self._refused(text, f"it has {len(found)} rows")
        return found

    def _parse_row(self, number: int, row: str) -> dict[str, Value]:
        cells = [cell.strip() for cell in row.split("|")]
        if len(cells) > len(self.columns):
            raise self._refused(row, f"row {number} has {len(cells)} cells")
        cells += [""] * (len(self.columns) - len(cells))
        values: dict[str, Value] = {}
        for column, cell in zip(self.columns, cells, strict=True):
            if not cell and column.minimum and column.type is SettingType.TEXT:
                raise self._refused(row, f"row {number} has no {column.name}")
            try:
                values[column.name] = column.parse(cell) if cell else column.default
            except ValueOutOfRange as fault:
                raise ValueOutOfRange(
                    f"{self.name}, row {number}: {fault.what}", where=fault.where, to_do=fault.to_do
                ) from None
        return values

    def _table_text(self, rows: list[dict[str, Value]]) -> str:
        """Return rows in the one form that is stored and shown."""
        return "\n".join(" | ".join(_cell(value) for value in row.values()).rstrip(" |") for row in rows)

    def _some_of(self, choices: Sequence[str]) -> str:
        """Return in words what a setting of too many choices takes, with the first of ``choices`` as examples."""
        shown = [choice for choice in choices if choice][:_CHOICES_AS_EXAMPLES]
        return f"one of {len(self.choices)} values, such as {', '.join(shown)}"

    def _refused(self, text: str, why: str = "") -> ValueOutOfRange:
        shown = (
            "this value" if self.secret else repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")
        )
        reason = f": {why}" if why else ""
        takes = self.takes
        if len(self.choices) > _MOST_CHOICES_SHOWN:
            near = difflib.get_close_matches(text, self.choices, n=3, cutoff=0.4) or self.choices
            takes = f"{self._some_of(near)}; ringfence setting list --json lists all"
        return ValueOutOfRange(
            f"{self.name} does not accept {shown}{reason}", where="settings", to_do=f"It accepts {takes}."
        )


def _cell(value: Value) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


_LONGEST_SHOWN = 60
_MOST_CHOICES_SHOWN = 20
_CHOICES_AS_EXAMPLES = 3


def is_host(text: str) -> bool:
    """Return whether ``text`` can be a host name or an IP address that these phones hold."""
    if len(text) > HOST_CHARACTERS:
        return False
    return _HOST_NAME.fullmatch(text) is not None or (":" in text and _IPV6.fullmatch(text) is not None)


def is_printable(text: str) -> bool:
    """Return whether a phone's file can carry ``text`` and its display show it."""
    return _UNPRINTABLE.search(text) is None
