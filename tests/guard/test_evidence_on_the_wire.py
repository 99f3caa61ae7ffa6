"""What evidence on the wire proves together, and what it proves no more as soon as two parts of it disagree."""

from dataclasses import replace as with_other

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringfence.content.release import TargetKind
from ringfence.guard.decision import (
    TABLE,
    FileRequest,
    HeldFile,
    Operation,
    Verdict,
    decide,
)
from ringfence.guard.evidence import (
    Announced,
    Contradiction,
    Evidence,
    Grant,
    Leased,
    PlaceConflict,
    Shown,
    Sighting,
)
from ringfence.guard.findings import (
    BECAUSE,
    DELAYED,
    GIVEN,
    Finding,
)
from ringfence.guard.levels import Level
from ringfence.guard.policy import EDGE_LEVELS, FirstContact, Policy
from support.guard_cases import (
    ANNA,
    EDGE,
    EVIDENCES,
    GATEWAY,
    GOOD,
    HOLDINGS,
    HOST,
    ODD,
    PLAIN,
    POLICIES,
    PROVEN,
    STRANGER,
    asked,
)

# fmt: off
CASES = [
    (PROVEN,                                                                Finding.ALLOWED),
    (replace(PROVEN, frames=(), asked_frames=False),                        Finding.ALLOWED),
    (replace(PROVEN, frames=()),                                            Finding.NO_FRAME),
    (replace(PROVEN, frames=(Sighting(STRANGER, "lan", 64),)),              Finding.OTHER_FRAME),
    (replace(PROVEN, frames=(*PROVEN.frames, Sighting(STRANGER, "lan", 64))), Finding.OTHER_FRAME),
    (replace(PROVEN, neighbours=(Shown(STRANGER, "lan"),)),                 Finding.OTHER_MAC),
    (replace(PROVEN, neighbours=(Shown(ANNA, "lan"), Shown(STRANGER, "lan"))), Finding.TWO_MACS),
    (replace(PROVEN, neighbours=()),                                        Finding.NOT_ON_LINK),
    (replace(PROVEN, ttl=63),                                               Finding.ROUTED),
    (replace(PROVEN, frames=(Sighting(ANNA, "lan", 63),), ttl=None),        Finding.ROUTED),
    (replace(PROVEN, lease=Leased(ANNA)),                                   Finding.ALLOWED),
    (replace(PROVEN, lease=Leased(STRANGER)),                               Finding.OTHER_LEASE),
    (replace(PROVEN, conflict=PlaceConflict(Contradiction.TWO_ADDRESSES, "192.168.1.5")), Finding.TWO_ADDRESSES),
    (replace(PROVEN, conflict=PlaceConflict(Contradiction.OTHER_LINK, "eth0")),  Finding.OTHER_LINK),
    (replace(PROVEN, conflict=PlaceConflict(Contradiction.TWO_SITES, "Berlin")), Finding.TWO_SITES),
    (replace(PROVEN, neighbours=(), holds_key=True),                        Finding.ALLOWED),
]
# fmt: on


@pytest.mark.parametrize(("evidence", "finding"), CASES, ids=lambda value: getattr(value, "value", ""))
def test_a_place_on_the_wire_is_proven_only_where_all_that_was_seen_agrees(
    evidence: Evidence, finding: Finding
) -> None:
    decision = asked(evidence)
    assert decision.finding is finding
    assert decision.allow is (finding in GIVEN)
    assert decision.sentence.startswith("Allowed" if decision.allow else "Refused")


def test_a_refusal_names_what_the_operator_can_look_for() -> None:
    assert "the frame came from MAC 02:00:00:00:00:77" in asked(CASES[3][0]).sentence
    assert "(TTL 63)" in asked(replace(PROVEN, ttl=63)).sentence
    assert "gave that address to MAC 02:00:00:00:00:77" in asked(replace(PROVEN, lease=Leased(STRANGER))).sentence
    conflict = replace(PROVEN, conflict=PlaceConflict(Contradiction.TWO_SITES, "Berlin"))
    assert "is already at Berlin" in asked(conflict).sentence


FIRST = {
    FirstContact.ALLOW: Verdict.ALLOW,
    FirstContact.HOLD: Verdict.DELAY,
    FirstContact.WINDOW: Verdict.DELAY,
    FirstContact.DHCP: Verdict.DELAY,
}


@pytest.mark.parametrize("first", FirstContact)
def test_a_phones_first_contact_waits_for_what_its_site_asks(first: FirstContact) -> None:
    policy = Policy(EDGE_LEVELS, first_contact=first, never_admitted=frozenset({ANNA}))
    decision = asked(PROVEN, policy)
    assert decision.verdict is FIRST[first]
    assert asked(PROVEN, with_other(policy, never_admitted=frozenset())).allow, "only the first one"
    if first is FirstContact.WINDOW:
        assert asked(replace(PROVEN, grant=Grant("carla", 9.0)), policy).allow
    if first is FirstContact.DHCP:
        phone = Leased(ANNA, vendor_class="Cisco Systems, Inc. IP Phone CP-8945")
        assert asked(replace(PROVEN, lease=phone), policy).allow
        assert not asked(replace(PROVEN, lease=Leased(ANNA, vendor_class="MSFT 5.0")), policy).allow
    if first is FirstContact.HOLD:
        assert decision.sentence.startswith(f"Held back SEP{ANNA}.cnf.xml to {HOST}: it is that phone's first contact")


def test_first_contact_does_not_take_the_place_of_the_level() -> None:
    policy = Policy(EDGE_LEVELS, first_contact=FirstContact.HOLD, never_admitted=frozenset({ANNA}))
    assert asked(replace(PROVEN, neighbours=()), policy).finding is Finding.NOT_ON_LINK


def test_a_site_that_is_held_gives_out_no_phones_own_file_and_says_why() -> None:
    decision = asked(PROVEN, Policy(EDGE_LEVELS, held="its edge calls from another network than before"))
    assert decision.verdict is Verdict.DELAY
    assert "its edge calls from another network than before" in decision.sentence
    shared = HeldFile(TargetKind.SHARED)
    assert asked(PROVEN, Policy(EDGE_LEVELS, held="moved"), shared).allow


def test_a_blocked_phone_gets_nothing_whatever_it_proves() -> None:
    assert asked(PROVEN, Policy(EDGE_LEVELS, blocked=frozenset({ANNA}))).finding is Finding.BLOCKED


def test_in_the_face_of_the_internet_a_secret_needs_a_window_or_a_key() -> None:
    learned = Evidence(frozenset({ANNA}), learned="phone … booted from there", behaviour=GOOD)
    assert asked(learned, GATEWAY).finding is Finding.NO_WINDOW
    assert asked(replace(learned, grant=Grant("carla", 9.0)), GATEWAY).finding is Finding.IN_WINDOW
    assert asked(replace(learned, grant=Grant("carla", 9.0, HOST)), GATEWAY).allow
    taken = asked(replace(learned, grant=Grant("carla", 9.0, "203.0.113.9")), GATEWAY)
    assert taken.finding is Finding.WINDOW_TAKEN
    assert "belongs to 203.0.113.9" in taken.sentence
    assert asked(replace(learned, holds_key=True), GATEWAY).allow
    assert asked(learned, GATEWAY, HeldFile(TargetKind.CONFIGURATION, ANNA, sealed=True)).reached is Level.L5


def test_what_holds_no_secret_needs_a_known_network_and_good_behaviour() -> None:
    learned = Evidence(frozenset({ANNA}), learned="phone … booted from there", behaviour=GOOD)
    assert asked(learned, GATEWAY, PLAIN).allow
    odd = asked(replace(learned, behaviour=ODD), GATEWAY, PLAIN)
    assert odd.finding is Finding.BEHAVIOUR
    assert "20 of 100 points" in odd.sentence
    assert "went straight for its file" in odd.sentence
    assert not asked(replace(learned, learned=""), GATEWAY, PLAIN).allow


def test_behaviour_alone_never_lets_a_secret_go() -> None:
    perfect = Evidence(frozenset({ANNA}), on_link=True, behaviour=GOOD)
    for policy in (EDGE, GATEWAY):
        decision = asked(perfect, policy)
        assert decision.reached is Level.L2
        assert not decision.allow


def test_every_finding_has_a_row_a_sentence_and_a_verdict() -> None:
    assert {finding for finding, _ in TABLE} == set(Finding)
    assert set(BECAUSE) == set(Finding)
    assert not GIVEN & DELAYED


def test_the_reasons_say_all_that_was_known_a_line_each() -> None:
    announced = Announced("cdp", ANNA, f"SEP{ANNA}", "Cisco IP Phone 9971", "lan")
    everything = replace(PROVEN, lease=Leased(ANNA, "", "Cisco"), announced=announced, behaviour=GOOD, learned="seen")
    reasons = asked(everything).reasons
    for says in ("TTL 64", "own links", "neighbour table", "The frame came from", "DHCP gave", "itself over CDP",
                 "behaviour gets 100 of 100 points", "That reaches L3", "needs L3"):  # fmt: skip
        assert any(says in reason for reason in reasons), says
    assert all(reason.isprintable() for reason in reasons)


@given(EVIDENCES, POLICIES, HOLDINGS, st.sampled_from(Operation))
def test_whatever_is_known_no_answer_gives_more_than_the_laws_allow(
    evidence: Evidence, policy: Policy, holding: HeldFile | None, operation: Operation
) -> None:
    decision = decide(FileRequest(f"SEP{ANNA}.cnf.xml", HOST, operation), holding, evidence, policy, "Home")
    assert decision.sentence.isprintable()
    assert all(reason.isprintable() for reason in decision.reasons)
    if decision.allow:
        assert holding is not None
        assert operation is Operation.READ
        assert decision.reached >= decision.needed or (policy.windows and evidence.grant is not None)
    if decision.reached is Level.L3:
        assert len(evidence.macs) == 1
        assert all(seen.mac in evidence.macs for seen in evidence.frames)
        if holding is not None and holding.owner is not None:
            assert evidence.macs == {holding.owner}
