import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.content.digests import check_blob, is_digest, sha256_hex
from ringfence.content.errors import BadName, WrongDigest
from ringfence.content.names import normalise
from ringfence.content.release import Release, Target, TargetKind


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("SEP001122334455.cnf.xml", "SEP001122334455.cnf.xml"),
        ("/g3-tones.xml", "g3-tones.xml"),
        ("\\g3-tones.xml", "g3-tones.xml"),
        ("//g3-tones.xml", "g3-tones.xml"),
        ("Communicator\\ring.raw", "Communicator/ring.raw"),
        ("a//b", "a/b"),
        ("./a", "a"),
        (".\\a/./b/", "a/b"),
        ("./.a", ".a"),
        ("Desktops/320x196x4/List.xml", "Desktops/320x196x4/List.xml"),
    ],
)
def test_names_as_phones_write_them(raw: str, name: str) -> None:
    assert normalise(raw) == name


@pytest.mark.parametrize(
    "raw",
    ["", "/", "..", "../x", "a/../b", "./..", "/./", "a\0.cnf", "a\nb", "a\x7f", "..\\..\\x", "x" * 256, "é" * 128],
)
def test_names_that_no_release_may_hold(raw: str) -> None:
    with pytest.raises(BadName):
        normalise(raw)


@given(st.text(max_size=300))
def test_what_is_normalised_stays_and_stays_inside(raw: str) -> None:
    try:
        name = normalise(raw)
    except BadName:
        return
    assert normalise(name) == name
    assert not name.startswith("/")
    assert ".." not in name.split("/")


def test_digests() -> None:
    digest = sha256_hex(b"abc")
    assert is_digest(digest)
    assert not is_digest("../" + digest)
    check_blob(b"abc", digest, 3)
    with pytest.raises(WrongDigest):
        check_blob(b"abd", digest, 3)
    with pytest.raises(WrongDigest):
        check_blob(b"abc", digest, 4)


def test_a_release_holds_each_name_once_in_order() -> None:
    first, second = (Target(name, sha256_hex(b""), 0, TargetKind.SHARED) for name in ("a", "b"))
    assert Release("anna", 1, (first, second)).targets == (first, second)
    for wrong in [(second, first), (first, first)]:
        with pytest.raises(ValueError, match="sorted by name"):
            Release("anna", 1, wrong)
    with pytest.raises(ValueError, match="start at 1"):
        Release("anna", 0, ())
