"""Text files: the ``name: value`` files of the 7940 and 7960, and files of any form."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ringfence.phones.document import NotWellFormed, OverLimit, TooLong
from ringfence.phones.errors import BadPatch, ConfigurationRejected
from ringfence.phones.family import Model

LARGEST_BYTES = 256 * 1024

_NAMED = re.compile(r'(?P<name>[A-Za-z][A-Za-z0-9_]*)\s*:\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"#;]*))\s*(?:[;#].*)?')
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def named_values(data: bytes) -> dict[str, str]:
    """Return the values of a ``name: "value"`` file (PHONES.md section 1b).

    Raises:
        NotWellFormed: A line is not a named value; the error names the first such line.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise NotWellFormed("it is not UTF-8", data[: fault.start].count(b"\n") + 1) from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        parts = _NAMED.fullmatch(stripped)
        if parts is None:
            raise NotWellFormed("it does not have the form name: value", number)
        found[parts["name"]] = parts["quoted"] if parts["quoted"] is not None else parts["plain"]
    return found


def _anything(_name: str, _text: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class NamedValues:
    """The format of ``SIP<MAC>.cnf`` and ``SIPDefault.cnf``.

    ``refusal`` says of a name and its value why a phone would not take it, and nothing if it would.
    """

    refusal: Callable[[str, str], str] = _anything

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        return False

    def check(self, data: bytes, model: Model) -> None:
        """Check that the phone would take a file.

        Raises:
            NotWellFormed, TooLong, ConfigurationRejected: It would not.
        """
        for name, value in named_values(data).items():
            limit = model.limits.get(re.sub(r"^line\d+_", "line_", name))
            if limit is not None and len(value) > limit.we_write:
                raise TooLong(OverLimit(name, _line_of(data, name), len(value), limit.we_write))
            if why := self.refusal(name, value):
                raise ConfigurationRejected(
                    why,
                    where=f"line {_line_of(data, name)}",
                    to_do="Correct the setting, the patch or the template that made it.",
                )

    def check_patch(self, element: str) -> None:
        """Raise BadPatch if ``element`` is not the name of a value."""
        if _NAME.fullmatch(element) is None:
            raise BadPatch(f"{element[:80]!r} does not name a value", to_do="Write it like telnet_level.")

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data`` with named values set; missing ones are added at the end."""
        lines = data.decode("utf-8").splitlines()
        for name in sorted(patches):
            self.check_patch(name)
            if '"' in patches[name]:
                raise BadPatch(f"{name} is set to a text with a \", which the file can't contain")
            lines = [line for line in lines if line.partition(":")[0].strip() != name]
            lines.append(f'{name}: "{patches[name]}"')
        return ("\n".join(lines) + "\n").encode("utf-8")

    def leave_out(self, data: bytes, elements: Collection[str]) -> bytes:
        """Return ``data`` without the named values."""
        lines = data.decode("utf-8").splitlines()
        kept = [line for line in lines if line.partition(":")[0].strip() not in elements]
        return ("\n".join(kept) + "\n").encode("utf-8")


def _line_of(data: bytes, name: str) -> int:
    """Return the last line that states a value, which is the one that counts."""
    lines = data.decode("utf-8").splitlines()
    return max(number for number, line in enumerate(lines, 1) if line.partition(":")[0].strip() == name)


@dataclass(frozen=True, slots=True)
class AnyText:
    """A file in any form; only its template decides."""

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        return False

    def check(self, data: bytes, model: Model) -> None:
        """Raise NotWellFormed for a file that is empty or too large."""
        if not data.strip():
            raise NotWellFormed("the file is empty")
        if len(data) > LARGEST_BYTES:
            raise NotWellFormed(
                f"the file has {len(data)} bytes, but {model.with_article} takes at most {LARGEST_BYTES}"
            )

    def check_patch(self, element: str) -> None:
        """Raise BadPatch: a file of any form has no elements."""
        raise BadPatch(f"{element[:80]!r} can't be set in a text file", to_do="Change its template.")

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data``.

        Raises:
            BadPatch: There is something to set.
        """
        for name in patches:
            self.check_patch(name)
        return data

    def leave_out(self, data: bytes, elements: Collection[str]) -> bytes:  # noqa: ARG002 - the port has it
        """Return ``data``: a file of any form has no elements."""
        return data
