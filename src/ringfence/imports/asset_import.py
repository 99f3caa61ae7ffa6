"""Ring tones, wallpapers, languages and other assets, recognised among somebody's files."""

from collections.abc import Iterable, Iterator

from ringfence.archives import Member
from ringfence.errors import BadInput
from ringfence.imports.errors import NothingToImport
from ringfence.phones.assets.kinds import Asset, recognise, together

LARGEST_BYTES = 64 << 20
NONE_TO_DO = "Use a WAV, PNG or JPEG, or the manufacturer's locale package."


def recognised(found: Iterable[Member], where: str) -> Iterator[Asset]:
    """Yield the assets among some files; what is far too large for one is none.

    Raises:
        NothingToImport: One of them is damaged, or no phone would take it; the error names it.
    """

    def assets() -> Iterator[Asset]:
        for member in found:
            if member.size_bytes > LARGEST_BYTES:
                continue
            try:
                asset = recognise(member.path, member.read())
            except BadInput as fault:
                raise NothingToImport(fault.what, where=f"{where}: {member.path}", to_do=fault.to_do) from None
            if asset is not None:
                yield asset

    yield from together(assets())


def nothing_found(where: str) -> NothingToImport:
    """Return what to say of files without an asset."""
    return NothingToImport(
        "it holds no ring tone, picture, language, tones or dial plan", where=where, to_do=NONE_TO_DO
    )
