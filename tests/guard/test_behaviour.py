"""How a source behaves, in named parts: a phone's boot scores well, a harvester's questions do not."""

import pytest

from ringfence.guard.behaviour import (
    BOOT_S,
    MOST_ASKED,
    MOST_SOURCES,
    Asked,
    Habits,
    Watch,
    judge,
)
from ringfence.guard.evidence import (
    Announced,
    AskedDhcp,
    Behaviour,
    Evidence,
    Leased,
)
from ringfence.guard.policy import GOOD_BEHAVIOUR

ANNA = "001122334455"
OWN = f"SEP{ANNA}.cnf.xml"
ENTERPRISE = Habits("cisco-99xx", ("CTLSEP{MAC}.tlv", "ITLSEP{MAC}.tlv", "ITLFile.tlv"))
MPP = Habits("cisco-mpp", (), user_agent="Cisco-CP-")
BOOT = (f"CTLSEP{ANNA}.tlv", f"ITLSEP{ANNA}.tlv", "ITLFile.tlv", OWN)
NOTHING = Evidence()


def asked(*names: str, every_s: float = 0.5, **more: str) -> list[Asked]:
    return [Asked(index * every_s, name, **more) for index, name in enumerate(names)]  # type: ignore[arg-type]  # texts


def points(found: Behaviour, name: str) -> int:
    return next(part.points for part in found.parts if part.name == name)


def test_a_phone_that_boots_as_its_family_does_behaves_well() -> None:
    found = judge(ANNA, asked(*BOOT), ENTERPRISE, NOTHING)
    assert found.score >= 90
    assert points(found, "order") == 40
    slashed = judge(ANNA, asked(*("/" + name for name in BOOT)), ENTERPRISE, NOTHING)
    assert points(slashed, "order") == 40, "with a slash before the names too"


@pytest.mark.parametrize(
    ("names", "every_s"),
    [
        ((OWN,), 0.5),  # reads the phone's page, then asks
        ((*(f"SEP0011223344{number:02X}.cnf.xml" for number in range(20)), OWN), 0.001),
        (("ConfigFileCacheList.txt", OWN), 0.01),
        (("ITLFile.tlv", OWN), 0.0005),
    ],
)
def test_who_goes_straight_for_the_file_or_for_many_does_not(names: tuple[str, ...], every_s: float) -> None:
    assert judge(ANNA, asked(*names, every_s=every_s), ENTERPRISE, NOTHING).score < GOOD_BEHAVIOUR


def test_the_files_of_the_boot_in_another_order_count_less() -> None:
    turned = judge(ANNA, asked(BOOT[2], BOOT[1], BOOT[0], OWN), ENTERPRISE, NOTHING)
    assert points(turned, "order") < 20


def test_a_phone_that_has_just_booted_cannot_boot_again() -> None:
    assert points(judge(ANNA, asked(*BOOT), ENTERPRISE, NOTHING, last_boot_s=2.0), "time") == 0
    assert points(judge(ANNA, asked(*BOOT), ENTERPRISE, NOTHING, last_boot_s=200.0), "time") == 10


def test_options_count_only_where_it_is_known_which_ones_the_family_sends() -> None:
    plain = Habits("cisco-79xx", ENTERPRISE.before, options=())
    windowed = [Asked(0.0, OWN, options=("blksize", "windowsize"))]
    assert points(judge(ANNA, windowed, plain, NOTHING), "options") == 0
    assert points(judge(ANNA, [Asked(0.0, OWN)], plain, NOTHING), "options") == 10
    assert "options" not in {part.name for part in judge(ANNA, windowed, ENTERPRISE, NOTHING).parts}


def test_a_user_agent_that_names_another_phone_counts_against_it() -> None:
    def agent(text: str) -> int:
        return points(judge(ANNA, asked("x", protocol="http", user_agent=text), MPP, NOTHING), "user agent")

    assert agent(f"Cisco-CP-8851-3PCC/11.0.1 ({ANNA.lower()})") == 20
    assert agent("Cisco-CP-8851-3PCC/11.0.1 (aabbccddeeff)") == 0
    assert agent("curl/7.88.1") == 0


def test_what_dhcp_and_announcements_say_counts_where_they_say_anything() -> None:
    phone = Evidence(
        lease=Leased(ANNA, vendor_class="Cisco Systems, Inc. IP Phone"),
        announced=Announced("cdp", ANNA, f"SEP{ANNA}", "Cisco IP Phone 9971", "lan"),
    )
    found = judge(ANNA, asked(*BOOT), ENTERPRISE, phone)
    assert (points(found, "DHCP"), points(found, "announcement")) == (10, 20)
    laptop = Evidence(
        lease=Leased("020000000077", vendor_class="MSFT 5.0"),
        announced=Announced("lldp", "020000000077", "laptop", "Linux", "lan"),
    )
    found = judge(ANNA, asked(*BOOT), ENTERPRISE, laptop)
    assert (points(found, "DHCP"), points(found, "announcement")) == (0, 0)


def test_who_asks_for_an_address_as_a_phone_does_and_as_before_behaves_better() -> None:
    phone = AskedDhcp(ANNA, "Cisco Systems, Inc. IP Phone CP-8941", (1, 66, 6, 3, 15, 150, 35))
    laptop = AskedDhcp(ANNA, "MSFT 5.0", (1, 3, 6, 15, 31))
    found = judge(ANNA, asked(*BOOT), ENTERPRISE, Evidence(dhcp=phone), fingerprint=phone)
    assert (points(found, "DHCP class"), points(found, "DHCP fingerprint")) == (10, 10)
    found = judge(ANNA, asked(*BOOT), ENTERPRISE, Evidence(dhcp=laptop), fingerprint=phone)
    assert (points(found, "DHCP class"), points(found, "DHCP fingerprint")) == (0, 0)


def test_strange_patterns_from_the_hub_break_nothing() -> None:
    odd = Habits("odd", ("{", "{0}", "{MAC!r}", "}"))
    assert 0 <= judge(ANNA, asked(*BOOT), odd, NOTHING).score <= 100
    assert judge(ANNA, [], odd, NOTHING).score >= 0


def test_what_is_remembered_is_bounded_and_of_one_boot() -> None:
    watch = Watch()
    for number in range(3 * MOST_SOURCES):
        watch.note(f"10.0.{number // 250}.{number % 250}", Asked(0.0, OWN))
    for number in range(3 * MOST_ASKED):
        watch.note("192.0.2.1", Asked(float(number), OWN))
    assert len(watch.of("192.0.2.1", 3.0 * MOST_ASKED)) == MOST_ASKED
    assert watch.of("192.0.2.1", 4 * MOST_ASKED + BOOT_S) == ()
    assert watch.of("10.0.0.0", 1.0) == (), "the oldest went first"
    guesses = [watch.note_guess("192.0.2.1", f"SEP{number:012X}.cnf.xml", 1.0) for number in range(200)]
    assert guesses[:3] == [1, 2, 3]
    assert max(guesses) == MOST_ASKED
