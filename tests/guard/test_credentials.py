"""A provisioning credential: it stands in for a phone's place on its edge's wire, and for nothing else."""

from dataclasses import replace as with_other

import pytest
from msgspec.structs import replace

from ringfence.content.release import TargetKind
from ringfence.guard.asking import HTTP, TFTP, Asking
from ringfence.guard.decision import Decision, HeldFile, Verdict, decide
from ringfence.guard.evaluation import Evaluation
from ringfence.guard.evidence import Contradiction, CredentialShown, CredentialState, Evidence, PlaceConflict
from ringfence.guard.findings import Finding
from ringfence.guard.guarded_site import GuardedSite
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.moment import Moment
from ringfence.guard.policy import EDGE_LEVELS, FirstContact, Policy
from ringfence.guard.record import replay, to_text
from ringfence.guard.rules import Rules, read_rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.phones.credentials import REALM, credential_ha1
from ringfence.phones.sip.digest import Challenge, DigestAnswer, authorization, parse_answer
from ringfence.secret import Secret
from ringfence.wire.messages import GuardCredential, GuardCredentialKey, GuardRules
from support.guard_cases import ANNA, EDGE, GATEWAY, HOST, PLAIN, PROVEN, SECRET, STRANGER, asked

RIGHT = CredentialShown(CredentialState.RIGHT, 3)
FAR = replace(PROVEN, neighbours=(), frames=(), asked_frames=False, on_link=False, ttl=None)
NAME = f"{ANNA.lower()}.cfg"


def test_it_stands_in_for_a_place_on_the_wire_and_the_guard_says_so() -> None:
    decision = asked(replace(FAR, credential=RIGHT))
    assert (decision.finding, decision.reached) == (Finding.BY_CREDENTIAL, Level.L0)
    assert decision.allow
    assert "knows that phone's credential" in decision.sentence
    assert any("credential, number 3" in reason for reason in decision.reasons)
    assert asked(replace(FAR, credential=RIGHT), EDGE, PLAIN).allow


@pytest.mark.parametrize(
    ("state", "finding"),
    [(CredentialState.WRONG, Finding.WRONG_CREDENTIAL), (CredentialState.MISSING, Finding.NO_CREDENTIAL)],
)
def test_without_it_a_phone_is_where_it_was_and_on_its_own_wire_needs_none(
    state: CredentialState, finding: Finding
) -> None:
    assert asked(replace(FAR, credential=CredentialShown(state))).finding is finding
    assert asked(replace(PROVEN, credential=CredentialShown(state))).finding is Finding.ALLOWED


@pytest.mark.parametrize(
    ("policy", "finding"),
    [
        (GATEWAY, Finding.NO_WINDOW),
        (Policy({**EDGE_LEVELS, FileKind.SECRET: Level.L4}), Finding.LEVEL_TOO_LOW),
        (Policy(EDGE_LEVELS, blocked=frozenset({ANNA})), Finding.BLOCKED),
        (Policy(EDGE_LEVELS, held="moved"), Finding.SITE_HELD),
        (Policy(EDGE_LEVELS, first_contact=FirstContact.HOLD, never_admitted=frozenset({ANNA})), Finding.NEW_PHONE),
    ],
)
def test_it_stands_in_for_nothing_else(policy: Policy, finding: Finding) -> None:
    decision = asked(replace(FAR, credential=RIGHT), policy)
    assert decision.finding is finding
    assert decision.verdict is not Verdict.ALLOW


def test_a_stolen_one_gets_nothing_while_the_phone_is_where_it_was() -> None:
    conflict = PlaceConflict(Contradiction.TWO_ADDRESSES, "192.168.1.5")
    assert asked(replace(FAR, credential=RIGHT, conflict=conflict)).finding is Finding.TWO_ADDRESSES


def test_a_record_of_it_gives_the_same_decision_again() -> None:
    decision = asked(replace(FAR, credential=RIGHT))
    again: Decision = replay(to_text(decision, SECRET))
    assert (again.finding, again.evidence.credential) == (Finding.BY_CREDENTIAL, RIGHT)


def rules(*passwords: str, profile: ServingProfile = ServingProfile.LAN) -> Rules:
    keys = tuple(
        GuardCredentialKey(serial, credential_ha1(ANNA, Secret(text))) for serial, text in enumerate(passwords, 1)
    )
    return read_rules(GuardRules(1, credentials=(GuardCredential(ANNA, keys[::-1]),)), profile)


def answer(password: str, user: str = ANNA.lower(), method: str = "GET") -> DigestAnswer:
    challenge = Challenge(REALM, "n", qop="auth")
    made = authorization(
        challenge, user=user, password=Secret(password), method="GET", uri=f"/{NAME}", cnonce="c", count=1
    )
    return parse_answer(made, method)


def judged(given: DigestAnswer | None, held: Rules, *, over: str = HTTP, mac: str = ANNA) -> Evidence:
    evaluation: Evaluation[GuardedSite] = Evaluation(GuardedSite("", "none"))
    site = GuardedSite("1", "Home", held)
    evaluation.sites["1"] = site
    asking = Asking(NAME, HOST, 5000, HTTP if over == HTTP else TFTP, credential=given)
    return evaluation.decide(asking, site, HeldFile(TargetKind.CONFIGURATION, mac), Moment(1.0, 1.0)).evidence


def test_each_good_credential_is_known_by_its_number_and_no_other() -> None:
    both = rules("old-one", "new-one")
    assert judged(answer("new-one"), both).credential == CredentialShown(CredentialState.RIGHT, 2)
    assert judged(answer("old-one"), both).credential == CredentialShown(CredentialState.RIGHT, 1)
    wrong = CredentialShown(CredentialState.WRONG)
    assert judged(answer("another"), both).credential == wrong
    assert judged(answer("new-one", user=STRANGER.lower()), both).credential == wrong
    assert judged(answer("new-one", method="HEAD"), both).credential == wrong
    assert judged(None, both).credential == CredentialShown(CredentialState.MISSING)


def test_who_has_none_is_asked_for_none_nor_over_tftp_nor_on_the_internet() -> None:
    both = rules("old-one", "new-one")
    assert judged(answer("new-one"), both, mac=STRANGER).credential is None
    assert judged(None, both, over=TFTP).credential is None
    assert judged(answer("new-one"), rules("new-one", profile=ServingProfile.INTERNET)).credential is None


def test_a_file_for_all_phones_is_not_had_with_one_phones_credential() -> None:
    shared = HeldFile(TargetKind.SHARED)
    policy = with_other(EDGE, levels={FileKind.SHARED: Level.L3})
    request = asked(FAR).request
    assert not decide(request, shared, replace(FAR, credential=RIGHT), policy).allow
