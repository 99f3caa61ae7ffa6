"""The hub's own keys change while it runs: what the old ones sealed or signed follows, whatever dies between."""

from contextlib import closing

import pytest
from sqlalchemy import LargeBinary, inspect, select, update
from tuf.api.metadata import Metadata, Timestamp
from tuf.api.serialization.json import JSONSerializer

from ringfence.content.signing import ROLES, SiteSigners, named_keys
from ringfence.content.trust import TrustedMetadata
from ringfence.errors import RingfenceError
from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data import key_changes
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import KeyInUse, NothingToEnd, RootKeyLost, UnknownKey
from ringfence.hub.fleet import (
    activations,
    hub_key_alerts,
    hub_keys,
    lines,
    organisations,
    phones,
    resealing,
    settings,
    sites,
)
from ringfence.hub.fleet.activations import PreparedPhone
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.sealed_columns import SEALED
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.process import key_following
from ringfence.hub.publishing import publish, roots
from ringfence.hub.store.base import Base
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import LineRow, SiteRow
from ringfence.hub.store.release_models import RoleMetadataRow, SiteStandingRow
from ringfence.identity.activation_codes import ActivationCode
from ringfence.phones.mac import Mac
from ringfence.secret import Secret

MAC = Mac("001B54C2E001")
PASSWORD = "Known-Secret-7731"
DAY_S = 86_400.0
NOT_SEALED = {
    "bundle.wrapped_identity": "age's own form, for a passphrase",
    "passkey.credential_id": "public",
    "passkey.public_key": "public",
    "passkey_challenge.challenge": "random, for minutes",
    "phone_certificate.der": "public",
    "phone_content_key.encrypted_key": "encrypted to the phone's certificate",
    "role_metadata.body": "public",
}
"""Columns of bytes that no key of the hub seals, and why."""


@pytest.fixture
def hub(idle: Hub) -> Hub:
    """A hub with a published site, a phone, and secrets of several kinds."""
    idle.device_url = "https://127.0.0.1:8444"
    with idle.change("test") as change:
        settings.put(change, idle.sealer, ORGANISATION, "sip_server", "sip.example.org")
        settings.put(change, idle.sealer, ORGANISATION, "admin_password", PASSWORD)
        sites.create(change, idle.signers, "Anna")
        phones.add(change, MAC, "anna", "9971", "")
        change.session.flush()
        lines.put(change, idle.sealer, MAC, 1, LineParts(name="201", label="Anna", password=Secret(PASSWORD)))
    publish.publish(idle, "test")
    return idle


def rotate(hub: Hub, key: str) -> None:
    whole = within.everywhere(hub)
    with whole.change("Anna") as change:
        hub_keys.rotate(change, whole, key, alone=True)


def has_former_root(hub: Hub) -> bool:
    return hub.signers.former_root is not None


def opened(hub: Hub) -> str:
    with hub.database.reading() as session:
        return lines.open_password(hub.sealer, lines.get(phones.get(session, MAC), 1)).reveal()


def sealed_by(hub: Hub) -> set[bytes]:
    with within.everywhere(hub).database.reading() as session:
        return {key_id for key_id, count in resealing.left(session, list(hub.sealer.keys.ciphers)).items() if count}


def stored(hub: Hub, role: str = "root") -> list[bytes]:
    """A site's metadata of a role, the oldest first."""
    chosen = select(RoleMetadataRow.body).where(RoleMetadataRow.site_id == "anna", RoleMetadataRow.role == role)
    with hub.database.reading() as session:
        return list(session.scalars(chosen.order_by(RoleMetadataRow.version)))


def refreshed(hub: Hub, trusted: TrustedMetadata) -> TrustedMetadata:
    """What an edge trusts after a refresh, however long it was away."""
    for body in stored(hub)[trusted.root_version :]:
        trusted.update_root(body)
    now = hub.clock()
    if trusted.update_timestamp(stored(hub, "timestamp")[0], now):
        trusted.update_snapshot(stored(hub, "snapshot")[-1], now)
        trusted.update_targets(stored(hub, "targets")[-1], now)
    return trusted


def new_edge(hub: Hub) -> TrustedMetadata:
    return refreshed(hub, TrustedMetadata("anna", stored(hub)[0]))


def test_every_column_of_bytes_is_known_to_be_sealed_or_not() -> None:
    columns = {
        f"{mapper.local_table.name}.{column.name}"  # type: ignore[attr-defined] # a table of its own
        for mapper in Base.registry.mappers
        for column in mapper.columns
        if isinstance(column.type, LargeBinary)
    }
    sealed = {f"{each.table.name}.{each.name}" for each in SEALED}
    assert columns == sealed | NOT_SEALED.keys()
    assert not sealed & NOT_SEALED.keys()


def test_a_record_is_named_by_columns_that_its_table_has() -> None:
    for each in SEALED:
        names = {column.name: column.name for column in inspect(each.model).columns}
        assert "{" not in each.record_of(names)


def test_everything_is_sealed_by_the_new_key_and_the_old_one_goes(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    old = hub.sealer.keys.newest
    rotate(hub, "sealing")
    new = hub.sealer.keys.newest
    assert old != new
    assert opened(hub) == PASSWORD
    assert sealed_by(hub) == {old}
    with monkeypatch.context() as much:
        much.setattr(hub_keys, "_MOST_LOOKED_AT", 0)  # as where so much waits that retiring does not begin with it
        with pytest.raises(KeyInUse, match="still sealed"):
            hub_keys.retire(within.everywhere(hub), "Anna")
    assert key_following.go_on(hub) == []
    assert sealed_by(hub) == {new}
    assert opened(hub) == PASSWORD
    assert hub_keys.retire(within.everywhere(hub), "Anna") == 1
    assert list(hub.sealer.keys.ciphers) == [new]
    assert opened(hub) == PASSWORD
    assert not hub.folder or len(hub.folder.sealing_key.read_text().split()) == 1
    with pytest.raises(NothingToEnd):
        hub_keys.retire(within.everywhere(hub), "Anna")


def test_a_hub_that_dies_between_goes_on_where_it_was(hub: Hub) -> None:
    with hub.change("test") as change:
        for index in range(2, 5):
            lines.put(
                change, hub.sealer, MAC, index, LineParts(name=f"20{index}", password=Secret(f"{PASSWORD}{index}"))
            )
    rotate(hub, "sealing")
    turns = iter([True, True, False])
    resealing.go_on(within.everywhere(hub), lambda: next(turns, False))
    assert len(sealed_by(hub)) == 2, "some are of the old key, some of the new one"
    assert hub.folder is not None
    with closing(open_hub(DataFolder(hub.folder.path))) as again:
        assert opened(again) == PASSWORD
        key_following.go_on(again)
        assert sealed_by(again) == {again.sealer.keys.newest}


def test_a_value_that_somebody_sets_meanwhile_is_not_overwritten(hub: Hub) -> None:
    rotate(hub, "sealing")
    with hub.change("test") as change:
        lines.put(change, hub.sealer, MAC, 1, LineParts(password=Secret("Another-Secret-1")))
    resealing.go_on(within.everywhere(hub))
    assert opened(hub) == "Another-Secret-1"


def test_what_no_key_opens_is_named_and_keeps_the_old_key_until_a_person_says(hub: Hub) -> None:
    other = Sealer(Sealer.new_key())
    broken = b"\x01" + hub.sealer.keys.newest + other.seal(Secret("x"), "line")[5:]
    with within.everywhere(hub).database.writing() as session:
        session.execute(update(LineRow.__table__).values(sealed_password=broken))  # type: ignore[arg-type] # a table
    rotate(hub, "sealing")
    (problem,) = key_following.go_on(hub)
    assert "can't be opened" in problem
    with pytest.raises(KeyInUse, match="1 of them can't be opened"):
        hub_keys.retire(within.everywhere(hub), "Anna")
    assert hub_keys.retire(within.everywhere(hub), "Anna", leaves_broken=True) == 1
    with pytest.raises(SealBroken):
        opened(hub)


def test_activation_codes_are_found_after_their_key_is_gone_and_no_longer_than_needed(hub: Hub) -> None:
    with hub.change("Anna") as change:
        row, made = activations.create(change, hub.sealer, PreparedPhone(site_id="anna"))
        code = ActivationCode.from_text(made.to_text())
    for _ in range(2):
        rotate(hub, "sealing")
        key_following.go_on(hub)
        assert hub_keys.retire(within.everywhere(hub), "Anna") == 1
        with hub.database.reading() as session:
            found = activations.of_code(session, hub.sealer, code)
            assert found is not None
            assert found.id == row.id
    with hub.change("Anna") as change:
        activations.revoke(change, row.id)
    rotate(hub, "sealing")
    key_following.go_on(hub)
    hub_keys.retire(within.everywhere(hub), "Anna")
    assert len(hub.sealer.keys.fingerprint_keys) == 1


def test_secrets_of_other_organisations_are_sealed_again_for_them(hub: Hub) -> None:
    with within.everywhere(hub).change("test") as change:
        organisations.create(change, "acme", "Acme")
    acme = within.organisation(hub, "acme")
    with acme.change("test") as change:
        settings.put(change, acme.sealer, ORGANISATION, "admin_password", PASSWORD)
    rotate(hub, "sealing")
    key_following.go_on(hub)
    hub_keys.retire(within.everywhere(hub), "Anna")
    with acme.database.reading() as session:
        assert [secret.reveal() for _place, _name, secret in settings.secrets(session, acme.sealer)] == [PASSWORD]


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_key_changes_and_edges_follow_however_long_they_were_away(hub: Hub, role: str) -> None:
    away = new_edge(hub)
    before = named_keys(stored(hub)[-1])
    for _ in range(3):
        rotate(hub, role)
        assert key_following.go_on(hub) == []
    after = named_keys(stored(hub)[-1])
    assert [each for each in ROLES if getattr(before, each) != getattr(after, each)] == [role]
    assert after == hub.signers.named
    assert len(stored(hub)) == 4
    trusted = refreshed(hub, away)
    assert trusted.root_version == 4
    assert trusted.release is not None
    assert new_edge(hub).release == trusted.release


def test_the_root_key_of_before_stays_until_every_site_has_a_root_of_the_new_one(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub.change("test") as change:
        for name in ("Ben", "Cora"):
            sites.create(change, hub.signers, name)
    rotate(hub, "root")
    assert has_former_root(hub)
    with pytest.raises(KeyInUse, match="3 sites still to follow"):
        rotate(hub, "root")
    real = key_following._follow_together

    def one_then_none(hub: Hub, site_ids: list[str]) -> None:
        real(hub, site_ids[:1])
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(key_following, "_follow_together", one_then_none)
        with pytest.raises(KeyboardInterrupt):
            key_following.go_on(hub)
    assert has_former_root(hub)
    assert key_following.go_on(hub) == []
    assert not has_former_root(hub)
    with hub.database.reading() as session:
        assert set(session.scalars(select(SiteRow.keys_digest))) == {hub.signers.named.digest}


def test_a_publish_before_a_site_has_followed_takes_it_along(hub: Hub) -> None:
    trusted = new_edge(hub)
    rotate(hub, "timestamp")
    with hub.change("test") as change:
        lines.put(change, hub.sealer, MAC, 1, LineParts(label="Ben"))
    publish.publish(hub, "test")
    assert named_keys(stored(hub)[-1]) == hub.signers.named
    release = refreshed(hub, trusted).release
    assert release is not None
    assert release.number == 2


def test_two_hubs_on_one_folder_never_sign_by_the_key_of_before(hub: Hub) -> None:
    assert hub.folder is not None
    with closing(open_hub(DataFolder(hub.folder.path))) as other:
        rotate(hub, "timestamp")
        rotate(hub, "sealing")
        assert other.signers.named == hub.signers.named
        assert other.sealer.keys.newest == hub.sealer.keys.newest
        key_following.go_on(hub)
        with other.change("test") as change:
            lines.put(change, other.sealer, MAC, 1, LineParts(label="Ben"))
        publish.publish(other, "test")
    assert named_keys(stored(hub)[-1]) == hub.signers.named


def test_sites_of_before_are_looked_up_and_get_no_new_root(hub: Hub) -> None:
    with within.everywhere(hub).database.writing() as session:
        session.execute(update(SiteRow).values(keys_digest=""))
    key_following.go_on(hub)
    assert len(stored(hub)) == 1
    with hub.database.reading() as session:
        assert session.get_one(SiteRow, "anna").keys_digest == hub.signers.named.digest


def test_a_lost_root_key_is_that_sites_fault_alone_and_is_named(hub: Hub) -> None:
    with hub.change("test") as change:
        sites.create(change, hub.signers, "Ben")
    assert hub.folder is not None
    key_changes.replace_metadata_key(hub.folder, "root", hub.clock())
    key_changes.forget_former_root(hub.folder)
    with hub.change("test") as change:
        sites.create(change, hub.signers, "Cora")
    rotate(hub, "timestamp")
    (problem,) = key_following.go_on(hub)
    assert "does not have the root key by which site anna's edges know it" in problem
    with hub.database.reading() as session:
        assert session.get_one(SiteRow, "cora").keys_digest == hub.signers.named.digest
    with hub.change("test") as change, pytest.raises(RootKeyLost):
        roots.sign_next(hub, change.session, "anna", change.now)


def stolen(hub: Hub, version: int, signers: SiteSigners) -> bytes:
    """What a thief of the timestamp key signs: the newest release, with a version of his own."""
    metadata = Metadata[Timestamp].from_bytes(stored(hub, "timestamp")[0])
    metadata.signed.version = version
    metadata.sign(signers.timestamp)
    return metadata.to_bytes(JSONSerializer(compact=True))


def test_edges_recover_from_versions_that_a_thief_of_the_timestamp_key_signed(hub: Hub) -> None:
    trusted, thief = new_edge(hub), hub.signers
    forged = stolen(hub, 2**31 - 2, thief)
    trusted.update_timestamp(forged, hub.clock())
    with pytest.raises(RingfenceError, match="older than the trusted"):
        refreshed(hub, trusted.candidate())
    with hub.change("test") as change:  # as if the hub had believed the edge before
        change.session.add(SiteStandingRow(site_id="anna", doubt="", why="", since=0.0, timestamp=2**31 - 2))
    rotate(hub, "timestamp")
    key_following.go_on(hub)
    assert refreshed(hub, trusted).release is not None
    assert trusted.versions.timestamp < roots.HIGHEST_HONEST
    with pytest.raises(RingfenceError):
        trusted.candidate().update_timestamp(stolen(hub, 2**31 - 1, thief), hub.clock())


def test_every_key_is_listed_with_its_next_step_and_no_key_is_shown(hub: Hub) -> None:
    rotate(hub, "sealing")
    rotate(hub, "root")
    found = {each.key: each for each in hub_keys.find(within.everywhere(hub), hub.clock())}
    assert {"ca", "server", *ROLES, "root-before", "sealing", "sealing-before", "fingerprints"} <= found.keys()
    assert found["sealing-before"].waiting == 2
    assert found["root"].waiting == 1
    assert found["ca"].next_step.startswith("ringfence hub move")
    assert all(each.next_step and each.kept_in for each in found.values())
    assert hub.folder is not None
    shown = repr(found)
    for line in hub.folder.sealing_key.read_text().split():
        assert line not in shown
    made = found["sealing"].made_at
    assert made is not None
    assert made >= (found["sealing-before"].made_at or 0)
    with pytest.raises(UnknownKey):
        rotate(hub, "ca")


def test_a_ca_that_ends_within_a_year_is_told(hub: Hub) -> None:
    def told() -> list[str]:
        hub_key_alerts.look(hub, within.everywhere(hub))
        chosen = select(GuardAlertRow).where(GuardAlertRow.kind == alerts.HUB_KEY, GuardAlertRow.closed_at.is_(None))
        with hub.database.reading() as session:
            return [row.subject for row in session.scalars(chosen)]

    assert told() == []
    hub.clock.ahead_s += 19.5 * 365 * DAY_S  # type: ignore[attr-defined] # a test's clock
    assert "ca" in told()
    hub.clock.ahead_s = 0.0  # type: ignore[attr-defined] # a test's clock
    assert told() == []
