"""What a phone makes of one file that it got."""

from ringfence.phones.families import model
from ringfence.phones.parsed_configuration import HeldConfiguration


def read_configuration(data: bytes, kind: str) -> HeldConfiguration:
    """Return what a phone of that model holds after it took ``data``."""
    family, found = model(kind)
    return family.read((data,), found)
