"""Tags, lengths and values, as trust lists, signed files, CAPF and TVS are made of: written exactly, read with bounds.

All integers are big-endian. A field is a tag (1 byte), a length (2 bytes) and a value. The NUL at the end of a text is
part of its length. Source: PHONES.md 5, 5.8 and 5.9.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ringfence.phones.errors import BadFields, LimitExceeded

LONGEST_VALUE = 0xFFFF
HEAD_BYTES = 3
"""A tag and a length."""
MOST_FIELDS = 64
"""More than twice what the longest of these formats has at one level."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its tag, its value, and where its tag is, counted from the start of the whole."""

    tag: int
    value: bytes
    offset: int

    @property
    def value_offset(self) -> int:
        """Where the value begins."""
        return self.offset + HEAD_BYTES

    @property
    def end(self) -> int:
        """Where what follows begins."""
        return self.value_offset + len(self.value)

    def number(self, size_bytes: int) -> int:
        """Return the value as an unsigned integer of just ``size_bytes``.

        Raises:
            BadFields: The value has another length.
        """
        if len(self.value) != size_bytes:
            raise BadFields(
                f"field {self.tag} has {len(self.value)} bytes instead of {size_bytes}", where=_at(self.offset)
            )
        return int.from_bytes(self.value, "big")

    def text(self) -> str:
        """Return the value as a text, without the NUL at its end.

        Raises:
            BadFields: It isn't UTF-8, or has no NUL at its end, or another one before that.
        """
        if not self.value.endswith(b"\0") or b"\0" in self.value[:-1]:
            raise BadFields(f"the text of field {self.tag} does not end with its only NUL", where=_at(self.offset))
        try:
            return self.value[:-1].decode("utf-8")
        except UnicodeDecodeError as fault:
            raise BadFields(
                f"the text of field {self.tag} is not UTF-8", where=_at(self.value_offset + fault.start)
            ) from None


class FieldsRead(dict[int, Field]):
    """The fields of one level by their tags, each at most once, in the order in which they came."""

    def need(self, tag: int, what: str) -> Field:
        """Return the field with this tag.

        Args:
            tag: Its number.
            what: What it is called in the error.

        Raises:
            BadFields: There is none.
        """
        found = self.get(tag)
        if found is None:
            raise BadFields(f"{what} (field {tag}) is missing")
        return found


def field(tag: int, value: bytes) -> bytes:
    """Return one field.

    Raises:
        LimitExceeded: The value is longer than a length can say.
    """
    if len(value) > LONGEST_VALUE:
        raise LimitExceeded(f"a value of {len(value)} bytes is longer than a field holds: {LONGEST_VALUE}")
    return bytes((tag,)) + len(value).to_bytes(2, "big") + value


def number_field(tag: int, value: int, size_bytes: int) -> bytes:
    """Return a field with an unsigned integer of ``size_bytes``.

    Raises:
        LimitExceeded: The number doesn't fit.
    """
    if not 0 <= value < 1 << 8 * size_bytes:
        raise LimitExceeded(f"{value} does not fit into {size_bytes * 8} bits")
    return field(tag, value.to_bytes(size_bytes, "big"))


def text_field(tag: int, value: str) -> bytes:
    """Return a field with a text and its NUL.

    Raises:
        LimitExceeded: The text is too long, or has a NUL itself.
    """
    if "\0" in value:
        raise LimitExceeded("a text has a NUL in it, which ends texts", where=repr(value[:80]))
    return field(tag, value.encode() + b"\0")


def each_field(
    data: bytes,
    *,
    start: int = 0,
    end: int | None = None,
    padding: int | None = None,
    base: int = 0,
    most: int = MOST_FIELDS,
) -> Iterator[Field]:
    """Yield the fields in a part of ``data``, one level deep: what is in a container is read from its value.

    Args:
        data: All bytes that are there; never read past ``end``.
        start: Where the first tag is.
        end: Where the part ends; None stands for the end of ``data``.
        padding: The tag that is a single byte, without length and value, and means nothing.
        base: What is added to offsets: where ``data`` itself begins in a whole.
        most: How many fields there are at most.

    Raises:
        BadFields: A field is cut off, or there are too many; the error says where.
    """
    end = len(data) if end is None else min(end, len(data))
    at, count = start, 0
    while at < end:
        if data[at] == padding:
            at += 1
            continue
        count += 1
        if count > most:
            raise BadFields(f"there are more than {most} fields", where=_at(base + at))
        if at + HEAD_BYTES > end:
            raise BadFields("a field is cut off before its length", where=_at(base + at))
        size = int.from_bytes(data[at + 1 : at + HEAD_BYTES], "big")
        if at + HEAD_BYTES + size > end:
            left = end - at - HEAD_BYTES
            raise BadFields(f"field {data[at]} says {size} bytes, and {left} are left", where=_at(base + at))
        yield Field(data[at], data[at + HEAD_BYTES : at + HEAD_BYTES + size], base + at)
        at += HEAD_BYTES + size


def read_fields(
    data: bytes,
    *,
    start: int = 0,
    end: int | None = None,
    padding: int | None = None,
    base: int = 0,
    most: int = MOST_FIELDS,
) -> FieldsRead:
    """Return the fields in a part of ``data`` by their tags; arguments as of ``each_field``.

    Raises:
        BadFields: As of ``each_field``, or a tag comes twice.
    """
    fields = FieldsRead()
    for each in each_field(data, start=start, end=end, padding=padding, base=base, most=most):
        if each.tag in fields:
            raise BadFields(f"field {each.tag} comes twice", where=_at(each.offset))
        fields[each.tag] = each
    return fields


def _at(offset: int) -> str:
    return f"byte {offset}"
