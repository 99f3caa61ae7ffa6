"""Sounds as WAV files in every form that programs write, and what phones' samples mean."""

import io
import math
import struct
import wave

from ringfence.phones.assets import g711

PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def wav(tone_hz: float, seconds: float, rate: int = 44_100, channels: int = 1, width: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        top = 2 ** (8 * width - 1) - 1
        frames = bytearray()
        for at in range(int(seconds * rate)):
            value = round(0.5 * top * math.sin(2 * math.pi * tone_hz * at / rate))
            one = bytes([value + 128]) if width == 1 else value.to_bytes(width, "little", signed=True)
            frames += one * channels
        sound.writeframes(bytes(frames))
    return out.getvalue()


def riff(
    form: bytes, samples: bytes, *others: bytes, riff_bytes: int | None = None, data_bytes: int | None = None
) -> bytes:
    """A WAV of chunks made by hand; a length that is given is written whether it is true or not."""
    parts = b"".join([chunk(b"fmt ", form), *others, chunk(b"data", samples, data_bytes)])
    return b"RIFF" + struct.pack("<I", len(parts) + 4 if riff_bytes is None else riff_bytes) + b"WAVE" + parts


def chunk(name: bytes, body: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if length is None else length) + body + bytes(len(body) % 2)


def form(number: int, rate: int, bits: int, channels: int = 1, extra: bytes = b"") -> bytes:
    frame = channels * ((bits + 7) // 8)
    return struct.pack("<HHIIHH", number, channels, rate, rate * frame, frame, bits) + extra


def extensible(number: int, rate: int, bits: int, channels: int = 1, valid: int | None = None) -> bytes:
    guid = number.to_bytes(2, "little") + GUID_TAIL
    return form(EXTENSIBLE, rate, bits, channels, struct.pack("<HHI", 22, bits if valid is None else valid, 4) + guid)


def tone(hertz: float, seconds: float, rate: int) -> list[int]:
    return [round(16_384 * math.sin(2 * math.pi * hertz * at / rate)) for at in range(int(seconds * rate))]


def to_alaw(sample: int) -> int:
    """A sample as A-law: the nearest of all codes."""
    return min(range(256), key=lambda code: abs(g711.from_alaw(code) - sample))
