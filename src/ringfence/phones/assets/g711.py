"""G.711 in both laws: one byte for each sample (ITU-T G.711, tables 1 and 2)."""

_BIAS, _CLIP = 0x84, 32_635
_EVEN_BITS = 0x55
"""A-law inverts every other bit on the line."""


def to_mulaw(sample: int) -> int:
    """Return a 16-bit sample as µ-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | (exponent << 4) | mantissa) & 0xFF


def from_mulaw(code: int) -> int:
    """Return a µ-law byte as a 16-bit sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)
    return _BIAS - magnitude if code & 0x80 else magnitude - _BIAS


def from_alaw(code: int) -> int:
    """Return an A-law byte as a 16-bit sample."""
    code ^= _EVEN_BITS
    exponent, magnitude = (code >> 4) & 7, ((code & 0x0F) << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


MULAW = tuple(map(from_mulaw, range(256)))
ALAW = tuple(map(from_alaw, range(256)))
