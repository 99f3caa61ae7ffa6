"""WAV files as programs really write them: PCM, floating point, A-law and µ-law, plain or in the extensible form.

The form is that of Microsoft's "Multiple Channel Audio Data and WAVE Files" (KSDATAFORMAT_SUBTYPE GUIDs) over RIFF. The
standard library reads plain PCM only. A data chunk that is cut, or whose length its writer never filled in, is read as
far as it goes.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ringfence.phones.assets import g711
from ringfence.phones.errors import BadAsset

LONGEST_READ_S = 60
_FORM = struct.Struct("<HHIIHH")
_EXTENSION = struct.Struct("<HHI16s")
_CHUNK_HEAD = struct.Struct("<4sI")
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the format's number in every GUID of a sound's form."""
_MOST_CHANNELS = 8
_RATES = range(1000, 384_001)
_SAVE_AS = "Save it as 16-bit PCM."


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples of one channel, in the range of 16 bits, and how many make a second."""

    samples: list[float]
    rate: int


@dataclass(frozen=True, slots=True)
class _Form:
    format: int
    channels: int
    rate: int
    width: int
    """Bytes of one sample."""


def read_wave(data: bytes) -> Sound:
    """Return what a WAV file sounds like; its channels are mixed, and a minute of it is read at most.

    Raises:
        BadAsset: It is damaged, or in a form that is not known here.
    """
    form: _Form | None = None
    for name, body in _chunks(data):
        if name == b"fmt ":
            form = _form(body)
        elif name == b"data":
            if form is None:
                raise _unreadable("its form comes after its samples, or not at all")
            return Sound(_mixed(body, form), form.rate)
    raise _unreadable("it has no samples")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield each chunk's name and content; the last one may be shorter than it says."""
    view, at = memoryview(data), 12  # behind RIFF, the length, and WAVE
    is_unfinished = not any(data[4:8])
    while at + _CHUNK_HEAD.size <= len(view):
        name, length = _CHUNK_HEAD.unpack_from(view, at)
        at += _CHUNK_HEAD.size
        is_open_end = is_unfinished and name == b"data" and not length
        yield name, view[at:] if is_open_end else view[at : at + length]
        at += length + length % 2


def _form(body: memoryview) -> _Form:
    if len(body) < _FORM.size:
        raise _unreadable("the description of its form is cut off")
    number, channels, rate, _bytes_a_second, frame_bytes, bits = _FORM.unpack_from(body)
    if number == _EXTENSIBLE:
        number = _sub_format(body[_FORM.size :], bits)
    width = (bits + 7) // 8
    known = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8), _ALAW: (1,), _MULAW: (1,)}.get(number)
    if known is None:
        raise _unreadable(f"its samples are of the form {number:#06x}, which is none of PCM, floating point and G.711")
    if not 1 <= channels <= _MOST_CHANNELS or width not in known or rate not in _RATES:
        raise BadAsset(f"it has {channels} channels of {bits} bits at {rate} Hz", to_do=_SAVE_AS)
    if frame_bytes != channels * width:
        raise _unreadable(f"it contradicts itself: {channels} channels of {bits} bits in {frame_bytes} bytes")
    return _Form(number, channels, rate, width)


def _sub_format(body: memoryview, bits: int) -> int:
    """Return the number of the form that an extensible one is; the valid bits are the upper ones of each sample."""
    if len(body) < _EXTENSION.size:
        raise _unreadable("the description of its form is cut off")
    more_bytes, valid_bits, _speakers, subtype = _EXTENSION.unpack_from(body)
    if more_bytes < _EXTENSION.size - 2 or valid_bits > bits:
        raise _unreadable("the description of its form contradicts itself")
    if subtype[2:] != _SUBTYPE_TAIL:
        raise _unreadable("its samples are of a form that only their program knows")
    return int.from_bytes(subtype[:2], "little")


def _mixed(body: memoryview, form: _Form) -> list[float]:
    frame_bytes = form.width * form.channels
    frames = bytes(body[: min(len(body) // frame_bytes, form.rate * LONGEST_READ_S) * frame_bytes])
    values = _values(form)(frames)
    channels = form.channels
    if channels == 1:
        return values
    return [sum(values[at : at + channels]) / channels for at in range(0, len(values), channels)]


def _values(form: _Form) -> Callable[[bytes], list[float]]:
    """Return what makes numbers in the range of 16 bits of samples in this form."""
    width = form.width
    if form.format in {_ALAW, _MULAW}:
        table = g711.ALAW if form.format == _ALAW else g711.MULAW
        return lambda frames: [table[code] for code in frames]
    if form.format == _FLOAT:
        letter = "f" if width == 4 else "d"  # noqa: PLR2004 - bytes, as struct calls them
        return lambda frames: _from_floats(struct.unpack(f"<{len(frames) // width}{letter}", frames))
    return lambda frames: _from_whole_numbers(frames, width)


def _from_whole_numbers(frames: bytes, width: int) -> list[float]:
    if width == 1:  # the only unsigned ones
        return [(code - 128) * 256.0 for code in frames]
    scale = 2.0 ** (16 - 8 * width)
    starts = range(0, len(frames), width)
    return [int.from_bytes(frames[at : at + width], "little", signed=True) * scale for at in starts]


def _from_floats(numbers: tuple[float, ...]) -> list[float]:
    """Full scale is 1; what is no number, or far from it, is a damaged file's, and stays silent or at full scale."""
    return [max(-1.0, min(1.0, number)) * 32_767 if math.isfinite(number) else 0.0 for number in numbers]


def _unreadable(why: str) -> BadAsset:
    return BadAsset(f"it is not a WAV file that can be read: {why}", to_do=_SAVE_AS)
