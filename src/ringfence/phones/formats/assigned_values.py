"""Text files of ``name = value`` lines behind a first line that says their version, as Yealink's phones read them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ringfence.phones.document import NotWellFormed, OverLimit, TooLong
from ringfence.phones.errors import BadPatch
from ringfence.phones.family import Model

HEADER = "#!version:1.0.0.1"
"""The first line, without which a phone takes nothing of the file."""

_ASSIGNED = re.compile(r"(?P<name>[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)\s*=\s*(?P<value>.*)")
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+")
_NUMBER = re.compile(r"\.\d+(?=\.|$)")


def assigned_values(data: bytes) -> dict[str, str]:
    """Return the values of a file by their names; the last of several wins.

    Raises:
        NotWellFormed: The first line is missing, or another is not an assignment; the error names the first such line.
    """
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as fault:
        raise NotWellFormed("it is not UTF-8", data[: fault.start].count(b"\n") + 1) from None
    if not lines or lines[0].strip() != HEADER:
        raise NotWellFormed(f"its first line is not {HEADER}", 1)
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        parts = _ASSIGNED.fullmatch(stripped)
        if parts is None:
            raise NotWellFormed("it does not have the form name = value", number)
        found[parts["name"]] = parts["value"]
    return found


@dataclass(frozen=True, slots=True)
class AssignedValues:
    """The format of ``<mac>.cfg``; a limit of ``account.label`` holds for every account's label."""

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        return False

    def check(self, data: bytes, model: Model) -> None:
        """Raise NotWellFormed or TooLong for what the phone would not take."""
        for name, value in assigned_values(data).items():
            limit = model.limits.get(_NUMBER.sub("", name))
            if limit is not None and len(value) > limit.we_write:
                line = data[: data.index(f"{name} =".encode())].count(b"\n") + 1
                raise TooLong(OverLimit(name, line, len(value), limit.we_write))

    def check_patch(self, element: str) -> None:
        """Raise BadPatch if ``element`` is not the name of a value."""
        if _NAME.fullmatch(element) is None:
            raise BadPatch(f"{element[:80]!r} does not name a value", to_do="Write it like features.dnd.enable.")

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data`` with named values set; missing ones are added at the end."""
        lines = data.decode("utf-8").splitlines()
        for name in sorted(patches):
            self.check_patch(name)
            lines = [line for line in lines if line.partition("=")[0].strip() != name]
            lines.append(f"{name} = {patches[name]}")
        return ("\n".join(lines) + "\n").encode("utf-8")

    def leave_out(self, data: bytes, elements: Collection[str]) -> bytes:
        """Return ``data`` without the named values."""
        kept = [line for line in data.decode("utf-8").splitlines() if line.partition("=")[0].strip() not in elements]
        return ("\n".join(kept) + "\n").encode("utf-8")
