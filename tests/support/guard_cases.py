"""Evidence, policies and files to judge: some by name, and all kinds of them for hypothesis."""

from hypothesis import strategies as st

from ringfence.content.release import TargetKind
from ringfence.guard.decision import (
    Decision,
    FileRequest,
    HeldFile,
    decide,
)
from ringfence.guard.evidence import (
    Announced,
    AskedDhcp,
    Behaviour,
    BehaviourPart,
    Contradiction,
    CredentialShown,
    CredentialState,
    Evidence,
    Grant,
    Leased,
    PlaceConflict,
    ProvedKey,
    Shown,
    Sighting,
)
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import (
    EDGE_LEVELS,
    GATEWAY_LEVELS,
    FirstContact,
    Policy,
)

ANNA, STRANGER = "001122334455", "020000000077"
HOST = "192.168.1.77"
SECRET = HeldFile(TargetKind.CONFIGURATION, ANNA)
PLAIN = HeldFile(TargetKind.CONFIGURATION, ANNA, secret=False)
EDGE, GATEWAY = Policy(EDGE_LEVELS), Policy(GATEWAY_LEVELS, windows=True)
PROVEN = Evidence(
    frozenset({ANNA}), on_link=True, neighbours=(Shown(ANNA, "lan"),), frames=(Sighting(ANNA, "lan", 64),),
    asked_frames=True, ttl=64,
)  # fmt: skip


def asked(evidence: Evidence, policy: Policy = EDGE, holding: HeldFile = SECRET) -> Decision:
    return decide(FileRequest(f"SEP{ANNA}.cnf.xml", HOST), holding, evidence, policy, "Home")


GOOD = Behaviour((BehaviourPart("order", 40, 40, "in order"), BehaviourPart("pace", 10, 10, "slow")))
ODD = Behaviour((BehaviourPart("order", 0, 40, "went straight for its file"), BehaviourPart("pace", 10, 10, "slow")))

MACS = st.sampled_from([ANNA, STRANGER])
EVIDENCE_PARTS: dict[str, st.SearchStrategy[object]] = {
    "known_owners": st.sampled_from([frozenset(), frozenset({ANNA})]),
    "on_link": st.booleans(),
    "learned": st.sampled_from(["", "seen"]),
    "neighbours": st.lists(st.builds(Shown, MACS, st.sampled_from(["", "lan"])), max_size=3).map(tuple),
    "frames": st.lists(st.builds(Sighting, MACS, st.just("lan"), st.integers(0, 255)), max_size=3).map(tuple),
    "asked_frames": st.booleans(),
    "ttl": st.none() | st.integers(0, 255),
    "lease": st.none() | st.builds(Leased, MACS, st.text(max_size=5), st.text(max_size=20)),
    "announced": st.none() | st.builds(Announced, st.just("lldp"), MACS, st.text(), st.text(), st.just("lan")),
    "dhcp": st.none()
    | st.builds(AskedDhcp, MACS, st.text(max_size=9), st.lists(st.integers(0, 255), max_size=3).map(tuple)),
    "behaviour": st.sampled_from([GOOD, ODD, Behaviour()]),
    "conflict": st.none() | st.builds(PlaceConflict, st.sampled_from(Contradiction), st.just("192.0.2.1")),
    "grant": st.none() | st.builds(Grant, st.just("carla"), st.just(9.0), st.sampled_from(["", HOST, "192.0.2.7"])),
    "holds_key": st.booleans(),
    "proved": st.none() | st.builds(ProvedKey, MACS, st.sampled_from([(), ("lan",)]), st.text(max_size=20)),
    "credential": st.none() | st.builds(CredentialShown, st.sampled_from(CredentialState), st.integers(0, 9)),
    "certificate_of": st.sampled_from(["", ANNA, STRANGER]),
    "known_by": st.sampled_from(["", "a key in its URL"]),
}
"""By the evidence's field; each of them has one."""
EVIDENCES = st.builds(Evidence, **EVIDENCE_PARTS)
POLICIES = st.builds(
    Policy,
    st.dictionaries(st.sampled_from(FileKind), st.sampled_from(Level)),
    first_contact=st.sampled_from(FirstContact),
    windows=st.booleans(),
    held=st.sampled_from(["", "moved"]),
    never_admitted=st.sampled_from([frozenset(), frozenset({ANNA})]),
    blocked=st.sampled_from([frozenset(), frozenset({ANNA})]),
)
HOLDINGS = st.none() | st.builds(
    HeldFile, st.sampled_from(TargetKind), st.sampled_from([None, ANNA]), st.booleans(), st.booleans()
)
