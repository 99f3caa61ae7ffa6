"""Ring tones: a WAV or a ready ring becomes the samples that a phone plays (PHONES.md, "Locale, tones, wallpapers").

79xx, 89xx and 99xx play µ-law at 8 kHz, 240 to 16,080 samples; 78xx and 88xx 16-bit little-endian at 16 kHz, 240 to
160,800 samples. A longer tone is cut, with its last hundredth of a second faded out.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.phones.assets import g711
from ringfence.phones.assets.wave_files import LONGEST_READ_S, Sound
from ringfence.phones.errors import BadAsset
from ringfence.phones.family import RingFormat

LEAST_SAMPLES = 240
_RATES = {RingFormat.MULAW_8K: 8000, RingFormat.LINEAR_16K: 16_000}
MOST_SAMPLES = {RingFormat.MULAW_8K: 16_080, RingFormat.LINEAR_16K: 160_800}
SUFFIXES = {RingFormat.MULAW_8K: ".raw", RingFormat.LINEAR_16K: ".rwb"}
_TAPS = 16
"""Zero crossings of the sinc on each side: aliases stay some 60 dB below."""
_SAMPLE_BYTES = {RingFormat.MULAW_8K: 1, RingFormat.LINEAR_16K: 2}


@dataclass(frozen=True, slots=True)
class RingTone:
    """A tone in one format; ``was_cut`` says whether it was longer than the phone takes."""

    data: bytes
    seconds: float
    was_cut: bool


def convert(sound: Sound, wanted: RingFormat) -> RingTone:
    """Return a sound in the form that phones of one kind play.

    Raises:
        BadAsset: It is too short.
    """
    target = _RATES[wanted]
    needed = int((MOST_SAMPLES[wanted] + 1) * sound.rate / target) + 4 * _TAPS
    made = _resampled(sound.samples[:needed], sound.rate, target)
    was_cut = len(made) > MOST_SAMPLES[wanted]
    made = made[: MOST_SAMPLES[wanted]]
    _require_length(len(made), target)
    if was_cut:
        _fade_out(made, target // 100)
    numbers = [max(-32_768, min(32_767, round(sample))) for sample in made]
    if wanted is RingFormat.MULAW_8K:
        return RingTone(bytes(map(g711.to_mulaw, numbers)), len(made) / target, was_cut)
    return RingTone(struct.pack(f"<{len(numbers)}h", *numbers), len(made) / target, was_cut)


def read_ready(data: bytes, form: RingFormat) -> Sound:
    """Return what a ready ring of a form sounds like. It has no mark of its own: only its length can be checked.

    Raises:
        BadAsset: No ring of this form has such a length.
    """
    count, rest = divmod(len(data), _SAMPLE_BYTES[form])
    rate = _RATES[form]
    if rest:
        raise BadAsset(f"its {len(data)} bytes are no whole number of samples, of which each has two")
    if count > LONGEST_READ_S * rate:
        raise BadAsset(f"it would ring for {count // rate} s as {form.value}, so it is something else")
    _require_length(count, rate)
    numbers = (g711.MULAW[code] for code in data) if form is RingFormat.MULAW_8K else struct.unpack(f"<{count}h", data)
    return Sound([float(number) for number in numbers], rate)


def _require_length(count: int, rate: int) -> None:
    if count < LEAST_SAMPLES:
        raise BadAsset(f"the tone has {count} samples at {rate} Hz, but needs at least {LEAST_SAMPLES}")


def _resampled(samples: Sequence[float], rate: int, target: int) -> list[float]:
    """Return ``samples`` at another rate, by a windowed sinc that cuts at the lower of both Nyquist frequencies."""
    if rate == target:
        return list(samples)
    cut = min(1.0, target / rate)
    reach = _TAPS / cut
    found = []
    for number in range(int(len(samples) * target / rate)):
        centre = number * rate / target
        first, last = max(0, math.ceil(centre - reach)), min(len(samples) - 1, math.floor(centre + reach))
        total = 0.0
        for at in range(first, last + 1):
            distance = at - centre
            phase = math.pi * distance * cut
            weight = 1.0 if abs(phase) < 1e-9 else math.sin(phase) / phase  # noqa: PLR2004 - as good as zero
            total += samples[at] * weight * (0.5 + 0.5 * math.cos(math.pi * distance / reach))
        found.append(total * cut)
    return found


def _fade_out(samples: list[float], count: int) -> None:
    for at in range(1, count + 1):
        samples[-at] *= at / count
