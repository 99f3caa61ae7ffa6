"""Assets: ring tones, wallpapers, languages and files that phones name, recognised and made into phones' files."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from ringfence.phones.assets import named_files, ring_tones
from ringfence.phones.assets.wave_files import Sound, read_wave
from ringfence.phones.document import NotWellFormed, parse_leniently
from ringfence.phones.errors import BadAsset
from ringfence.phones.families import families
from ringfence.phones.family import Model, Picture, RingFormat

MOST_RINGS = MOST_PICTURES = 50
LONGEST_NAME = 25
"""Of a ring tone: its shown name, and its file's (PHONES.md)."""
RING_LISTS: Mapping[RingFormat, str] = MappingProxyType(
    {RingFormat.MULAW_8K: "Ringlist.xml", RingFormat.LINEAR_16K: "Ringlist-wb.xml"}
)
_READY = {suffix: form for form, suffix in ring_tones.SUFFIXES.items()}
_LOCALE = re.compile(r"(?:.*/)?([A-Z][A-Za-z_]{2,40})/([a-z-]+\.jar)")
_TONES = re.compile(r"(?:.*/)?([A-Z][A-Za-z_]{2,40})/(g[34]-tones\.xml)")


class AssetKind(StrEnum):
    """What an asset is."""

    RING = "ring tone"
    WALLPAPER = "wallpaper"
    LOCALE = "language"
    TONES = "tones"
    DIAL_PLAN = "dial plan"
    SOFT_KEYS = "soft keys"
    FEATURE_POLICY = "feature policy"


NAMED: Mapping[AssetKind, str] = MappingProxyType(
    {
        AssetKind.DIAL_PLAN: named_files.DIAL_PLAN,
        AssetKind.SOFT_KEYS: named_files.SOFT_KEYS,
        AssetKind.FEATURE_POLICY: named_files.FEATURE_POLICY,
    }
)
"""Kinds of which a phone gets what a setting of it names, and that setting."""


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One file of an asset: the name that phones ask for, its bytes, and for whom it is.

    ``variant`` is a ring format, a picture's folder, the file's name in its locale, or the setting that names it.
    """

    name: str
    data: bytes
    variant: str
    is_ready: bool = False
    """Whether it is as it came, not made from another form."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset with its files for every kind of phone."""

    kind: AssetKind
    name: str
    files: tuple[AssetFile, ...]
    notes: tuple[str, ...] = ()


def recognise(path: str, data: bytes) -> Asset | None:
    """Return a file as an asset, converted for phones; None if it is not an asset.

    Raises:
        BadAsset: It is an asset, but it is damaged or can't be used.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _ring(path, data)
    if data.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff", b"BM", b"GIF8")) or data[8:12] == b"WEBP":
        return _wallpaper(path, data)
    ready = _READY.get(PurePosixPath(path).suffix.lower())
    if ready is not None:
        return _ready_ring(path, data, ready)
    locale, tones = _LOCALE.fullmatch(path), _TONES.fullmatch(path)
    if locale is not None and data.startswith(b"PK"):
        file = AssetFile(f"{locale[1]}/{locale[2]}", data, locale[2])
        return Asset(AssetKind.LOCALE, locale[1], (file,))
    if tones is not None:
        try:
            parse_leniently(data)
        except NotWellFormed as fault:
            raise BadAsset(f"its tones are not well-formed XML: {fault.reason}", where=path) from None
        return Asset(AssetKind.TONES, tones[1], (AssetFile(f"{tones[1]}/{tones[2]}", data, tones[2]),))
    return _named_file(path, data) if path.lower().endswith(".xml") else None


def named_asset(name: str, root: etree._Element) -> Asset | None:
    """Return a dial plan, soft keys or a feature policy under the name that phones ask for; None if it is none of them.

    Raises:
        BadAsset: No phone would take it.
    """
    setting = named_files.naming_setting(root)
    kind = next((kind for kind, by in NAMED.items() if by == setting), None)
    return None if kind is None else Asset(kind, name, (AssetFile(name, named_files.written(root), NAMED[kind]),))


def together(assets: Iterable[Asset]) -> Iterator[Asset]:
    """Yield the assets, with a ring that came ready in both forms as the one ring that it is."""
    rings: dict[str, Asset] = {}
    for asset in assets:
        if not any(file.is_ready for file in asset.files):
            yield asset
        elif (other := rings.get(asset.name)) is None:
            rings[asset.name] = asset
        else:
            ready = {file.variant: file for file in asset.files if file.is_ready}
            rings[asset.name] = replace(other, files=tuple(ready.get(file.variant, file) for file in other.files))
    yield from rings.values()


def models_for(asset: Asset) -> list[str]:
    """Return the models that can have an asset."""
    variants = {file.variant for file in asset.files}
    models = [model for family in families().values() for model in family.models.values()]
    return [model.name for model in models if variants & set(_variants(asset.kind, model))]


def wants(kind: AssetKind, variant: str, model: Model) -> bool:
    """Return whether a model takes a file of that kind and variant."""
    return variant in _variants(kind, model)


def ring_list(rings: Sequence[tuple[str, str]]) -> bytes:
    """Return the list of ring tones, of (shown name, file name)."""
    rows = "".join(
        f"  <Ring>\n    <DisplayName>{escape(name)}</DisplayName>\n    <FileName>{escape(file)}</FileName>\n  </Ring>\n"
        for name, file in rings[:MOST_RINGS]
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<CiscoIPPhoneRingList>\n{rows}</CiscoIPPhoneRingList>\n'.encode()


def picture_list(names: Sequence[str]) -> bytes:
    """Return a folder's list of wallpapers, of the pictures' names as phones ask for them."""
    rows = "".join(
        f"  <ImageItem Image={quoteattr('TFTP:' + thumbnail_of(name))} URL={quoteattr('TFTP:' + name)}/>\n"
        for name in names[:MOST_PICTURES]
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<CiscoIPPhoneImageList>\n{rows}</CiscoIPPhoneImageList>\n'.encode()


def thumbnail_of(name: str) -> str:
    """Return the name of a picture's thumbnail."""
    return name.removesuffix(".png") + "-tn.png"


def _variants(kind: AssetKind, model: Model) -> tuple[str, ...]:
    match kind:
        case AssetKind.RING:
            return (model.ring.name,) if model.ring else ()
        case AssetKind.WALLPAPER:
            return (model.wallpaper.folder, *model.wallpaper.also_in) if model.wallpaper else ()
        case AssetKind.LOCALE:
            return (model.locale_file,) if model.locale_file else ()
        case AssetKind.TONES:
            return (model.tones_file,) if model.tones_file else ()
        case AssetKind.DIAL_PLAN | AssetKind.SOFT_KEYS | AssetKind.FEATURE_POLICY:
            return (NAMED[kind],) if NAMED[kind] in model.settings else ()


def _named_file(path: str, data: bytes) -> Asset | None:
    try:
        return named_asset(path.rpartition("/")[2], parse_leniently(data))
    except NotWellFormed:
        return None  # it may be anything


def _ring(path: str, data: bytes) -> Asset:
    return _ring_of(path, read_wave(data))


def _ready_ring(path: str, data: bytes, form: RingFormat) -> Asset:
    """Return a ring that is in one form already, as it is if phones take it so, and made into the other form."""
    sound = ring_tones.read_ready(data, form)
    asset = _ring_of(path, sound)
    if len(sound.samples) > ring_tones.MOST_SAMPLES[form]:
        return asset  # it was cut
    files = tuple(
        replace(file, data=data, is_ready=True) if file.variant == form.name else file for file in asset.files
    )
    return replace(asset, files=files)


def _ring_of(path: str, sound: Sound) -> Asset:
    stem = _stem(path, LONGEST_NAME - len(".raw"))
    files, notes = [], []
    for wanted in RingFormat:
        tone = ring_tones.convert(sound, wanted)
        files.append(AssetFile(stem + ring_tones.SUFFIXES[wanted], tone.data, wanted.name))
        if tone.was_cut:
            notes.append(f"cut to {tone.seconds:.1f} s for phones that play {wanted.value}")
    return Asset(AssetKind.RING, _shown(path), tuple(files), tuple(notes))


def _wallpaper(path: str, data: bytes) -> Asset:
    from ringfence.phones.assets import pictures  # noqa: PLC0415 - it loads the picture library, which only an import needs

    stem = _stem(path, 40)
    sizes: dict[str, Picture] = {}
    for family in families().values():
        for model in family.models.values():
            if model.wallpaper is not None:
                sizes[model.wallpaper.folder] = model.wallpaper
    files = []
    for folder, picture in sorted(sizes.items()):
        large, small = pictures.convert(data, picture)
        name = f"{folder}/{stem}.png"
        files += [AssetFile(name, large, folder), AssetFile(thumbnail_of(name), small, folder)]
    return Asset(AssetKind.WALLPAPER, _shown(path), tuple(files))


def _shown(path: str) -> str:
    name = path.rpartition("/")[2].rpartition(".")[0].replace("_", " ").strip()
    return name[:LONGEST_NAME].strip() or "Asset"


def _stem(path: str, most: int) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", path.rpartition("/")[2].rpartition(".")[0]).strip("-")
    return plain[:most] or "asset"
