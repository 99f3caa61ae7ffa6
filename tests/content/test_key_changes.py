"""Changes of a repository's keys as a client sees them: chains of roots, thresholds, and the way back from a thief.

The cases are those of which the public conformance tests for TUF clients (theupdateframework/tuf-conformance) have one:
root rotation, rotation of the other roles, recovery from versions driven up, and delegations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Targets

from ringfence.content.errors import BadSignature, MetadataRefused
from ringfence.content.repository import Versions
from ringfence.content.signing import ROLES, NamedKeys, named_keys
from ringfence.content.trust import TrustedMetadata
from support.signed_repository import NOW, Repository, follow, signers

FILES = {"SEP001122334455.cnf.xml": b"<device/>"}
LATER = {"SEP001122334455.cnf.xml": b"<device>2</device>"}
KEYS = [CryptoSigner.generate_ed25519() for _ in range(8)]


@dataclass(frozen=True)
class RootOf:
    """A root: who is named, how many must sign, and who does."""

    named: str
    threshold: int
    signed: str


CHAINS: dict[str, tuple[Sequence[RootOf], bool]] = {
    "one key for another": ([RootOf("0", 1, "0"), RootOf("1", 1, "01"), RootOf("1", 1, "1")], True),
    "strangers sign too": ([RootOf("0", 1, "05"), RootOf("1", 1, "0156"), RootOf("1", 1, "156")], True),
    "three of five, any three": ([RootOf("01234", 3, "024"), RootOf("01234", 3, "013")], True),
    "one of five is another": ([RootOf("01234", 3, "024"), RootOf("01235", 3, "013")], True),
    "all of three are others": ([RootOf("012", 2, "01"), RootOf("345", 2, "0134"), RootOf("345", 2, "45")], True),
    "more must sign": ([RootOf("012", 1, "0"), RootOf("012", 2, "01")], True),
    "fewer must sign": ([RootOf("012", 2, "01"), RootOf("012", 1, "01"), RootOf("012", 1, "2")], True),
    "the old key has not signed": ([RootOf("0", 1, "0"), RootOf("1", 1, "156")], False),
    "the new key has not signed": ([RootOf("0", 1, "0"), RootOf("1", 1, "056")], False),
    "too few of the new ones": ([RootOf("01234", 3, "024"), RootOf("01235", 3, "024"[:2] + "4")], False),
    "too few of the old ones": ([RootOf("01234", 3, "024"), RootOf("01567", 3, "0156")], False),
    "the new threshold is missed": ([RootOf("012", 1, "0"), RootOf("012", 2, "1")], False),
    "the old threshold is missed": ([RootOf("012", 2, "01"), RootOf("012", 1, "0")], False),
}


def chain_of(chain: Sequence[RootOf]) -> list[bytes]:
    base = Metadata[Root].from_bytes(Repository().files["1.root.json"])
    made = []
    for version, each in enumerate(chain, 1):
        root = base.signed
        root.roles["root"].keyids, root.roles["root"].threshold, root.version = [], each.threshold, version
        for number in each.named:
            root.add_key(KEYS[int(number)].public_key, "root")
        base.signatures.clear()
        for number in each.signed:
            base.sign(KEYS[int(number)], append=True)
        made.append(base.to_bytes())
    return made


@pytest.mark.parametrize("name", CHAINS)
def test_root_rotation(name: str) -> None:
    chain, is_taken = CHAINS[name]
    first, *rest = chain_of(chain)
    trusted = TrustedMetadata("anna", first)
    for body in rest[:-1]:
        trusted.update_root(body)
    if is_taken:
        trusted.update_root(rest[-1])
        assert trusted.root_version == len(chain)
    else:
        before = trusted.root_bytes
        with pytest.raises(BadSignature):
            trusted.update_root(rest[-1])
        assert trusted.root_bytes == before


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize(("named", "threshold", "signed", "is_taken"), [
    ("1", 1, "1", True), ("1", 1, "156", True), ("012", 2, "02", True), ("1", 1, "056", False),
    ("012", 2, "056", False),
])  # fmt: skip
def test_another_roles_rotation(role: str, named: str, threshold: int, signed: str, is_taken: bool) -> None:
    repository = Repository()
    repository.publish(1, FILES)
    trusted = repository.trust_all()
    root = Metadata[Root].from_bytes(repository.files["1.root.json"])
    root.signed.version, root.signed.roles[role].keyids, root.signed.roles[role].threshold = 2, [], threshold
    for number in named:
        root.signed.add_key(KEYS[int(number)].public_key, role)
    root.sign(repository.keys.root)
    trusted.update_root(root.to_bytes())
    before = KEYS[int(signed[0])]
    repository.keys = replace(repository.keys, **{role: before})
    repository.publish(2, LATER)
    repository = _signed_by(repository, role, signed)
    if is_taken:
        assert follow(trusted, repository).number == 2
    else:
        with pytest.raises(BadSignature, match=role):
            follow(trusted, repository)


def _signed_by(repository: Repository, role: str, signed: str) -> Repository:
    """Sign a role by several keys; what names its bytes is signed anew."""
    names = {
        "timestamp": "timestamp.json",
        "snapshot": f"{repository.versions.snapshot}.snapshot.json",
        "targets": f"{repository.versions.targets}.targets.json",
    }
    above = {"targets": ("snapshot", "timestamp"), "snapshot": ("timestamp",), "timestamp": ()}
    metadata = {each: Metadata.from_bytes(repository.files[name]) for each, name in names.items()}
    for number in signed[1:]:
        metadata[role].sign(KEYS[int(number)], append=True)
    repository.files[names[role]] = metadata[role].to_bytes()
    for each in above[role]:
        meta = metadata[each].signed
        named = getattr(meta, "snapshot_meta", None) or getattr(meta, "meta")["targets.json"]  # noqa: B009 - of two kinds
        named.length, named.hashes = None, None
        metadata[each].sign(getattr(repository.keys, each))
        repository.files[names[each]] = metadata[each].to_bytes()
    return repository


@pytest.mark.parametrize("changed", [("timestamp",), ("snapshot", "timestamp"), ("snapshot",), ("targets", "snapshot")])
def test_fast_forward_recovery(changed: tuple[str, ...]) -> None:
    repository = Repository()
    repository.publish(1, FILES)
    honest = Repository(keys=repository.keys, files=dict(repository.files), versions=repository.versions)
    repository.versions = Versions(99_998, 99_998, 99_998)
    repository.publish(1, FILES)
    trusted = repository.trust_all()
    honest.publish(2, LATER)
    with pytest.raises(MetadataRefused):
        follow(trusted.candidate(), honest)
    fresh = signers()
    honest.rotate(replace(honest.keys, **{role: getattr(fresh, role) for role in changed}))
    honest.publish(3, LATER)
    trusted.update_root(honest.files["2.root.json"])
    assert follow(trusted, honest).number == 3
    assert trusted.versions.timestamp == 3


def test_a_root_alone_that_changes_takes_no_version_back() -> None:
    repository = Repository()
    repository.publish(1, FILES)
    old = repository.timestamp()
    repository.publish(2, LATER)
    trusted = repository.trust_all()
    repository.rotate(replace(repository.keys, root=signers().root))
    trusted.update_root(repository.files["2.root.json"])
    with pytest.raises(MetadataRefused, match="older than the trusted"):
        trusted.update_timestamp(old, NOW)


def test_delegations_grant_nothing() -> None:
    repository = Repository()
    repository.publish(1, FILES)
    metadata = Metadata[Targets].from_bytes(repository.targets())
    role = DelegatedRole("firmware", [KEYS[0].public_key.keyid], 1, terminating=True, paths=["*"])
    metadata.signed.delegations = Delegations({KEYS[0].public_key.keyid: KEYS[0].public_key}, {"firmware": role})
    metadata.sign(repository.keys.targets)
    repository.files[f"{repository.versions.targets}.targets.json"] = metadata.to_bytes()
    repository = _signed_by(repository, "targets", "0")
    trusted = repository.trust_root()
    assert {each.name for each in follow(trusted, repository).targets} == FILES.keys()


def test_named_keys_are_what_a_root_says() -> None:
    repository = Repository()
    named = named_keys(repository.files["1.root.json"])
    assert named == repository.keys.named
    assert len({getattr(named, role) for role in ROLES}) == 4
    other = NamedKeys("x", named.targets, named.snapshot, named.timestamp)
    assert other.digest != named.digest
    assert other.online == named.online


def test_the_signer_of_the_next_root_is_the_one_that_the_last_one_names() -> None:
    repository = Repository()
    first = repository.files["1.root.json"]
    changed = replace(signers(), former_root=repository.keys.root)
    assert changed.root_signer_after(first) is repository.keys.root
    assert replace(changed, former_root=None).root_signer_after(first) is None
    repository.rotate(changed)
    assert changed.root_signer_after(repository.files["2.root.json"]) is changed.root
