"""A decision can be kept and made again; a site's rules are taken whole or not at all."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ringfence.content.release import TargetKind
from ringfence.guard.decision import (
    FileRequest,
    HeldFile,
    Holding,
    Operation,
    decide,
)
from ringfence.guard.errors import BadRecord, BadRules
from ringfence.guard.evidence import AskedDhcp, BehaviourPart, Evidence
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import (
    EDGE_LEVELS,
    GATEWAY_LEVELS,
    FirstContact,
    Policy,
)
from ringfence.guard.record import LONGEST, read, replay, to_text
from ringfence.guard.rules import read_rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.wire.messages import (
    GuardBan,
    GuardElsewhere,
    GuardHabits,
    GuardNeed,
    GuardNetwork,
    GuardRules,
    GuardWindow,
)
from support.guard_cases import (
    ANNA,
    EDGE,
    EVIDENCES,
    HOLDINGS,
    HOST,
    POLICIES,
    PROVEN,
    SECRET,
    asked,
)

OWN = f"SEP{ANNA}.cnf.xml"


@given(EVIDENCES, POLICIES, HOLDINGS, st.sampled_from(Operation))
def test_a_record_gives_the_same_decision_again(
    evidence: Evidence, policy: Policy, holding: Holding, operation: Operation
) -> None:
    decision = decide(FileRequest(OWN, HOST, operation), holding, evidence, policy, "Home")
    text = to_text(decision, holding)
    again = replay(text)
    assert (again.finding, again.verdict, again.reached, again.needed) == (
        decision.finding, decision.verdict, decision.reached, decision.needed,
    )  # fmt: skip
    assert again.sentence == decision.sentence
    assert text.isprintable()
    assert len(text) <= LONGEST


def test_todays_policy_judges_yesterdays_request() -> None:
    record = to_text(asked(PROVEN), SECRET)
    assert replay(record).allow
    strict = Policy({FileKind.SECRET: Level.L4})
    assert not replay(record, strict).allow
    assert replay(record, Policy(EDGE_LEVELS, blocked=frozenset({ANNA}))).finding.value == "blocked"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"name":1}', "{" * 9000, json.dumps({"evidence": {"ttl": "x"}})]
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(BadRecord):
        replay(text)


def test_a_record_that_would_be_too_long_is_not_kept() -> None:
    crowded = structs.replace(PROVEN, frames=PROVEN.frames * 400)
    assert to_text(asked(crowded), SECRET) == ""


def test_an_edge_without_rules_of_its_own_asks_what_an_edge_asks() -> None:
    assert dict(read_rules(GuardRules(1)).policy.levels) == dict(EDGE_LEVELS)
    assert read_rules(GuardRules(1)).policy == EDGE


def test_rules_are_taken_as_they_are_told() -> None:
    rules = read_rules(
        GuardRules(
            7,
            needs=(GuardNeed("secret", "L1"),),
            networks=("192.168.1.0/24", "fd00::/8"),
            first_contact="hold",
            never_admitted=(ANNA,),
            elsewhere=(GuardElsewhere(ANNA, "Berlin"),),
            learned=(
                GuardNetwork("203.0.113.5", "phone … booted from there", 100.0),
                GuardNetwork("10.0.0.0/8", "VPN"),
            ),
            habits=(GuardHabits("cisco-99xx", (ANNA,), ("CTLSEP{MAC}.tlv",)),),
            windows=(GuardWindow("w1", ANNA, "carla", 600.0),),
            bans=(GuardBan("198.51.100.9", 900.0, "no"),),
        )
    )
    assert rules.policy.needed(FileKind.SECRET) is Level.L1
    assert rules.policy.needed(FileKind.SHARED) is Level.L1
    assert rules.policy.first_contact is FirstContact.HOLD
    assert rules.habits[ANNA].family == "cisco-99xx"
    assert rules.elsewhere == {ANNA: "Berlin"}
    assert rules.why_known("203.0.113.5", 99.0) == "phone … booted from there"
    assert rules.why_known("203.0.113.5", 101.0) == ""
    assert rules.why_known("10.9.9.9", 1e12) == "VPN"
    assert [window.mac for window in rules.windows] == [ANNA]


def test_a_gateway_serves_only_who_allows_it_and_never_for_less() -> None:
    closed = read_rules(GuardRules(1), ServingProfile.INTERNET)
    assert closed.policy.held == "the site does not allow a gateway"
    lax = GuardRules(1, needs=(GuardNeed("secret", "L0"), GuardNeed("firmware", "L1")), gateway=True)
    rules = read_rules(lax, ServingProfile.INTERNET)
    assert not rules.policy.held
    assert rules.policy.windows
    assert rules.policy.needed(FileKind.SECRET) is GATEWAY_LEVELS[FileKind.SECRET]
    assert rules.policy.needed(FileKind.FIRMWARE) is Level.L1
    assert rules.policy.needed(FileKind.CONFIGURATION) is Level.L4, "windows alone, unless the site says stubs"
    assert (
        read_rules(replace(lax, stubs=True), ServingProfile.INTERNET).policy.needed(FileKind.CONFIGURATION) is Level.L2
    )


@pytest.mark.parametrize(
    "told",
    [
        GuardRules(1, needs=(GuardNeed("secrets", "L1"),)),
        GuardRules(1, needs=(GuardNeed("secret", "L9"),)),
        GuardRules(1, networks=("192.168.1.0/33",)),
        GuardRules(1, first_contact="maybe"),
        GuardRules(1, learned=(GuardNetwork("home", "x"),)),
    ],
)
def test_rules_that_name_something_unknown_are_refused_whole(told: GuardRules) -> None:
    with pytest.raises(BadRules):
        read_rules(told)


FIRST_FORM = """{"name":"SEP001122334455.cnf.xml","host":"192.168.1.77","operation":"read","site":"Home",
"verdict":"allow","finding":"allowed","reached":"L3","needed":"L3","holding":["configuration","001122334455",true,false],"evidence":{
"on_link":true,"neighbours":[["001122334455","lan"]],"frames":[["001122334455","lan",64]],"asked_frames":true,"ttl":64,
"lease":["001122334455","SEP","Cisco"],"announced":["cdp","001122334455","SEP","Cisco IP Phone 9971","lan"],
"dhcp":["001122334455","Cisco",1,66],"behaviour":[["order",3,5,"odd"]],"grant":["carla",9.0,""],"of_site":true},
"policy":{"levels":{"firmware":"L0","shared":"L1","configuration":"L3","secret":"L3"},"first_contact":"allow"}}"""


def test_a_record_of_the_first_form_is_still_read() -> None:
    decision = replay(FIRST_FORM)
    assert (decision.finding.value, decision.reached, decision.needed) == ("allowed", Level.L3, Level.L3)
    assert decision.evidence.dhcp == AskedDhcp(ANNA, "Cisco", (1, 66))
    assert decision.evidence.behaviour.parts == (BehaviourPart("order", 3, 5, "odd"),)
    assert tuple(decision.evidence.known_owners) == (ANNA,)
    again = read(to_text(decision, SECRET))
    assert again.evidence == read(FIRST_FORM).evidence


def test_a_name_of_any_bytes_is_kept_as_it_came() -> None:
    request = FileRequest("SEP\udce9\u2028.cnf.xml", HOST)
    text = to_text(decide(request, None, PROVEN, EDGE, "Home"), None)
    assert text.isascii()
    assert text.isprintable()
    assert replay(text).request == request


def test_a_shared_file_that_went_to_a_phone_of_the_site_is_judged_alike_again() -> None:
    shared = HeldFile(TargetKind.SHARED)
    decision = decide(FileRequest("dialplan.xml", HOST), shared, PROVEN, Policy({FileKind.SHARED: Level.L3}), "Home")
    assert decision.reached is Level.L3
    assert replay(to_text(decision, shared)).reached is Level.L3
