"""Ring tones: an ordinary WAV becomes the raw samples that a phone plays (PHONES.md, "Locale, tones, wallpapers").

79xx, 89xx and 99xx play µ-law at 8 kHz, 240 to 16,080 samples; 78xx and 88xx 16-bit little-endian at 16 kHz, 240 to
160,800 samples. A longer tone is cut, with its last hundredth of a second faded out.
"""

import io
import math
import struct
import wave
from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.phones.errors import BadAsset
from ringfence.phones.family import RingFormat

LEAST_SAMPLES = 240
_RATES = {RingFormat.MULAW_8K: 8000, RingFormat.LINEAR_16K: 16_000}
MOST_SAMPLES = {RingFormat.MULAW_8K: 16_080, RingFormat.LINEAR_16K: 160_800}
SUFFIXES = {RingFormat.MULAW_8K: ".raw", RingFormat.LINEAR_16K: ".rwb"}
_LONGEST_READ_S = 60
_TAPS = 16
"""Zero crossings of the sinc on each side: aliases stay some 60 dB below."""
_BIAS, _CLIP = 0x84, 32_635


@dataclass(frozen=True, slots=True)
class RingTone:
    """A tone in one format; ``was_cut`` says whether it was longer than the phone takes."""

    data: bytes
    seconds: float
    was_cut: bool


def convert(data: bytes, wanted: RingFormat) -> RingTone:
    """Return a WAV's sound in the form that phones of one kind play.

    Raises:
        BadAsset: It is not a WAV file that can be read.
    """
    samples, rate = _read(data)
    target = _RATES[wanted]
    needed = int((MOST_SAMPLES[wanted] + 1) * rate / target) + 4 * _TAPS
    made = _resampled(samples[:needed], rate, target)
    was_cut = len(made) > MOST_SAMPLES[wanted]
    made = made[: MOST_SAMPLES[wanted]]
    if len(made) < LEAST_SAMPLES:
        raise BadAsset(f"the tone has {len(made)} samples at {target} Hz, but needs at least {LEAST_SAMPLES}")
    if was_cut:
        _fade_out(made, target // 100)
    numbers = [max(-32_768, min(32_767, round(sample))) for sample in made]
    if wanted is RingFormat.MULAW_8K:
        return RingTone(bytes(map(mulaw, numbers)), len(made) / target, was_cut)
    return RingTone(struct.pack(f"<{len(numbers)}h", *numbers), len(made) / target, was_cut)


def mulaw(sample: int) -> int:
    """Return a 16-bit sample as G.711 µ-law (ITU-T G.711, table 2a)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | (exponent << 4) | mantissa) & 0xFF


def _read(data: bytes) -> tuple[list[float], int]:
    """Return a WAV's samples as one channel in the range of 16 bits, and its rate."""
    try:
        with wave.open(io.BytesIO(data)) as sound:
            channels, width, rate = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
            frames = sound.readframes(rate * _LONGEST_READ_S)
    except (wave.Error, EOFError, struct.error, ValueError) as fault:
        raise BadAsset(f"it is not a WAV file with plain samples: {fault}", to_do="Save it as 16-bit PCM.") from None
    if not (1 <= channels <= 8 and 1 <= width <= 4 and 1000 <= rate <= 384_000):  # noqa: PLR2004 - what WAVs are
        raise BadAsset(f"it has {channels} channels of {width} bytes at {rate} Hz", to_do="Save it as 16-bit PCM.")
    frames = frames[: len(frames) - len(frames) % (width * channels)]
    scale = 2.0 ** (16 - 8 * width)
    values = [
        (frames[at] - 128) * scale
        if width == 1
        else int.from_bytes(frames[at : at + width], "little", signed=True) * scale
        for at in range(0, len(frames), width)
    ]
    return [sum(values[at : at + channels]) / channels for at in range(0, len(values), channels)], rate


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
