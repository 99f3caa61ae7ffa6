"""What frames of CAPF and TVS hold: fields as trust lists have them, each tag once."""

from collections.abc import Mapping

from ringfence.phones.errors import BadFields, BadTrustFrame
from ringfence.phones.trust.tlv import field, read_fields

_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E


def to_bytes(values: Mapping[int, bytes]) -> bytes:
    """Return elements one after another, in the order of the mapping."""
    return b"".join(field(tag, value) for tag, value in values.items())


def from_bytes(data: bytes, most: int) -> dict[int, bytes]:
    """Return elements by their tags.

    Raises:
        BadTrustFrame: One is cut short or there twice, or there are more than ``most``.
    """
    try:
        return {each.tag: each.value for each in read_fields(data, most=most).values()}
    except BadFields as fault:
        raise BadTrustFrame(fault.what, where=fault.where) from None


def text(value: bytes, most: int) -> str:
    """Return an element's printable ASCII.

    Raises:
        BadTrustFrame: It is something else, or longer than ``most``.
    """
    if len(value) > most or not all(_FIRST_PRINTABLE <= each <= _LAST_PRINTABLE for each in value):
        raise BadTrustFrame("a name has characters that no phone has, or too many")
    return value.decode("ascii")
