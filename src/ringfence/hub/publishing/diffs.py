"""Shows people what a publish or a release changes: unified diffs with every secret masked.

A secret becomes [hidden 1], [hidden 2] …: equal secrets of the two sides get the same number, so that a reader sees
that a password changed without seeing either.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from ringfence.content.digests import Digest
from ringfence.content.release import Target
from ringfence.counted import counted
from ringfence.hub.data_errors import BlobUnavailable

Change = Literal["added", "changed", "removed"]
ReadBlob = Callable[[Digest], bytes]

MOST_DIFFS = 200
"""How many files an answer shows with a diff; the others are only named."""

# Elements and parameters whose text is a secret in any file that a phone fetches, whatever its value is. A PIN is a
# word by itself: sipInviteRetx and NAT_Mapping_Enable have none. So is a pass, as in Snom's user_pass.
_PIN = r"(?:pin|Pin|(?<!SI)PIN)(?![a-z])|(?i:pin(?:code|number|hash))"
_SHORT_WORD = r"(?<![A-Za-z])pass(?![A-Za-z])"
_PROFILE_KEY = r"GPP_S[A-D](?![A-Za-z0-9_])"
_SECRET_WORD = rf"(?:(?i:password|passwd|passphrase|secret(?!ar)|psk|privatekey)|{_PIN}|{_SHORT_WORD}|{_PROFILE_KEY})"
_SECRET_TAG = rf"(?P<tag>[A-Za-z0-9_.-]*{_SECRET_WORD}[A-Za-z0-9_.-]*)"
_SECRET_ELEMENT = re.compile(rf"(<{_SECRET_TAG}(?:\s[^<>]*)?>)(?P<value>[^<]+)(?=</(?P=tag)\s*>)")
# account.1.password = …, and line1_password: "…"
_SECRET_PARAMETER = re.compile(
    rf"^([ \t]*[A-Za-z0-9_.-]*{_SECRET_WORD}[A-Za-z0-9_.-]*[ \t]*[:=][ \t]*)(?P<value>\S[^\r\n]*)", re.MULTILINE
)
_SIGNED = (".sgn", ".tlv")
_OF_SIGNED = "A signed form; what is in it is shown where the plain one is, if it has one.\n"
_SHORTEST_KNOWN = 4
"""Known secrets shorter than this are masked in their elements only: a digit would be masked everywhere."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs, with its masked unified diff (empty if it has none)."""

    name: str
    change: Change
    diff: str


def compare(old: Sequence[Target], new: Sequence[Target]) -> list[tuple[Target | None, Target | None]]:
    """Return the files that differ, as (before, after), in the order of their names."""
    before, after = ({target.name: target for target in targets} for targets in (old, new))
    pairs = [(before.get(name), after.get(name)) for name in sorted(before | after)]
    return [(left, right) for left, right in pairs if left != right]


def describe(
    pairs: Sequence[tuple[Target | None, Target | None]],
    read: ReadBlob,
    known_secrets: Collection[str],
    *,
    most_diffs: int = MOST_DIFFS,
) -> list[FileChange]:
    """Return what changed in each file; ``known_secrets`` are masked wherever they stand."""
    mask = _Mask(known_secrets)
    return [_describe(left, right, read, mask, with_diff=at < most_diffs) for at, (left, right) in enumerate(pairs)]


def _describe(
    left: Target | None, right: Target | None, read: ReadBlob, mask: "_Mask", *, with_diff: bool
) -> FileChange:
    target = right or left
    if target is None:
        raise ValueError("one side of a difference must be there")
    change: Change = "added" if left is None else "removed" if right is None else "changed"
    if not with_diff:
        return FileChange(target.name, change, "")
    if target.name.endswith(_SIGNED):
        return FileChange(target.name, change, _OF_SIGNED)
    try:
        sides = [read(side.digest) if side is not None else b"" for side in (left, right)]
    except BlobUnavailable:
        return FileChange(target.name, change, "The file before can't be read, so there is no diff.\n")
    try:
        old, new = (data.decode() for data in sides)
    except UnicodeDecodeError:
        return FileChange(
            target.name, change, f"Binary file: {counted(len(sides[0]), 'byte')} → {counted(len(sides[1]), 'byte')}\n"
        )
    mask.forget()
    lines = difflib.unified_diff(
        mask.hide(old).splitlines(),
        mask.hide(new).splitlines(),
        f"a/{target.name}" if left else "/dev/null",
        f"b/{target.name}" if right else "/dev/null",
        lineterm="",
    )
    text = "\n".join(lines)
    return FileChange(target.name, change, text + "\n" if text else "")


class _Mask:
    """Hides secrets; remembers within a file which one got which number."""

    def __init__(self, known_secrets: Collection[str]) -> None:
        self._numbers: dict[str, int] = {}
        known = [secret for secret in known_secrets if len(secret) >= _SHORTEST_KNOWN]
        long_enough = [*known, *(escape(secret) for secret in known)]
        # The longest first: one secret may begin with another.
        alternatives = "|".join(re.escape(secret) for secret in sorted(set(long_enough), key=len, reverse=True))
        self._known = re.compile(alternatives) if alternatives else None

    def forget(self) -> None:
        """Begin with the next file."""
        self._numbers.clear()

    def hide(self, text: str) -> str:
        for pattern in (_SECRET_ELEMENT, _SECRET_PARAMETER):
            text = pattern.sub(lambda found: found[1] + self._hidden(found["value"]), text)
        return self._known.sub(lambda found: self._hidden(found[0]), text) if self._known else text

    def _hidden(self, secret: str) -> str:
        number = self._numbers.setdefault(secret, len(self._numbers) + 1)
        return f"[hidden {number}]"


def read_from(fresh: Mapping[Digest, bytes], stored: ReadBlob) -> ReadBlob:
    """Return what reads blobs that were just rendered from memory, and the others from the store."""
    return lambda digest: fresh[digest] if digest in fresh else stored(digest)
