"""Sounds and pictures made into phones' forms, measured; what is recognised, and what is refused."""

import io
import math
import struct
import zlib
from pathlib import Path

import pytest
from lxml import etree
from PIL import Image
from typer.testing import CliRunner

from ringfence.cli.main import make_app
from ringfence.phones.assets import g711
from ringfence.phones.assets.kinds import (
    AssetKind,
    models_for,
    picture_list,
    recognise,
    ring_list,
    wants,
)
from ringfence.phones.assets.pictures import convert as convert_picture
from ringfence.phones.assets.ring_tones import RingTone, convert
from ringfence.phones.assets.wave_files import read_wave
from ringfence.phones.errors import BadAsset
from ringfence.phones.families import model
from ringfence.phones.family import Picture, RingFormat
from support.firmware_files import zipped
from support.sounds import wav


def convert_wave(data: bytes, wanted: RingFormat) -> RingTone:
    return convert(read_wave(data), wanted)


def level(samples: list[int], rate: int, tone_hz: float) -> float:
    """How strong a tone is in some samples, as its amplitude."""
    real = sum(sample * math.cos(2 * math.pi * tone_hz * at / rate) for at, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(2 * math.pi * tone_hz * at / rate) for at, sample in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / len(samples)


def test_mulaw_has_the_codes_of_g_711() -> None:
    for sample, code in ((0, 0xFF), (-1, 0x7F), (8316, 0x9F), (-32_124, 0x00), (32_124, 0x80), (32_767, 0x80)):
        assert g711.to_mulaw(sample) == code, sample
    for code in range(256):
        assert (
            g711.to_mulaw(g711.from_mulaw(code)) in {code, 0xFF}
            if g711.from_mulaw(code) == 0
            else g711.to_mulaw(g711.from_mulaw(code)) == code
        )


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_keeps_its_pitch_and_loudness(width: int, channels: int) -> None:
    made = convert_wave(wav(1000, 0.5, channels=channels, width=width), RingFormat.MULAW_8K)
    samples = [g711.from_mulaw(code) for code in made.data][400:3600]
    assert level(samples, 8000, 1000) == pytest.approx(16_384, rel=0.03)
    assert (len(made.data), made.was_cut) == (4000, False)


def test_what_the_new_rate_can_not_carry_is_gone_and_does_not_come_back_as_another_tone() -> None:
    made = convert_wave(wav(6000, 0.5), RingFormat.MULAW_8K)
    samples = [g711.from_mulaw(code) for code in made.data][400:3600]
    assert level(samples, 8000, 2000) < 16_384 / 100  # 6 kHz would fold to 2 kHz


def test_wideband_phones_get_16_bits_at_16_khz() -> None:
    made = convert_wave(wav(5000, 0.25, rate=16_000), RingFormat.LINEAR_16K)
    samples = list(struct.unpack(f"<{len(made.data) // 2}h", made.data))
    assert len(samples) == 4000
    assert level(samples[200:3800], 16_000, 5000) == pytest.approx(16_384, rel=0.02)


def test_a_long_tone_is_cut_with_its_end_faded() -> None:
    made = convert_wave(wav(440, 3.0, rate=8000), RingFormat.MULAW_8K)
    assert (len(made.data), made.was_cut) == (16_080, True)
    assert abs(g711.from_mulaw(made.data[-1])) < 600
    assert not convert_wave(wav(440, 3.0, rate=16_000), RingFormat.LINEAR_16K).was_cut


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"RIFF\x00\x00\x00\x00WAVE", "not a WAV file that can be read"),
        (wav(440, 0.5)[:40], "not a WAV file that can be read"),
        (wav(440, 0.01), "at least 240"),
        (wav(440, 0.5, rate=500), "at 500 Hz"),
    ],
)
def test_a_sound_that_can_not_be_used_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadAsset, match=says):
        convert_wave(data, RingFormat.MULAW_8K)


def picture(width: int, height: int, form: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), 120 if mode == "L" else (200, 30, 60)).save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_picture_gets_the_models_size_and_a_thumbnail(form: str) -> None:
    large, small = convert_picture(picture(1000, 333, form), Picture(320, 212, 16, (80, 53)))
    sizes = [Image.open(io.BytesIO(data)).size for data in (large, small)]
    assert sizes == [(320, 212), (80, 53)]
    assert large.startswith(b"\x89PNG")


def test_a_grey_screen_gets_sixteen_greys() -> None:
    large, _small = convert_picture(picture(64, 64), Picture(320, 196, 4, (80, 49)))
    image = Image.open(io.BytesIO(large))
    assert image.mode == "L"
    assert len(image.getcolors() or []) <= 16


def bomb() -> bytes:
    """A PNG of 200 bytes that says it has 60,000 × 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(100)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + b"junk" * 20, picture(50, 50)[:60], bomb()])
def test_a_picture_that_can_not_be_used_is_refused(data: bytes) -> None:
    with pytest.raises(BadAsset, match=r"not a picture that can be read|damaged|pixels"):
        convert_picture(data, Picture(320, 212, 16, (80, 53)))


@pytest.mark.parametrize(
    ("path", "data", "kind", "name", "model"),
    [
        ("a/Door_bell.wav", wav(440, 0.2), AssetKind.RING, "Door bell", "7942"),
        ("Sea side.png", picture(20, 20), AssetKind.WALLPAPER, "Sea side", "9971"),
        ("usr/tftp/German_Germany/mk-sip.jar", b"PK\x03\x04jar", AssetKind.LOCALE, "German_Germany", "7942"),
        ("Germany/g4-tones.xml", b"<tones/>", AssetKind.TONES, "Germany", "9971"),
    ],
)
def test_an_asset_is_recognised_by_what_it_is(path: str, data: bytes, kind: AssetKind, name: str, model: str) -> None:
    asset = recognise(path, data)
    assert asset is not None
    assert (asset.kind, asset.name) == (kind, name)
    assert model in models_for(asset)
    assert all(len(file.name.encode()) < 255 for file in asset.files)


def test_an_8941_gets_its_wallpapers_in_both_folders_that_sources_name() -> None:
    asset = recognise("sea.png", picture(20, 20))
    assert asset is not None
    found = {file.name for file in asset.files if wants(asset.kind, file.variant, model("8941")[1])}
    assert found == {f"Desktops/{size}x480x24/sea{end}.png" for size in (640, 800) for end in ("", "-tn")}
    assert not any("800x480" in file.name for file in asset.files if wants(asset.kind, file.variant, model("9971")[1]))


@pytest.mark.parametrize(
    ("path", "data"), [("readme.txt", b"text"), ("x.jar", b"PK"), ("German_Germany/mk-sip.jar", b"no zip")]
)
def test_what_is_no_asset_is_left(path: str, data: bytes) -> None:
    assert recognise(path, data) is None


def test_bad_tones_are_refused() -> None:
    with pytest.raises(BadAsset, match="not well-formed"):
        recognise("Germany/g3-tones.xml", b"<tones>")


def test_lists_are_well_formed_whatever_the_names() -> None:
    rings = etree.fromstring(ring_list([("A & <B>", "a.raw")] * 60))
    assert len(rings) == 50
    assert rings[0].findtext("DisplayName") == "A & <B>"
    pictures = etree.fromstring(picture_list(["Desktops/320x212x16/sea.png"]))
    assert pictures[0].get("Image") == "TFTP:Desktops/320x212x16/sea-tn.png"
    assert pictures[0].get("URL") == "TFTP:Desktops/320x212x16/sea.png"


def test_the_command_says_who_gets_what_without_a_hub(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(
        zipped({"ring.wav": wav(440, 3.0, rate=8000), "readme.txt": b"x", "sea.jpg": picture(40, 30, "JPEG")})
    )
    result = CliRunner().invoke(make_app("asset"), ["asset", "import", str(path), "--dry-run"])
    assert result.exception is None, result.output
    assert "Ring tone “ring” (cut to 2.0 s for phones that play µ-law, 8 kHz), for" in result.output
    assert "Wallpaper “sea”, for" in result.output
    (tmp_path / "x.txt").write_text("x")
    empty = CliRunner().invoke(make_app("asset"), ["asset", "import", str(tmp_path / "x.txt"), "--dry-run"])
    assert "it holds no ring tone" in str(empty.exception)
