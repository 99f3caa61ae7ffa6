"""Which firmware a phone runs, from transcripts of its boots."""

import pytest

from ringfence.phones.diagnosis.activity import Known, Seen
from ringfence.phones.diagnosis.running_load import Running, running_load
from ringfence.phones.mac import Mac

ANNA = Mac("001B54C2F101")
OWN = f"SEP{ANNA.bare}.cnf.xml"
NOW = 1_800_000_000.0
OLD, NEW = "SIP42.8-5-2S", "SIP42.9-4-2SR3-1S"
NAMES_NEW = Known(current_release=3, named_load=NEW)


def boot(ago: float, *after: str, release: int = 3) -> list[Seen]:
    """A boot whose configuration is served, and what is asked for after it; ``!`` marks what is not there."""
    began = NOW - ago
    found = [Seen(began - 1, "ITLFile.tlv", was_served=False), Seen(began, OWN, was_served=True, release=release)]
    return found + [
        Seen(began + at, name.lstrip("!"), was_served=not name.startswith("!")) for at, name in enumerate(after, 1)
    ]


def runs(*boots: list[Seen], known: Known = NAMES_NEW) -> str | None:
    found = running_load(ANNA, [each for one in boots for each in one], known, NOW)
    assert found is None or found.at <= NOW
    return None if found is None else found.load


def test_a_boot_that_asks_for_no_firmware_shows_that_the_phone_runs_what_its_file_names() -> None:
    assert runs(boot(3600, "!AppDialRules.xml")) == NEW


def test_a_boot_that_asks_for_the_load_shows_nothing_until_the_next_one() -> None:
    upgrade = boot(3600, f"{NEW}.loads", "apps42.sbn", "dsp42.sbn")
    assert runs(upgrade) is None
    assert runs(upgrade, boot(3000, "dialplan.xml")) == NEW
    assert runs(upgrade, boot(3000, f"!{NEW}.loads", "dialplan.xml")) is None


def test_a_phone_that_keeps_what_it_has_runs_what_it_last_fetched() -> None:
    fetched = boot(9000, f"{OLD}.loads", "apps42.sbn")
    assert runs(fetched, boot(3000, "dialplan.xml"), known=Known(current_release=3)) == OLD
    assert runs(fetched, boot(3000, "dialplan.xml", release=2)) == OLD, "its file of then named another load"
    assert runs(boot(3000, "dialplan.xml"), known=Known(current_release=3)) is None


@pytest.mark.parametrize(
    "seen",
    [
        [],
        boot(30, "dialplan.xml"),  # it still boots
        boot(3600),  # it took nothing else: perhaps it rejected the file
        [Seen(NOW - 3600, OWN, was_served=False), Seen(NOW - 3599, "dialplan.xml", was_served=True)],
    ],
)
def test_what_does_not_show_it_shows_nothing(seen: list[Seen]) -> None:
    assert runs(seen) is None


def test_what_it_asks_for_after_a_reset_is_no_load_of_its_own() -> None:
    assert runs(boot(3600, "term42.default.loads", "dialplan.xml")) == NEW


def test_it_is_told_in_words() -> None:
    told = Running(NEW, NOW - 7200).in_words(NOW)
    assert (told.word, told.text) == ("runs", f"It runs {NEW}, as its boot 2 hours ago showed.")
