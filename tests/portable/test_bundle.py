"""Bundles: what the hub wrote is served to the byte, and each way in which one is not good has its refusal."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.content.release import TargetKind
from ringfence.errors import RingfenceError
from ringfence.hub.data_errors import BadPassphrase
from ringfence.hub.errors import BadBundle
from ringfence.hub.publishing import bundle_file
from ringfence.portable import primitives
from ringfence.portable.bundle import FORM_LINE, OpenBundle, check_time, open_bundle
from ringfence.portable.errors import BundleRefused, PortableFault, UnreadableBundle, WrongOpener
from ringfence.portable.manifest import PIECE_BYTES, BundledPhone, BundleManifest, pieces_of
from ringfence.portable.primitives import Primitives
from ringfence.portable.taken import TakenNumbers
from ringfence.secret import Secret
from ringfence.tftp.errors import ReadFailed
from support.portable_home import CONFIGURATION, FIRMWARE, MAC, NAME, BundlingHub, new_identity

HUB = BundlingHub()
IDENTITY, LOCK, _ = new_identity()
BY = primitives.compiled()


@pytest.fixture
def anna(tmp_path: Path) -> Path:
    return HUB.write(tmp_path / "anna.rfb", LOCK)


def opened(path: Path, by: Primitives = BY) -> OpenBundle:
    return open_bundle(path, IDENTITY, HUB.key, by)


def manifest_of(path: Path) -> BundleManifest:
    with opened(path) as bundle:
        return bundle.manifest


@pytest.mark.parametrize("by", [BY, primitives.pure()], ids=["compiled", "pure"])
def test_each_file_is_read_as_the_hub_wrote_it(anna: Path, by: Primitives) -> None:
    with opened(anna, by) as bundle:
        files = {file.name: bundle.read(file, 0, file.length + 1) for file in bundle.manifest.files}
    assert files[NAME] == CONFIGURATION
    assert files["SCCP45.9-4-2SR3-1S.loads"] == FIRMWARE
    assert bundle.manifest.phone(MAC) == BundledPhone(MAC, "Anna's phone", "CP-7945G")


@given(st.integers(0, len(FIRMWARE)), st.integers(0, 3 * PIECE_BYTES))
def test_a_file_is_read_at_any_place(
    tmp_path_factory: pytest.TempPathFactory, offset: int, size: int
) -> None:  # one file for all examples
    path = tmp_path_factory.getbasetemp() / "any-place.rfb"
    if not path.exists():
        HUB.write(path, LOCK)
    with opened(path) as bundle:
        file = next(each for each in bundle.manifest.files if each.kind == TargetKind.FIRMWARE)
        assert bundle.read(file, offset, size) == FIRMWARE[offset : offset + size]


def test_nothing_of_it_is_to_be_seen_from_outside(anna: Path) -> None:
    data = anna.read_bytes()
    for word in (NAME, MAC, "Anna", "anna", "CP-7945G", "dialplan", "bundle-3f9c", "<device>"):
        assert word.encode() not in data


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    files = [HUB.target(NAME, b"", TargetKind.CONFIGURATION, MAC)]
    with opened(HUB.write(tmp_path / "empty.rfb", LOCK, HUB.content(files=files))) as bundle:
        assert bundle.read(bundle.manifest.files[0], 0, 10) == b""


def test_another_hubs_bundle_is_refused(anna: Path) -> None:
    with pytest.raises(BundleRefused, match="from another hub"):
        open_bundle(anna, IDENTITY, BundlingHub().key, BY)


@pytest.mark.slow
def test_it_asks_for_what_opens_it(anna: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongOpener, match="for an age recipient"):
        open_bundle(anna, lambda: b"a passphrase", HUB.key, BY)
    other, _lock, _text = new_identity()
    with pytest.raises(WrongOpener, match="this identity does not open"):
        open_bundle(anna, other, HUB.key, BY)
    by_passphrase = HUB.write(tmp_path / "p.rfb", bundle_file.lock_for_passphrase(Secret("correct horse battery")))
    with pytest.raises(WrongOpener, match="the passphrase does not open"):
        open_bundle(by_passphrase, lambda: b"wrong horse battery", HUB.key, BY)
    with open_bundle(by_passphrase, lambda: b"correct horse battery", HUB.key, BY) as bundle:
        pass
    with open_bundle(by_passphrase, bundle.opener, HUB.key, BY) as again:
        assert again.manifest == bundle.manifest


@pytest.mark.parametrize(("moment", "refusal"), [
    (lambda m: m.expires_at, "this bundle expired on"),
    (lambda m: m.expires_at + 1e6, "this bundle expired on"),
    (lambda m: m.made_at - 2 * 86_400, "this computer's clock says"),
])  # fmt: skip
def test_it_is_good_for_its_time(anna: Path, moment: Callable[[BundleManifest], float], refusal: str) -> None:
    manifest = manifest_of(anna)
    check_time(manifest, manifest.made_at)
    check_time(manifest, manifest.expires_at - 1)
    with pytest.raises(BundleRefused, match=refusal):
        check_time(manifest, moment(manifest))


@pytest.mark.parametrize(("data", "refusal"), [
    (b"", "not a bundle"), (b"PK\x03\x04", "not a bundle"), (b"\n" * 99, "not a bundle"),
    (b"ringfence bundle 2\nkey: x\n\n", "newer form"), (FORM_LINE, "damaged"), (FORM_LINE + b"key: ", "damaged"),
    (FORM_LINE + b"key: recipient\n", "damaged"), (FORM_LINE + b"key: recipient\n\n", "damaged"),
    (FORM_LINE + b"key: " + b"A" * 100_000, "damaged"),
])  # fmt: skip
def test_what_is_no_bundle_is_none(tmp_path: Path, data: bytes, refusal: str) -> None:
    (file := tmp_path / "x.rfb").write_bytes(data)
    with pytest.raises(PortableFault, match=refusal):
        opened(file)


def test_a_file_that_cant_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.rfb", tmp_path / "no\0name"):
        with pytest.raises(UnreadableBundle, match="can't be read"):
            opened(path)


SMALL = HUB.content(files=[HUB.target(NAME, CONFIGURATION, TargetKind.CONFIGURATION, MAC)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_was_altered_or_cut_short_is_refused_in_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole.rfb"
    if not whole.exists():
        HUB.write(whole, LOCK, SMALL)
    altered = bytearray(whole.read_bytes())
    kind = data.draw(st.sampled_from(["turned", "cut", "longer", "doubled"]))
    place = data.draw(st.integers(0, len(altered) - 1))
    if kind == "turned":
        altered[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del altered[place:]
    elif kind == "longer":
        altered += data.draw(st.binary(min_size=1, max_size=70_000))
    else:
        altered[place:place] = altered[place : place + data.draw(st.integers(1, 200))]
    (file := tmp_path / "altered.rfb").write_bytes(altered)
    with pytest.raises(RingfenceError) as refused:
        opened(file)
    assert str(refused.value).endswith(".")


def test_an_alteration_behind_what_is_read_first_stops_the_file_and_not_the_server(anna: Path) -> None:
    with opened(anna) as bundle:
        firmware = next(file for file in bundle.manifest.files if file.kind == TargetKind.FIRMWARE)
        data = bytearray(anna.read_bytes())
        for place in range(len(data) // 3, len(data), 60_000):
            data[place] ^= 1
        anna.write_bytes(data)
        with pytest.raises(ReadFailed):
            bundle.read(firmware, 0, firmware.length)
    with pytest.raises(ReadFailed):
        bundle.read(firmware, 0, 1)


def test_a_piece_that_the_hub_did_not_sign_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever knows the recipient can encrypt, and has the old manifest: only the digests tell."""
    monkeypatch.setattr(bundle_file, "pieces_of", lambda parts: pieces_of([b"x" * sum(map(len, parts))]))
    HUB.write(tmp_path / "forged.rfb", LOCK)
    with opened(tmp_path / "forged.rfb") as bundle, pytest.raises(ReadFailed, match="not the one that the hub signed"):
        bundle.read(bundle.manifest.files[0], 0, 1)


def test_only_the_highest_number_is_remembered(tmp_path: Path) -> None:
    taken = TakenNumbers(tmp_path / "state" / "taken.json")
    assert taken.highest("bundle-a") == 0
    taken.note("bundle-a", 3)
    taken.note("bundle-a", 2)
    taken.note("bundle-b", 1)
    assert (taken.highest("bundle-a"), taken.highest("bundle-b")) == (3, 1)
    for number in range(200):
        taken.note(f"bundle-{number:x}x", 1)
    assert (tmp_path / "state" / "taken.json").stat().st_size < 5_000
    (tmp_path / "state" / "taken.json").write_text("[broken")
    assert taken.highest("bundle-a") == 0


@given(st.binary(max_size=300))
def test_no_manifest_is_believed_that_is_none(data: bytes) -> None:
    with pytest.raises(BundleRefused):
        BundleManifest.from_bytes(data)


@pytest.mark.parametrize("change", [
    {"number": 0}, {"number": True}, {"number": 1.5}, {"number": 1 << 60}, {"made_at": "now"}, {"expires_at": 1e300},
    {"bundle": "../x"}, {"phones": []}, {"phones": [{"mac": "x", "name": "", "model": ""}]}, {"site": "a\nb"},
    {"files": [{"name": "../x", "length": 0, "kind": "shared", "owner": None, "pieces": ""}]},
    {"files": [{"name": "x", "length": 1, "kind": "shared", "owner": None, "pieces": ""}]},
    {"files": [{"name": "x", "length": -1, "kind": "shared", "owner": None, "pieces": ""}]},
    {"files": [{"name": "x", "length": 1 << 40, "kind": "shared", "owner": None, "pieces": ""}]},
    {"files": [{"name": "x", "length": 0, "kind": "shared", "owner": "0" * 12, "pieces": ""}]},
    {"files": [{"name": "x", "length": 0, "kind": "shared", "owner": None, "pieces": ""}] * 2},
    {"files": None}, {"watch": 7}, {"form": 2},
])  # fmt: skip
def test_each_value_of_a_manifest_is_checked(tmp_path: Path, change: dict[str, object]) -> None:
    import json  # noqa: PLC0415 - of this test alone

    manifest = manifest_of(HUB.write(tmp_path / "m.rfb", LOCK, SMALL))
    told = json.loads(manifest.to_bytes())
    assert BundleManifest.from_bytes(json.dumps(told).encode()) == manifest
    with pytest.raises(BundleRefused):
        BundleManifest.from_bytes(json.dumps({**told, **change}).encode())


def test_the_hub_makes_none_that_a_portable_would_refuse(tmp_path: Path) -> None:
    phones = tuple(BundledPhone(f"{number:012X}", "", "9971") for number in range(1, 502))
    with pytest.raises(BadBundle, match="at most 500 phones"):
        HUB.write(tmp_path / "many.rfb", LOCK, HUB.content(phones=phones))
    large = HUB.target("large.bin", b"x", TargetKind.FIRMWARE)
    larger = type(large)("large.bin", large.digest, 2 << 30, TargetKind.FIRMWARE)
    with pytest.raises(BadBundle, match="at most 1024 MiB"):
        HUB.write(tmp_path / "large.rfb", LOCK, HUB.content(files=[larger]))
    with pytest.raises(BadPassphrase, match="not an age recipient"):
        bundle_file.lock_for_recipient("age1nothing")


def test_time_is_told_in_days() -> None:
    with pytest.raises(BundleRefused, match=r"expired on 2001-09-09\. Ask for a newer one\."):
        check_time(HUB_MANIFEST, time.time())


HUB_MANIFEST = BundleManifest("bundle-1", 1, "anna", 1, 0.0, 1e9, "", (BundledPhone(MAC, "", "9971"),), ())
