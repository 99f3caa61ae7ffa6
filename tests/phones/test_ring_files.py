"""Rings as people have them: WAVs in every form, and files that phones have played before."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.assets import g711
from ringfence.phones.assets.kinds import Asset, models_for, recognise, together
from ringfence.phones.assets.wave_files import read_wave
from ringfence.phones.errors import BadAsset
from ringfence.phones.family import RingFormat
from support.sounds import ALAW, EXTENSIBLE, FLOAT, MULAW, PCM, chunk, extensible, form, riff, to_alaw, tone, wav

RATE = 8000
TONE = tone(440, 0.1, RATE)
AS_16_BITS = struct.pack(f"<{len(TONE)}h", *TONE)
AS_24_BITS = b"".join((sample << 8).to_bytes(3, "little", signed=True) for sample in TONE)
AS_FLOATS = struct.pack(f"<{len(TONE)}f", *(sample / 32_768 for sample in TONE))
AS_DOUBLES = struct.pack(f"<{len(TONE)}d", *(sample / 32_768 for sample in TONE))
AS_MULAW = bytes(map(g711.to_mulaw, TONE))
AS_ALAW = bytes(map(to_alaw, TONE))
SIZE = struct.pack("<H", 0)


@pytest.mark.parametrize(
    ("data", "off_by"),
    [
        (riff(form(PCM, RATE, 16), AS_16_BITS), 0),
        (riff(extensible(PCM, RATE, 16), AS_16_BITS), 0),
        (riff(extensible(PCM, RATE, 24, valid=20), AS_24_BITS), 0),
        (riff(form(FLOAT, RATE, 32, extra=SIZE), AS_FLOATS), 1),
        (riff(extensible(FLOAT, RATE, 64), AS_DOUBLES), 1),
        (riff(form(MULAW, RATE, 8, extra=SIZE), AS_MULAW), 512),
        (riff(extensible(MULAW, RATE, 8), AS_MULAW), 512),
        (riff(form(ALAW, RATE, 8, extra=SIZE), AS_ALAW), 512),
        (riff(extensible(ALAW, RATE, 8), AS_ALAW), 512),
        (riff(form(PCM, RATE, 16), AS_16_BITS, chunk(b"LIST", b"odd")), 0),
        (riff(form(PCM, RATE, 16), AS_16_BITS, riff_bytes=2**32 - 1, data_bytes=2**32 - 1), 0),
        (riff(form(PCM, RATE, 16), AS_16_BITS, riff_bytes=0, data_bytes=0), 0),
    ],
)
def test_a_wav_sounds_the_same_in_whatever_form_a_program_wrote_it(data: bytes, off_by: int) -> None:
    sound = read_wave(data)
    assert (sound.rate, len(sound.samples)) == (RATE, len(TONE))
    assert max(abs(one - other) for one, other in zip(sound.samples, TONE, strict=True)) <= off_by


def test_an_extensible_wav_becomes_the_same_ring_as_a_plain_one() -> None:
    plain = recognise("a.wav", riff(form(PCM, RATE, 16), AS_16_BITS))
    assert plain is not None
    assert recognise("a.wav", riff(extensible(PCM, RATE, 16), AS_16_BITS)) == plain


def test_the_codes_of_both_laws_are_those_of_g_711() -> None:
    assert [g711.from_mulaw(code) for code in (0xFF, 0x7F, 0x80, 0x00)] == [0, 0, 32_124, -32_124]
    assert [g711.from_alaw(code) for code in (0xD5, 0x55, 0xAA, 0x2A)] == [8, -8, 32_256, -32_256]
    assert sorted(map(g711.from_alaw, range(256))) == [-each for each in sorted(map(g711.from_alaw, range(256)))][::-1]


UNKNOWN_GUID = form(EXTENSIBLE, RATE, 16, 1, struct.pack("<HHI", 22, 16, 4) + bytes(16))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (riff(extensible(2, RATE, 16), AS_16_BITS), "of the form 0x0002"),
        (riff(form(0x55, RATE, 16), AS_16_BITS), "of the form 0x0055"),
        (riff(UNKNOWN_GUID, AS_16_BITS), "only their program knows"),
        (riff(form(EXTENSIBLE, RATE, 16), AS_16_BITS), "cut off"),
        (riff(extensible(PCM, RATE, 16)[:-1], AS_16_BITS), "cut off"),
        (riff(extensible(PCM, RATE, 16, valid=24), AS_16_BITS), "contradicts itself"),
        (riff(struct.pack("<HHIIHH", PCM, 1, RATE, 1, 7, 16), AS_16_BITS), "contradicts itself"),
        (riff(form(PCM, RATE, 16, channels=0), AS_16_BITS), "0 channels"),
        (riff(form(PCM, RATE, 16, channels=9), AS_16_BITS), "9 channels"),
        (riff(form(PCM, RATE, 0), AS_16_BITS), "0 bits"),
        (riff(form(FLOAT, RATE, 16), AS_16_BITS), "of 16 bits"),
        (riff(form(PCM, 10**9, 16), AS_16_BITS), "at 1000000000 Hz"),
        (riff(form(PCM, RATE, 16), AS_16_BITS)[:44], "at least 240"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", AS_16_BITS), "comes after its samples"),
    ],
)
def test_a_wav_that_can_not_be_used_is_refused_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(BadAsset, match=says):
        recognise("a.wav", data)


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_no_bytes_in_a_wav_end_in_anything_but_a_sound_or_a_reason(description: bytes, rest: bytes) -> None:
    for data in (b"RIFF\0\0\0\0WAVE" + description, riff(description, rest)):
        with contextlib.suppress(BadAsset):
            assert len(read_wave(data).samples) <= len(data)


def samples_of(asset: Asset, form: RingFormat) -> bytes:
    (file,) = (file for file in asset.files if file.variant == form.name)
    return file.data


READY_RAW = bytes(range(240)) * 3
READY_RWB = AS_16_BITS * 2


@pytest.mark.parametrize(
    ("path", "data", "form"),
    [("Old Phone.raw", READY_RAW, RingFormat.MULAW_8K), ("Old Phone.RWB", READY_RWB, RingFormat.LINEAR_16K)],
)
def test_a_ready_ring_stays_as_it_is_and_is_made_into_the_other_form(path: str, data: bytes, form: RingFormat) -> None:
    asset = recognise(path, data)
    assert asset is not None
    assert samples_of(asset, form) == data
    assert sorted(file.name for file in asset.files) == ["Old-Phone.raw", "Old-Phone.rwb"]
    assert (asset.name, asset.notes) == ("Old Phone", ())
    assert {"7942", "8851"} <= set(models_for(asset))


def test_a_ready_ring_that_is_too_long_for_phones_is_cut() -> None:
    asset = recognise("long.raw", AS_MULAW * 30)
    assert asset is not None
    assert len(samples_of(asset, RingFormat.MULAW_8K)) == 16_080
    assert asset.notes == ("cut to 2.0 s for phones that play µ-law, 8 kHz",)


@pytest.mark.parametrize(
    ("path", "data", "says"),
    [
        ("a.raw", bytes(239), "at least 240"),
        ("a.rwb", bytes(478), "at least 240"),
        ("a.rwb", bytes(481), "no whole number of samples"),
        ("photo.raw", bytes(1_000_000), "would ring for 125 s"),
    ],
)
def test_what_can_be_no_ring_is_refused(path: str, data: bytes, says: str) -> None:
    with pytest.raises(BadAsset, match=says):
        recognise(path, data)


def test_a_ring_that_is_there_in_both_forms_is_one_ring_of_both() -> None:
    found = [
        recognise("in/Bell.raw", READY_RAW),
        recognise("a.wav", wav(440, 0.1)),
        recognise("in/Bell.rwb", READY_RWB),
    ]
    kept = list(together(asset for asset in found if asset is not None))
    assert [asset.name for asset in kept] == ["a", "Bell"]
    assert samples_of(kept[1], RingFormat.MULAW_8K) == READY_RAW
    assert samples_of(kept[1], RingFormat.LINEAR_16K) == READY_RWB
