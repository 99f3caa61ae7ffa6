"""What is told of a phone, from transcripts of what it asked for."""

import pytest

from ringfence.phones.diagnosis.activity import (
    Known,
    Seen,
    Urgency,
    observe,
)
from ringfence.phones.mac import Mac

ANNA = Mac("001B54C2F101")
OWN = f"SEP{ANNA.bare}.cnf.xml"
NOW = 1_800_000_000.0


def served(ago: float, name: str = OWN, release: int = 3) -> Seen:
    return Seen(NOW - ago, name, was_served=True, release=release)


def refused(ago: float, name: str) -> Seen:
    return Seen(NOW - ago, name, was_served=False)


def words(seen: list[Seen], known: Known | None = None) -> list[str]:
    told = observe(ANNA, sorted(seen, key=lambda each: each.at), known or Known(current_release=3), NOW)
    assert told == sorted(told, key=lambda sentence: sentence.urgency)
    assert all(sentence.text.endswith((".", "?")) for sentence in told)
    return [sentence.word for sentence in told]


def text(seen: list[Seen], word: str, known: Known | None = None) -> str:
    told = observe(ANNA, sorted(seen, key=lambda each: each.at), known or Known(current_release=3), NOW)
    return next(sentence.text for sentence in told if sentence.word == word)


def boot(ago: float, *more: str) -> list[Seen]:
    names = (f"CTLSEP{ANNA.bare}.tlv", f"ITLSEP{ANNA.bare}.tlv", "ITLFile.tlv")
    found = [refused(ago + 3 - at, name) for at, name in enumerate(names)]
    return [*found, served(ago), *(refused(ago - 2, name) for name in more)]


def test_a_phone_that_asked_for_nothing_is_told_so() -> None:
    assert words([]) == ["never-seen"]


def test_a_phone_that_has_the_newest_file_is_fine_and_its_missing_lists_are_harmless() -> None:
    seen = boot(7200, "AppDialRules.xml", "/Germany/g4-tones.xml")
    assert words(seen) == ["harmless", "current"]
    assert "release 3 2 hours ago. That is its newest version." in text(seen, "current")
    assert "AppDialRules.xml" in text(seen, "harmless")


def test_a_boot_that_is_going_on_is_news() -> None:
    assert words(boot(10)) == ["booting", "harmless"]


def test_a_file_that_changed_since_is_taken_at_the_next_boot() -> None:
    assert "Its file has changed since, in release 5" in text(boot(9000), "stale", Known(current_release=5))


@pytest.mark.parametrize("every", [15.0, 45.0])
def test_a_phone_that_asks_again_and_for_nothing_after_rejects_its_configuration(every: float) -> None:
    seen = [each for turn in range(4) for each in boot(turn * every + 5)]
    told = text(seen, "rejects")
    assert f"every {every:.0f} s" in told
    assert "release 3" in told
    assert words(seen)[0] == "rejects"


def test_a_phone_that_asks_for_its_dial_plan_has_taken_its_configuration() -> None:
    seen = [each for turn in range(3) for each in boot(turn * 45 + 5, "dialplan.xml")]
    assert "rejects" not in words(seen)


def test_a_phone_that_boots_and_boots_loops() -> None:
    seen = [each for turn in range(5) for each in boot(turn * 120 + 5, "dialplan.xml")]
    told = text(seen, "boot-loop", Known(3, named_load="sip9971.9-4-2SR4-1"))
    assert "booted 5 times within 8 minutes" in told
    assert "sip9971.9-4-2SR4-1" in told


def test_who_asks_for_signed_files_and_took_no_list_here_holds_somebody_elses() -> None:
    seen = [refused(20, f"ITLSEP{ANNA.bare}.tlv"), refused(19, f"{OWN}.sgn")]
    assert "holds somebody else's" in text(seen, "foreign-list", Known(took_list=False))
    assert "foreign-list" not in words(seen, Known(took_list=True))
    assert "foreign-list" not in words(seen)  # an edge does not know it


def test_who_takes_a_signed_file_again_and_again_and_never_went_on_does_not_believe_it() -> None:
    seen = [served(45 * turn + 5, f"{OWN}.sgn") for turn in range(4, -1, -1)]
    told = text(seen, "foreign-list", Known(took_list=True))
    assert "every 45 s" in told
    assert "does not believe its signature" in told
    went_on = [served(900, f"{OWN}.sgn"), served(899, "dialplan.xml.sgn"), *seen]
    assert "every 45 s" in text(went_on, "rejects", Known(took_list=True))


def test_who_held_a_list_and_asks_without_a_signature_has_none_any_more() -> None:
    assert "somebody erased that" in text([served(20, OWN)], "asks-unsigned", Known(took_list=True, takes_signed=True))
    for name in (f"{OWN}.sgn", f"https/{OWN}"):
        assert "asks-unsigned" not in words([served(20, name)], Known(took_list=True, takes_signed=True))


def encrypted_boot(ago: float, *more: str) -> list[Seen]:
    return [served(ago, f"{OWN}.sgn"), served(ago - 0.1, f"{OWN}.enc.sgn"), *(refused(ago - 2, name) for name in more)]


def test_a_boot_with_an_encrypted_file_is_one_boot() -> None:
    seen = [each for turn in range(5) for each in encrypted_boot(turn * 120 + 5, "dialplan.xml.sgn")]
    assert "booted 5 times within 8 minutes" in text(seen, "boot-loop")
    assert "boot-loop" not in words(seen[: 3 * 3])


def test_a_phone_that_rejects_its_encrypted_file_is_seen_to() -> None:
    seen = [each for turn in range(4) for each in encrypted_boot(turn * 45 + 5, "XMLDefault.cnf.xml.sgn")]
    assert "every 45 s" in text(seen, "rejects")


def test_firmware_that_is_not_there_is_named() -> None:
    assert "needs the firmware sip9971.9-9-9, which is not here" in text(
        [*boot(5000), refused(4990, "sip9971.9-9-9.loads")], "firmware-missing"
    )
    assert "it was reset" in text([refused(50, "term42.default.loads")], "firmware-missing")
    assert "the bundle was incomplete" in text([*boot(5000), refused(4980, "dsp42.9-4-2.sbn")], "firmware-missing")
    taken = [*boot(5000), refused(4990, "Jar42.sbn"), served(4980, "jar42.sbn")]
    assert "firmware-missing" not in words(taken)


def test_a_file_that_phones_need_is_told_from_one_that_they_do_not() -> None:
    seen = [*boot(5000), refused(4990, "my-list.txt"), refused(4990, "SEP001B54C2F199.cnf.xml")]
    assert words(seen) == ["file-missing", "harmless", "current"]
    assert "my-list.txt" in text(seen, "file-missing")
    assert "F199" not in text(seen, "file-missing"), "another phone's file is the guard's business"


def test_a_phone_that_never_got_its_file_is_broken() -> None:
    assert words([refused(30, OWN), refused(20, "XMLDefault.cnf.xml")])[0] == "no-configuration"


def test_what_the_pbx_says_is_told() -> None:
    assert words(boot(5000), Known(3, registered=False))[0] == "not-registered"
    assert "registered" in words(boot(5000), Known(3, registered=True))
    assert "not-registered" not in words(boot(20), Known(3, registered=False)), "it has hardly begun"


def test_the_urgent_comes_first() -> None:
    assert Urgency.BROKEN < Urgency.WRONG < Urgency.NEWS < Urgency.FINE


def test_boots_that_were_ordered_are_no_loop() -> None:
    boots = [each for ago in (100, 220, 340, 460, 580) for each in boot(ago, "dialplan.xml")]
    assert "boot-loop" in words(boots)
    ordered = tuple(NOW - ago - 20 for ago in (100, 220, 340, 460, 580))
    assert "boot-loop" not in words(boots, Known(current_release=3, ordered_at=ordered))
    assert "boot-loop" in words(boots, Known(current_release=3, ordered_at=ordered[:1])), "four others are its own"


def test_a_blocked_phone_looks_blocked_whatever_it_asks_for() -> None:
    blocked = Known(current_release=3, is_blocked=True)
    assert words([], blocked) == ["blocked", "never-seen"]
    assert words(boot(7200), blocked) == ["blocked", "blocked-asks"]
    assert f"ringfence guard unban {ANNA}" in text([], "blocked", blocked) + "."


def test_a_phone_that_a_publish_left_out_says_why() -> None:
    assert words(boot(7200), Known(current_release=3, left_out="It has no load. Import it."))[0] == "left-out"
