"""Who gets which file: each row of the table, the network's words, and that both languages say everything."""

import re
import string

import pytest

from ringfence.content.release import TargetKind
from ringfence.portable import errors, network, words
from ringfence.portable.desk import Desk, FileGiven, FileWithheld, is_of_home
from ringfence.portable.manifest import BundledFile, BundledPhone, BundleManifest

ANNA, BEN, OTHER = "001B54C29A10", "001B54C29A11", "001B54C29AFF"
HERE, THERE, AWAY = "192.168.1.20", "192.168.1.21", "198.18.0.1"
PHONES = (BundledPhone(ANNA, "Anna", "9971"), BundledPhone(BEN, "Ben", "9971"))
FILES = (
    BundledFile(f"SEP{ANNA}.cnf.xml", 0, TargetKind.CONFIGURATION, ANNA, ""),
    BundledFile(f"SEP{BEN}.cnf.xml", 0, TargetKind.CONFIGURATION, BEN, ""),
    BundledFile("dialplan.xml", 0, TargetKind.SHARED, None, ""),
    BundledFile("SIP45.loads", 0, TargetKind.FIRMWARE, None, ""),
)
MANIFEST = BundleManifest("bundle-1", 1, "home", 1, 0.0, 1e9, "", PHONES, FILES)


def given(decision: FileGiven | FileWithheld) -> str:
    return decision.file.name if isinstance(decision, FileGiven) else f"- {decision.told}".rstrip()


@pytest.mark.parametrize(("asked", "expected"), [
    ([(FILES[0].name, HERE, ANNA)], ["SEP001B54C29A10.cnf.xml"]),
    ([(f"/./{FILES[0].name}", HERE, ANNA)], ["SEP001B54C29A10.cnf.xml"]),
    ([(FILES[0].name.lower(), HERE, ANNA)], ["- not-in-bundle"]),
    ([(FILES[0].name, HERE, BEN)], ["- other-device"]),
    ([(FILES[0].name, HERE, OTHER)], ["- other-device"]),
    ([(FILES[0].name, HERE, None), (FILES[0].name, HERE, None)], ["SEP001B54C29A10.cnf.xml"] * 2),
    ([(FILES[0].name, HERE, None), (FILES[0].name, THERE, None)], ["SEP001B54C29A10.cnf.xml", "- second-device"]),
    ([(FILES[0].name, AWAY, ANNA), (FILES[2].name, "8.8.8.8", None)], ["SEP001B54C29A10.cnf.xml", "- not-local"]),
    ([("SEP001B54C29AFF.cnf.xml", HERE, OTHER)], ["- not-in-bundle"]),
    ([("nothing.xml", HERE, ANNA), ("../x", HERE, ANNA), ("", HERE, ANNA)], ["-", "-", "-"]),
    ([("dialplan.xml", HERE, OTHER)], ["- not-in-bundle"]),
    ([("dialplan.xml", HERE, ANNA), ("sip45.LOADS", HERE, BEN)], ["dialplan.xml", "SIP45.loads"]),
    ([("Dialplan.xml", HERE, ANNA)], ["-"]),
    ([("dialplan.xml", HERE, None)], ["dialplan.xml"]),
    ([(FILES[0].name, HERE, None), (FILES[1].name, THERE, None), ("dialplan.xml", "192.168.1.22", None)],
     [FILES[0].name, FILES[1].name, "- not-in-bundle"]),
])  # fmt: skip
def test_each_row_of_the_table(asked: list[tuple[str, str, str | None]], expected: list[str]) -> None:
    desk = Desk(MANIFEST)
    assert [given(desk.judge(*each)) for each in asked] == expected


def test_an_address_that_a_person_names_is_the_phone_behind_a_repeater() -> None:
    desk = Desk(MANIFEST, [HERE])
    assert given(desk.judge(FILES[0].name, HERE, OTHER)) == FILES[0].name
    assert given(desk.judge("dialplan.xml", HERE, OTHER)) == "dialplan.xml"
    assert given(desk.judge(FILES[0].name, THERE, OTHER)) == "- other-device"


def test_who_was_first_stays_first_with_a_newer_bundle() -> None:
    desk = Desk(MANIFEST)
    desk.judge(FILES[0].name, HERE, None)
    desk.take(MANIFEST)
    assert given(desk.judge(FILES[0].name, THERE, None)) == "- second-device"


@pytest.mark.parametrize(("address", "is_home"), [
    ("192.168.1.2", True), ("10.1.2.3", True), ("169.254.3.4", True), ("127.0.0.1", True), ("8.8.8.8", False),
    ("100.64.0.1", False), ("fe80::1", True), ("2001:4860::1", False), ("nothing", False),
])  # fmt: skip
def test_a_home_is_what_homes_use_inside(address: str, is_home: bool) -> None:
    assert is_of_home(address) is is_home


@pytest.mark.parametrize(("line", "bare"), [
    ("192.168.1.20     0x1         0x2         00:1b:54:c2:9a:10     *        eth0", ANNA),
    ("  192.168.1.20          00-1b-54-c2-9a-10     dynamic   ", ANNA),
    ("? (192.168.1.20) at 0:1b:54:c2:9a:10 on en0 ifscope [ethernet]", ANNA),
    ("192.168.1.20     0x1         0x0         00:00:00:00:00:00     *        eth0", None),
    ("? (192.168.1.20) at (incomplete) on en0 ifscope [ethernet]", None),
    ("192.168.1.20 (192.168.1.20) -- no entry", None),
    ("", None),
])  # fmt: skip
def test_hardware_addresses_are_read_as_each_system_writes_them(line: str, bare: str | None) -> None:
    assert network.bare_of(line) == bare


@pytest.mark.parametrize("key", words.keys())
def test_each_sentence_has_the_same_values_in_every_language(key: str) -> None:
    def fields(text: str) -> set[str]:
        return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}

    told = [fields(words._WORDS[key][place]) for place in range(len(words.LANGUAGES))]
    assert all(each == told[0] for each in told)
    assert all(text.strip() for text in words._WORDS[key])


def test_no_refusal_lacks_a_sentence() -> None:
    source = "".join(
        path.read_text() for path in sorted(__import__("pathlib").Path(errors.__file__).parent.glob("*.py"))
    )
    used = set(re.findall(r"(?:Refused|Bundle|Opener|Serve|OutOfReach|Withheld)\(\s*\"([a-z-]+)\"", source))
    assert len(used) > 15
    assert all(words.has(key) for key in used), used


@pytest.mark.parametrize(("asked", "language"), [
    ("de", "de"), ("de_DE", "de"), ("German_Germany.1252", "de"), ("en", "en"), ("fr_FR", "en"),
])  # fmt: skip
def test_the_language_is_the_computers(asked: str, language: str) -> None:
    assert words.language_of(asked) == language


def test_an_error_speaks_both_languages() -> None:
    fault = errors.BundleRefused("older", number=2, newest=3, where="anna.rfb")
    assert str(fault) == ("this bundle has number 2, and this computer has had number 3 (anna.rfb). Use the newer one.")
    assert fault.in_language("de").startswith("dieses Bündel hat die Nummer 2")
    assert str(fault) == fault.in_language("en")
