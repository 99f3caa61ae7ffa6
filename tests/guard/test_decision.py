"""The guard: every request gets one answer, and a sentence that an operator understands."""

import subprocess
import sys
from ipaddress import ip_network
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.content.release import TargetKind
from ringfence.guard.decision import (
    Decision,
    FileRequest,
    HeldFile,
    Holding,
    Operation,
    decide,
)
from ringfence.guard.evidence import Evidence, Shown
from ringfence.guard.evidence_in_words import LONGEST_SHOWN
from ringfence.guard.findings import Finding
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import Policy

SITE = "Home office Anna"
ANNA = "001122334455"
CONFIGURATION = HeldFile(TargetKind.CONFIGURATION, ANNA)
SHARED = HeldFile(TargetKind.SHARED)
FIRMWARE = HeldFile(TargetKind.FIRMWARE)
NOBODY = Evidence()
ANNAS = Evidence(frozenset({ANNA}))
LAN = Policy(networks=(ip_network("192.168.1.0/24"), ip_network("fd00::/8")))


def asked(
    name: str,
    *,
    holding: Holding = None,
    evidence: Evidence = ANNAS,
    policy: Policy | None = None,
    host: str = "192.168.1.77",
) -> Decision:
    return decide(FileRequest(name, host), holding, evidence, policy or Policy(), SITE)


def test_a_phones_own_configuration_is_given_out() -> None:
    decision = asked(f"SEP{ANNA}.cnf.xml", holding=CONFIGURATION)
    assert (decision.allow, decision.reached, decision.needed) == (True, Level.L0, Level.L0)
    assert decision.sentence == (
        f"Allowed SEP{ANNA}.cnf.xml to 192.168.1.77: it is a phone's configuration of site Home office Anna; "
        "level L0 is enough (nothing is known about the sender)."
    )


def test_a_stranger_asking_for_another_sites_phone_is_told_nothing_and_the_operator_why() -> None:
    decision = asked("SEPAABBCCDDEEF0.cnf.xml")
    assert not decision.allow
    assert decision.finding is Finding.UNKNOWN_PHONE
    assert decision.sentence == (
        "Refused SEPAABBCCDDEEF0.cnf.xml to 192.168.1.77: no phone of site Home office Anna has that MAC address."
    )


# fmt: off
REASONS = [
    ("g3-tones.xml",                 SHARED,   NOBODY, Finding.ALLOWED,        "a shared file of site"),
    ("sip9971.9-4-2SR4-1.loads",     FIRMWARE, NOBODY, Finding.ALLOWED,        "a firmware file of site"),
    (f"CTLSEP{ANNA}.tlv",            None,     ANNAS,  Finding.OPTIONAL_FILE,  "harmless"),
    (f"ITLSEP{ANNA}.tlv",            None,     ANNAS,  Finding.OPTIONAL_FILE,  "harmless"),
    ("ITLFile.tlv",                  None,     ANNAS,  Finding.OPTIONAL_FILE,  "harmless"),
    ("/g4-tones.xml",                None,     ANNAS,  Finding.OPTIONAL_FILE,  "harmless"),
    ("German_Germany/gd-sip.jar",    None,     ANNAS,  Finding.OPTIONAL_FILE,  "harmless"),
    ("dialplan.xml",                 None,     NOBODY, Finding.OPTIONAL_FILE,  "harmless"),
    ("Desktops/640x480x24/List.xml", None,     NOBODY, Finding.OPTIONAL_FILE,  "harmless"),
    ("CTLSEPAABBCCDDEEF0.tlv",       None,     ANNAS,  Finding.UNKNOWN_PHONE,  "no phone of site"),
    (f"SEP{ANNA}.cnf.xml.sgn",       None,     ANNAS,  Finding.SIGNED_ONLY,    "erase its CTL and ITL"),
    (f"SEP{ANNA}.cnf.xml.enc.sgn",   None,     ANNAS,  Finding.SIGNED_ONLY,    "erase its CTL and ITL"),
    (f"SEP{ANNA}.cnf.xml",           None,     ANNAS,  Finding.NOT_IN_RELEASE, "does not contain that name"),
    ("passwords.txt",                None,     NOBODY, Finding.NOT_IN_RELEASE, "does not contain that name"),
    ("../../etc/passwd",             None,     NOBODY, Finding.BAD_NAME,       "'..' part"),
    ("",                             None,     NOBODY, Finding.BAD_NAME,       "empty"),
    ("a\x00b",                       None,     NOBODY, Finding.BAD_NAME,       "control character"),
    ("x" * 300,                      None,     NOBODY, Finding.BAD_NAME,       "255 bytes"),
]
# fmt: on


@pytest.mark.parametrize(("name", "holding", "evidence", "finding", "says"), REASONS)
def test_the_sentence_says_why(name: str, holding: Holding, evidence: Evidence, finding: Finding, says: str) -> None:
    decision = asked(name, holding=holding, evidence=evidence)
    assert decision.finding is finding
    assert says in decision.sentence
    assert decision.allow is (finding is Finding.ALLOWED)


def test_writing_is_refused_whatever_the_name_and_the_source() -> None:
    request = FileRequest(f"SEP{ANNA}.cnf.xml", "192.168.1.77", Operation.WRITE)
    decision = decide(request, CONFIGURATION, ANNAS, LAN, SITE)
    assert not decision.allow
    assert "phones may not write files here" in decision.sentence


def test_an_address_outside_the_allowed_networks_gets_nothing_not_even_a_shared_file() -> None:
    for holding in (CONFIGURATION, SHARED, FIRMWARE, None):
        decision = asked("g3-tones.xml", holding=holding, policy=LAN, host="203.0.113.9")
        assert not decision.allow
        assert decision.sentence == (
            "Refused g3-tones.xml to 203.0.113.9: "
            "its address is outside the networks that site Home office Anna allows."
        )


@pytest.mark.parametrize("host", ["192.168.1.1", "::ffff:192.168.1.1", "fd00::7"])
def test_an_address_in_an_allowed_network_reaches_l1_and_the_sentence_says_that_it_can_be_forged(host: str) -> None:
    decision = asked(f"SEP{ANNA}.cnf.xml", holding=CONFIGURATION, policy=LAN, host=host)
    assert (decision.allow, decision.reached, decision.needed) == (True, Level.L1, Level.L0)
    assert "can be forged" in decision.reached.meaning


def test_without_allowed_networks_no_address_proves_anything() -> None:
    assert asked("g3-tones.xml", holding=SHARED, host="127.0.0.1").reached is Level.L0


def test_a_level_that_no_evidence_reaches_refuses_and_names_both_levels() -> None:
    policy = Policy(levels={FileKind.SECRET: Level.L4})
    decision = asked(f"SEP{ANNA}.cnf.xml", holding=CONFIGURATION, policy=policy)
    assert decision.sentence == (
        f"Refused SEP{ANNA}.cnf.xml to 192.168.1.77: site Home office Anna needs level L4 for a phone's configuration "
        "(it holds the phone's own key), and the request reached L0 (nothing is known about the sender)."
    )
    assert asked("g3-tones.xml", holding=SHARED, policy=policy).allow


ON_WIRE = Policy(levels={FileKind.SECRET: Level.L3, FileKind.SHARED: Level.L3})
BERT, STRANGER = "001122334466", "020000000077"


# fmt: off
BY_MAC = [
    (CONFIGURATION, {ANNA},           Finding.ALLOWED,       "level L3 is enough (it is on this edge's own network"),
    (CONFIGURATION, {STRANGER},       Finding.OTHER_MAC,     "belongs to MAC 02:00:00:00:00:77, not to the phone"),
    (CONFIGURATION, {BERT},           Finding.OTHER_MAC,     "belongs to MAC 00:11:22:33:44:66, not to the phone"),
    (CONFIGURATION, {ANNA, STRANGER}, Finding.TWO_MACS,      "address: 00:11:22:33:44:55 and 02:00:00:00:00:77"),
    (CONFIGURATION, set(),            Finding.NOT_ON_LINK,   "no link of this machine shows whose address that is"),
    (SHARED,        {ANNA},           Finding.ALLOWED,       "a shared file"),
    (SHARED,        {BERT},           Finding.ALLOWED,       "a shared file"),
    (SHARED,        {STRANGER},       Finding.LEVEL_TOO_LOW, "the request reached L0"),
    (SHARED,        set(),            Finding.NOT_ON_LINK,   "no link of this machine"),
    (FIRMWARE,      {STRANGER},       Finding.ALLOWED,       "level L0 is enough"),
]
# fmt: on


@pytest.mark.parametrize(("holding", "macs", "finding", "says"), BY_MAC)
def test_on_the_wire_the_mac_address_decides(holding: HeldFile, macs: set[str], finding: Finding, says: str) -> None:
    evidence = Evidence(frozenset({ANNA, BERT}), neighbours=tuple(Shown(mac, "lan") for mac in sorted(macs)))
    decision = asked(f"SEP{ANNA}.cnf.xml", holding=holding, evidence=evidence, policy=ON_WIRE)
    assert decision.finding is finding
    assert decision.allow is (finding is Finding.ALLOWED)
    assert says in decision.sentence


def test_being_on_the_wire_does_not_help_an_address_outside_the_allowed_networks() -> None:
    evidence = Evidence(frozenset({ANNA}), neighbours=(Shown(ANNA),))
    assert not asked("f", holding=CONFIGURATION, evidence=evidence, policy=LAN, host="203.0.113.9").allow


def test_each_kind_at_each_level_is_allowed_exactly_where_the_level_is_reached() -> None:
    hosts = {"192.168.1.5": True, "203.0.113.9": False, "no address": False}
    for kind, needed, (host, inside), networks in product(TargetKind, Level, hosts.items(), ((), LAN.networks)):
        decision = asked(
            "f", holding=HeldFile(kind), policy=Policy({HeldFile(kind).file_kind: needed}, networks), host=host
        )
        reached = Level.L1 if networks and inside else Level.L0
        assert decision.reached is reached
        assert decision.allow is (reached >= needed and (inside or not networks))


def test_levels_are_ordered_and_each_says_what_it_proves() -> None:
    assert sorted(Level) == [Level.L0, Level.L1, Level.L2, Level.L3, Level.L4, Level.L5]
    assert len({level.meaning for level in Level}) == len(Level)


@given(
    name=st.text(max_size=400),
    host=st.text(max_size=60) | st.ip_addresses().map(str),
    operation=st.sampled_from(Operation),
    holding=st.none() | st.builds(HeldFile, st.sampled_from(TargetKind), st.none() | st.just(ANNA)),
    level=st.sampled_from(Level),
    networks=st.sampled_from([(), LAN.networks]),
)
def test_every_request_gets_an_answer_that_fits_one_line(
    name: str,
    host: str,
    operation: Operation,
    holding: Holding,
    level: Level,
    networks: tuple[()],
) -> None:
    policy = Policy(dict.fromkeys(FileKind, level), networks)
    decision = decide(FileRequest(name, host, operation), holding, ANNAS, policy, SITE)
    assert decision.sentence.isprintable()
    assert len(decision.sentence) < 8 * LONGEST_SHOWN + 400
    assert not (decision.allow and (holding is None or operation is Operation.WRITE))


def test_the_guard_loads_in_the_worker_without_template_engine_xml_or_validation_libraries() -> None:
    program = (
        "import sys; before = set(sys.modules); import ringfence.guard.decision;print(*(sys.modules.keys() - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {"jinja2", "lxml", "pydantic", "cryptography", "socket", "ssl", "asyncio", "typer"}
    assert {name for name in loaded if name.startswith("ringfence.phones.")} == {
        "ringfence.phones.errors",
        "ringfence.phones.filenames",
        "ringfence.phones.mac",
    }
