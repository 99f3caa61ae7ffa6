"""The evaluation by itself, as a listener that has no wire and no worker would use it."""

import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ringfence.content.release import TargetKind
from ringfence.guard.asking import HTTP, Asking
from ringfence.guard.decision import HeldFile
from ringfence.guard.evaluation import FETCHES_ON_S, Evaluation
from ringfence.guard.evidence import (
    NOTHING_KNOWN,
    Announced,
    AskedDhcp,
    Evidence,
    Leased,
    OnTheWire,
    ProvedKey,
    Shown,
    Sighting,
)
from ringfence.guard.evidence_in_words import EVIDENCE_IN_WORDS
from ringfence.guard.findings import Finding
from ringfence.guard.guarded_site import GuardedSite
from ringfence.guard.levels import Level
from ringfence.guard.moment import Moment
from ringfence.guard.policy import GATEWAY_LEVELS, Policy
from ringfence.guard.rules import Rules
from support.guard_cases import ANNA, EVIDENCE_PARTS, SECRET, STRANGER

BERT = "001122334466"
NOW = Moment(1000.0, 1.8e9)
AWAY = "203.0.113.9"
OWN = f"SEP{ANNA}.cnf.xml"


@dataclass(slots=True)
class ListedSite(GuardedSite):
    """A site whose phones are listed."""

    phones: frozenset[str] = field(default_factory=frozenset)

    @property
    def known_owners(self) -> Collection[str]:
        return self.phones


def listener(*sites: ListedSite) -> Evaluation[ListedSite]:
    evaluation = Evaluation(ListedSite("", "nobody's"))
    evaluation.sites = {site.id: site for site in sites}
    evaluation.on_rules()
    return evaluation


def home(site_id: str = "anna", phone: str = ANNA) -> ListedSite:
    return ListedSite(site_id, site_id.title(), Rules(Policy(GATEWAY_LEVELS, windows=True)), phones=frozenset({phone}))


def test_who_has_shown_the_phones_key_gets_its_file_and_nobody_else() -> None:
    site = home()
    evaluation = listener(site)
    proven = evaluation.decide(Asking(OWN, AWAY, 4711, HTTP, holds_key=True), site, SECRET, NOW)
    assert (proven.allow, proven.reached) == (True, Level.L4)
    stranger = evaluation.decide(Asking(OWN, AWAY, 4711, HTTP), site, SECRET, NOW)
    assert (stranger.allow, stranger.finding) == (False, Finding.NO_WINDOW)


def test_a_request_belongs_to_the_site_that_has_the_phone_or_that_its_address_took_a_file_of() -> None:
    anna, bert = home(), home("bert", BERT)
    evaluation = listener(anna, bert)
    assert evaluation.site_for(f"SEP{BERT}.cnf.xml", AWAY, NOW) is bert
    assert evaluation.site_for("firmware.loads", AWAY, NOW).id == ""
    evaluation.on_taken(bert, BERT, AWAY, NOTHING_KNOWN, NOW)
    assert evaluation.site_for("firmware.loads", AWAY, NOW) is bert
    firmware = HeldFile(TargetKind.FIRMWARE)
    asking = Asking("firmware.loads", AWAY, 4711, HTTP)
    assert evaluation.decide(asking, bert, firmware, NOW).allow
    later = Moment(NOW.mono + FETCHES_ON_S, NOW.wall + FETCHES_ON_S)
    assert not evaluation.decide(asking, bert, firmware, later).allow


class OneNeighbour:
    """Links that show one machine everywhere."""

    def __init__(self, mac: str) -> None:
        self.mac = mac

    def neighbours(self, _now: float) -> "OneNeighbour":
        return self

    def has(self, _host: str, _now: float) -> bool:
        return True

    def resolve(self, _host: str) -> None:
        raise AssertionError("it is known")

    def shown_for(self, _host: str) -> Sequence[Shown]:
        return (Shown(self.mac, "lan"),)

    def is_proven_at(self, mac: str, _host: str) -> bool:
        return mac == self.mac


def test_an_address_that_went_to_another_machine_gets_no_more() -> None:
    links = OneNeighbour(ANNA)
    site = ListedSite("anna", "Anna", Rules(), phones=frozenset({ANNA}))
    evaluation = Evaluation(site, links)
    assert evaluation.is_still_there(site, SECRET, "192.168.1.77", NOW)
    links.mac = STRANGER
    assert not evaluation.is_still_there(site, SECRET, "192.168.1.77", NOW)


EVERYTHING = OnTheWire(
    frames=(Sighting(ANNA, "lan", 64),),
    lease=Leased(ANNA, "SEP", "Cisco"),
    announced=Announced("cdp", ANNA, "SEP", "Cisco IP Phone 9971", "lan"),
    dhcp=AskedDhcp(ANNA, "Cisco", (1, 66)),
    keys=(ProvedKey(ANNA, ("lan",), f"CP-9971-SEP{ANNA}"),),
)


def test_all_that_was_heard_on_the_wire_is_evidence() -> None:
    assert [name for name in OnTheWire.__struct_fields__ if not getattr(EVERYTHING, name)] == []
    site = ListedSite("anna", "Anna", Rules(), phones=frozenset({ANNA}))
    decision = Evaluation(site, OneNeighbour(ANNA)).decide(Asking(OWN, AWAY, 4711), site, SECRET, NOW, EVERYTHING)
    for name in set(OnTheWire.__struct_fields__) - {"keys"}:
        assert getattr(decision.evidence, name) == getattr(EVERYTHING, name), name
    assert (decision.evidence.proved,) == EVERYTHING.keys


def test_a_key_that_was_proved_at_the_port_makes_the_phones_requests_l4_and_nobody_elses() -> None:
    site = ListedSite("anna", "Anna", Rules(), phones=frozenset({ANNA}))
    own = Evaluation(site, OneNeighbour(ANNA)).decide(Asking(OWN, AWAY, 4711), site, SECRET, NOW, EVERYTHING)
    assert (own.allow, own.reached) == (True, Level.L4)
    told = f"MAC 00:11:22:33:44:55 has proved by 802.1X on lan the key of its certificate, CP-9971-SEP{ANNA}."
    assert told in own.reasons
    bert = HeldFile(TargetKind.CONFIGURATION, BERT)
    other = Evaluation(site, OneNeighbour(ANNA)).decide(
        Asking(f"SEP{BERT}.cnf.xml", AWAY, 4711), site, bert, NOW, EVERYTHING
    )
    assert (other.allow, other.evidence.proved) == (False, None)


def test_every_kind_of_evidence_is_tried_in_all_its_forms_and_told_in_words() -> None:
    """A kind that was forgotten in the properties' strategies, or in what people are told, fails here."""
    assert set(EVIDENCE_PARTS) == set(Evidence.__struct_fields__)
    said_with_another = {"known_owners", "asked_frames", "ttl"}
    assert set(EVIDENCE_IN_WORDS) == set(Evidence.__struct_fields__) - said_with_another


def test_it_needs_no_server() -> None:
    script = "import ringfence.guard.evaluation, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert not [name for name in shown.stdout.split() if name.startswith(("ringfence.server", "ringfence.edge"))]
