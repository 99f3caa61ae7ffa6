"""What an edge refuses, each by its name; and that a refusal changes nothing."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Targets

from ringfence.content.errors import (
    BadSignature,
    EndlessData,
    Frozen,
    Malformed,
    MetadataRefused,
    MixAndMatch,
    OtherContent,
    Rollback,
    WrongSite,
)
from ringfence.content.repository import Versions
from ringfence.content.signing import DAY_S, SiteSigners
from ringfence.content.trust import (
    LARGEST_TIMESTAMP_BYTES,
    TrustedMetadata,
    _release,
    _reload,
)
from support.signed_repository import (
    NOW,
    Repository,
    follow,
    signers,
)

FILES = {"SEP001122334455.cnf.xml": b"<device/>", "dialplan.xml": b"<DIALTEMPLATE/>"}
LATER = {"SEP001122334455.cnf.xml": b"<device>2</device>", "dialplan.xml": b"<DIALTEMPLATE/>"}


@pytest.fixture
def repository() -> Repository:
    made = Repository()
    made.publish(1, FILES)
    return made


def test_a_whole_set_gives_the_release_that_was_signed(repository: Repository) -> None:
    release = repository.publish(2, LATER)
    assert repository.trust_all().release == release


def test_what_was_trusted_is_restored_as_of_its_last_refresh_however_late_it_is(repository: Repository) -> None:
    kept = repository.trust_all().whole_set()
    restored = TrustedMetadata.restore("anna", kept, refreshed_at=NOW)
    assert restored.release is not None
    assert restored.release.number == 1


def test_a_timestamp_seen_again_is_no_news(repository: Repository) -> None:
    trusted = repository.trust_all()
    assert trusted.update_timestamp(repository.timestamp(), NOW) is False


def test_a_renewed_timestamp_is_news_of_the_same_release(repository: Repository) -> None:
    trusted = repository.trust_all()
    repository.renew(NOW + DAY_S)
    assert trusted.update_timestamp(repository.timestamp(), NOW + DAY_S) is True
    assert trusted.snapshot_meta.version == 1


def test_wrong_site_refused_in_every_role(repository: Repository) -> None:
    other = Repository(site="berta", keys=repository.keys)  # the same hub signs for both sites
    other.publish(1, FILES)
    other.publish(2, LATER)
    trusted = repository.trust_all()
    with pytest.raises(WrongSite, match="'berta'"):
        TrustedMetadata("anna", other.files["1.root.json"])
    with pytest.raises(WrongSite):
        trusted.update_timestamp(other.timestamp(), NOW)
    other.site = "anna"  # a timestamp of ours that names the other site's snapshot, signed by the same hub
    with pytest.raises(MetadataRefused):
        trusted.update_snapshot(other.snapshot(), NOW)


def test_wrong_site_refused_where_only_the_targets_are_anothers(repository: Repository) -> None:
    keys = repository.keys
    ours, theirs = Repository(keys=keys), Repository(site="berta", keys=keys)
    ours.publish(1, FILES)
    theirs.publish(1, FILES)
    swapped = json.loads(theirs.targets())
    trusted = ours.trust_root()
    trusted.update_timestamp(ours.timestamp(), NOW)
    trusted.update_snapshot(ours.snapshot(), NOW)
    with pytest.raises(MixAndMatch):
        trusted.update_targets(json.dumps(swapped).encode(), NOW)


def test_rollback_of_the_timestamp_refused(repository: Repository) -> None:
    old = repository.timestamp()
    repository.publish(2, LATER)
    trusted = repository.trust_all()
    with pytest.raises(Rollback, match="timestamp 1 is older than the trusted 2"):
        trusted.update_timestamp(old, NOW)


def test_rollback_of_the_release_refused_even_with_fresh_signatures(repository: Repository) -> None:
    repository.publish(2, LATER)
    trusted = repository.trust_all()
    repository.publish(1, FILES)
    with pytest.raises(Rollback, match="release 1 is older than the trusted 2"):
        follow(trusted, repository)


def test_freeze_refused(repository: Repository) -> None:
    trusted = repository.trust_root()
    with pytest.raises(Frozen, match="timestamp metadata expired"):
        trusted.update_timestamp(repository.timestamp(), NOW + 8 * DAY_S)


def test_a_root_that_ended_freezes_everything(repository: Repository) -> None:
    with pytest.raises(Frozen, match="root"):
        repository.trust_root().update_timestamp(repository.timestamp(), NOW + 11 * 365 * DAY_S)


def test_mix_and_match_refused(repository: Repository) -> None:
    old_snapshot, old_targets = repository.snapshot(), repository.targets()
    repository.publish(2, LATER)
    trusted = repository.trust_root()
    trusted.update_timestamp(repository.timestamp(), NOW)
    with pytest.raises(MixAndMatch):
        trusted.update_snapshot(old_snapshot, NOW)
    trusted.update_snapshot(repository.snapshot(), NOW)
    with pytest.raises(MixAndMatch):
        trusted.update_targets(old_targets, NOW)


def test_endless_data_refused(repository: Repository) -> None:
    with pytest.raises(EndlessData):
        repository.trust_root().update_timestamp(b" " * (LARGEST_TIMESTAMP_BYTES + 1), NOW)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_each_role_signed_by_another_roles_key_refused(repository: Repository, role: str) -> None:
    keys = repository.keys
    swapped = {name: getattr(keys, name) for name in ("root", "targets", "snapshot", "timestamp")}
    swapped[role] = keys.root
    liar = Repository(keys=SiteSigners(**swapped))
    liar.publish(1, FILES)
    trusted = repository.trust_root()
    with pytest.raises(BadSignature, match=role):
        follow(trusted, liar)


def test_a_root_signed_by_nobody_refused(repository: Repository) -> None:
    unsigned = json.loads(repository.files["1.root.json"])
    unsigned["signatures"] = []
    with pytest.raises(BadSignature):
        TrustedMetadata("anna", json.dumps(unsigned).encode())


def test_rotation_walks_from_root_to_root(repository: Repository) -> None:
    trusted = repository.trust_all()
    repository.rotate(signers())
    repository.publish(2, LATER)
    with pytest.raises(BadSignature):
        trusted.update_timestamp(repository.timestamp(), NOW)
    trusted.update_root(repository.files["2.root.json"])
    assert follow(trusted, repository).number == 2


def test_a_root_that_skips_a_version_refused(repository: Repository) -> None:
    trusted = repository.trust_root()
    repository.rotate(signers())
    repository.rotate(signers())
    with pytest.raises(Rollback, match="version 3, but the next version is 2"):
        trusted.update_root(repository.files["3.root.json"])


def test_a_root_signed_by_its_own_new_key_alone_refused(repository: Repository) -> None:
    trusted = repository.trust_root()
    thief = Repository()
    thief.rotate(signers())
    with pytest.raises(BadSignature):
        trusted.update_root(thief.files["2.root.json"])


def test_metadata_of_another_role_refused(repository: Repository) -> None:
    with pytest.raises(Malformed, match="arrived instead of timestamp"):
        repository.trust_root().update_timestamp(repository.snapshot(), NOW)


BREAKS: dict[str, Callable[[dict[str, object]], object]] = {
    "a name that climbs": lambda files: files.update({"../etc/passwd": files.pop("dialplan.xml")}),
    "no kind": lambda files: files["dialplan.xml"].pop("custom"),  # type: ignore[attr-defined]
    "an owner that is no MAC address": lambda files: files["dialplan.xml"]["custom"].update(  # type: ignore[index]
        {"owner": "anna"}
    ),
    "a digest that is none": lambda files: files["dialplan.xml"]["hashes"].update(  # type: ignore[index]
        {"sha256": "../../key"}
    ),
    "a reload port that is none": lambda files: files["dialplan.xml"]["custom"].update(  # type: ignore[index]
        {"reload": {"method": "sip-notify", "port": 70_000}}
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_targets_in_another_form_refused_though_signed(name: str) -> None:
    repository = Repository()
    release = repository.publish(1, FILES)
    broken = json.loads(repository.targets())
    BREAKS[name](broken["signed"]["targets"])
    metadata = Metadata[Targets].from_dict(broken)
    metadata.sign(repository.keys.targets)
    trusted = repository.trust_root()
    trusted.update_timestamp(repository.timestamp(), NOW)
    trusted.update_snapshot(repository.snapshot(), NOW)
    with pytest.raises(MetadataRefused):
        trusted.update_targets(metadata.to_bytes(), NOW)
    with pytest.raises(Malformed):
        _release(release.site, metadata.signed)


def test_a_way_to_reload_that_a_newer_hub_knows_is_passed_over() -> None:
    assert _reload({"method": "telepathy", "thought": 7}) is None


def test_a_refusal_changes_nothing(repository: Repository) -> None:
    trusted = repository.trust_all()
    before = trusted.whole_set()
    repository.publish(2, LATER)
    candidate = trusted.candidate()
    candidate.update_timestamp(repository.timestamp(), NOW)
    with pytest.raises(MetadataRefused):
        candidate.update_snapshot(b"{}", NOW)
    assert trusted.whole_set() == before
    assert trusted.release is not None
    assert trusted.release.number == 1


@given(st.binary(max_size=400))
def test_no_bytes_at_all_do_anything_but_be_refused(data: bytes) -> None:
    with pytest.raises(MetadataRefused):
        _TRUSTED.update_timestamp(data, NOW)


@given(st.integers(0, 2000), st.integers(1, 255))
def test_no_flipped_byte_is_taken(place: int, change: int) -> None:
    altered = bytearray(_REPOSITORY.timestamp())
    altered[place % len(altered)] ^= change
    trusted = _REPOSITORY.trust_root()
    try:
        trusted.update_timestamp(bytes(altered), NOW)
    except MetadataRefused:
        return
    # What is left are changes that JSON does not see, such as another white space: the signed content is the same.
    assert trusted.snapshot_meta == _TRUSTED.snapshot_meta


_REPOSITORY = Repository(keys=SiteSigners(*(CryptoSigner.generate_ed25519() for _ in range(4))))
_REPOSITORY.publish(1, FILES)
_TRUSTED = _REPOSITORY.trust_all()


def test_the_same_version_with_other_content_is_refused_in_every_role(repository: Repository) -> None:
    keys = repository.keys
    trusted = repository.trust_all()
    parted = Repository(keys=keys)  # as after a hub went on from an old copy
    parted.publish(1, LATER)
    with pytest.raises(OtherContent, match="timestamp 1"):
        trusted.update_timestamp(parted.timestamp(), NOW)
    parted.renew(NOW)
    with pytest.raises(OtherContent, match="snapshot 1"):
        trusted.update_timestamp(parted.timestamp(), NOW)


def test_the_same_release_number_with_other_files_is_refused(repository: Repository) -> None:
    trusted = repository.trust_all()
    repository.publish(1, LATER)  # later versions, the same number
    with pytest.raises(OtherContent, match="release 1 has other files"):
        follow(trusted, repository)


def test_new_keys_heal_an_edge_that_was_led_far_ahead(repository: Repository) -> None:
    honest = Repository(keys=repository.keys, files=dict(repository.files), versions=repository.versions)
    repository.versions = Versions(9_000, 9_000, 9_000)
    repository.publish(9_000, LATER)
    trusted = repository.trust_all()
    honest.rotate(signers())
    honest.publish(2, FILES)
    trusted.update_root(honest.files["2.root.json"])
    assert follow(trusted, honest).number == 2
