"""Firmware at the hub: taken whole or not at all, at the edges before any phone is told of it."""

import hashlib
from collections.abc import Mapping

import pytest
from sqlalchemy import update

from ringfence.content.digests import sha256_hex
from ringfence.content.release import Target, TargetKind
from ringfence.hub.core import Hub
from ringfence.hub.errors import BrokenBundle, FirmwareMissing, LoadInUse, SkipsStep, UnknownLoad
from ringfence.hub.fleet import (
    firmware,
    lines,
    observations,
    phones,
    settings,
    sites,
)
from ringfence.hub.fleet.firmware import UploadedFile
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION, SettingPlace
from ringfence.hub.publishing import firmware_rollout, holds, releases
from ringfence.hub.publishing.publish import Publication, publish, rollback
from ringfence.hub.store.models import EdgeReportRow, EdgeRow, PhoneRow
from ringfence.phones.diagnosis.running_load import Running
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.resolve_settings import Scope
from support.firmware_files import bundle_42
from support.running_hub import RunningHub
from support.uploading import upload

ANNA, BEN = Mac("001B54C2E001"), Mac("001B54C2E002")
OLD, NEW = "SIP42.9-3-1SR4-1S", "SIP42.9-4-2SR3-1S"


def uploaded(hub: Hub, files: Mapping[str, bytes]) -> list[UploadedFile]:
    blobs = {sha256_hex(data): data for data in files.values()}
    upload(hub, blobs)
    return [UploadedFile(name, sha256_hex(data), len(data)) for name, data in files.items()]


def take(hub: Hub, files: Mapping[str, bytes]) -> list[str]:
    brought = uploaded(hub, files)
    with hub.change("test") as change:
        return [row.name for row in firmware.add(change, hub.blobs, "bundle.zip", brought)]


@pytest.fixture
def fleet(idle: Hub) -> Hub:
    """A site with two 7942s and an edge that serves its newest release, with the old load imported."""
    with idle.change("test") as change:
        settings.put(change, idle.sealer, ORGANISATION, "sip_server", "sip.example.org")
        site = sites.create(change, idle.signers, "Anna")
        for mac in (ANNA, BEN):
            phones.add(change, mac, site.id, "7942", "")
            change.session.flush()
            lines.put(change, idle.sealer, mac, 1, LineParts(name="201"))
    take(idle, bundle_42("9-3-1SR4-1"))
    return idle


def want(hub: Hub, load: str, place: SettingPlace = ORGANISATION) -> None:
    with hub.change("test") as change:
        settings.put(change, hub.sealer, place, "firmware_load", load)


def add_edge(hub: Hub, name: str, release: int) -> None:
    with hub.database.writing() as session:
        session.add(EdgeRow(
            id=name, site_id="anna", hostname="", version="", enrolled_at=hub.clock(), key_fingerprint=name,
            certificate_serial=name, certificate_fingerprint=name, certificate_ends_at=9e9,
            revoked_at=None, wipe=False, last_seen_at=None, connected_until=None, release=release, reports_through=0,
        ))  # fmt: skip


def serves(hub: Hub, edge: str, release: int) -> None:
    with hub.database.writing() as session:
        session.execute(update(EdgeRow).where(EdgeRow.id == edge).values(release=release))


def newest(hub: Hub) -> dict[str, Target]:
    with hub.database.reading() as session:
        return {target.name: target for target in releases.newest_targets(session, ["anna"])["anna"]}


def named(hub: Hub, mac: Mac) -> str:
    """The load that the phone's published file names."""
    text = hub.blobs.get(newest(hub)[f"SEP{mac.bare}.cnf.xml"].digest).decode()
    said = text.split("<loadInformation>")[1].split("</loadInformation>")[0]
    with hub.database.reading() as session:
        assert session.get_one(PhoneRow, mac.bare).named_load == said
    return said


def waiting(publication: Publication) -> dict[str, str]:
    return publication.waiting


def test_a_bundle_is_taken_with_its_recovery_lists_under_the_names_that_phones_ask_for(idle: Hub) -> None:
    assert take(idle, bundle_42()) == [NEW]
    with idle.database.reading() as session:
        names = {file.name for file in firmware.files(session)[NEW]}
    assert {f"{NEW}.loads", "term42.default.loads", "Jar42sip.9-4-2SR3-1.sbn", "dsp42.9-4-2SR3-1.sbn"} <= names
    assert take(idle, bundle_42()) == [NEW], "the same again changes nothing"


def test_a_bundle_that_is_not_whole_leaves_nothing(idle: Hub) -> None:
    files = bundle_42()
    del files["dsp42.9-4-2SR3-1.sbn"]
    with pytest.raises(BrokenBundle, match=r"dsp42\.9-4-2SR3-1\.sbn"):
        take(idle, files)
    brought = uploaded(idle, {"a.sbn": b"a"})
    with pytest.raises(BrokenBundle, match=r"no \.loads file"), idle.change("test") as change:
        firmware.add(change, idle.blobs, "x.zip", brought)
    with pytest.raises(BrokenBundle, match="has not been uploaded"), idle.change("test") as change:
        firmware.add(change, idle.blobs, "x.zip", [UploadedFile("a.sbn", sha256_hex(b"never sent"), 10)])
    with pytest.raises(BrokenBundle, match="has 1 byte, not 2"), idle.change("test") as change:
        firmware.add(change, idle.blobs, "x.zip", [UploadedFile("a.sbn", brought[0].digest, 2)])
    with idle.database.reading() as session:
        assert firmware.find(session) == []


def test_without_an_edge_firmware_and_configuration_come_in_one_release(fleet: Hub) -> None:
    want(fleet, OLD)
    assert waiting(publish(fleet, "test")) == {}
    assert named(fleet, ANNA) == OLD
    files = newest(fleet)
    assert files[f"{OLD}.loads"].kind is TargetKind.FIRMWARE
    assert files["Jar42sip.9-3-1SR4-1.sbn"].owner is None


def test_phones_are_told_of_a_load_only_when_every_edge_of_their_site_holds_it(fleet: Hub) -> None:
    want(fleet, OLD)
    publish(fleet, "test")
    take(fleet, bundle_42())
    add_edge(fleet, "edge-1", 1)
    add_edge(fleet, "edge-2", 1)
    want(fleet, NEW)
    assert set(publish(fleet, "test", dry_run=True).waiting) == {ANNA.bare, BEN.bare}
    done = publish(fleet, "test")
    assert done.waiting == {ANNA.bare: NEW, BEN.bare: NEW}
    assert named(fleet, ANNA) == OLD
    assert {f"{NEW}.loads", f"{OLD}.loads"} < set(newest(fleet)), "both loads are there while phones change over"
    assert firmware_rollout.go_on(fleet) == []
    serves(fleet, "edge-1", 2)
    assert firmware_rollout.go_on(fleet) == [], "one edge of the pair still lacks it"
    serves(fleet, "edge-2", 2)
    assert firmware_rollout.go_on(fleet) == ["anna"]
    assert named(fleet, ANNA) == named(fleet, BEN) == NEW
    assert firmware_rollout.go_on(fleet) == [], "told once"
    with fleet.database.reading() as session:
        newest_release = sites.get(session, "anna").newest_release
        assert releases.get(session, "anna", newest_release).comment == f"Firmware {NEW}"
    assert publish(fleet, "test").sites == []


def test_what_follows_by_itself_holds_nothing_that_was_not_shown(fleet: Hub) -> None:
    """An edit that waits for a publish does not slip out with the firmware."""
    add_edge(fleet, "edge-1", 0)
    want(fleet, OLD)
    publish(fleet, "test")
    with fleet.change("test") as change:
        lines.put(change, fleet.sealer, ANNA, 1, LineParts(label="Not yet"))
    serves(fleet, "edge-1", 1)
    assert firmware_rollout.go_on(fleet) == ["anna"]
    text = fleet.blobs.get(newest(fleet)[f"SEP{ANNA.bare}.cnf.xml"].digest)
    assert OLD.encode() in text
    assert b"Not yet" not in text
    assert [site.site_id for site in publish(fleet, "test").sites] == ["anna"]
    assert b"Not yet" in fleet.blobs.get(newest(fleet)[f"SEP{ANNA.bare}.cnf.xml"].digest)


def test_an_edit_meanwhile_is_published_and_the_firmware_still_waits(fleet: Hub) -> None:
    add_edge(fleet, "edge-1", 0)
    want(fleet, OLD)
    publish(fleet, "test")
    with fleet.change("test") as change:
        lines.put(change, fleet.sealer, ANNA, 1, LineParts(label="Urgent"))
    assert set(publish(fleet, "test").waiting) == {ANNA.bare, BEN.bare}
    serves(fleet, "edge-1", 2)
    firmware_rollout.go_on(fleet)
    text = fleet.blobs.get(newest(fleet)[f"SEP{ANNA.bare}.cnf.xml"].digest)
    assert b"Urgent" in text
    assert OLD.encode() in text


def test_a_dead_edge_holds_firmware_back_is_named_and_stops_counting_after_the_time_that_its_site_sets(
    fleet: Hub,
) -> None:
    want(fleet, OLD)
    publish(fleet, "test")
    take(fleet, bundle_42())
    add_edge(fleet, "edge-1", 1)
    add_edge(fleet, "edge-dead", 1)
    died = fleet.clock()
    want(fleet, NEW)
    done = publish(fleet, "test")
    assert {each.edge.id for each in done.waiting_for} == {"edge-1", "edge-dead"}, "neither has a stream open"
    serves(fleet, "edge-1", 2)
    assert firmware_rollout.go_on(fleet) == []
    with fleet.database.reading() as session:
        lacking = [each for each, has_it in firmware_rollout.edges_with(session, "anna", NEW) if not has_it]
    assert [each.edge.id for each in lacking] == ["edge-dead"]
    assert lacking[0].counts_until == pytest.approx(died + sites.FIRMWARE_WAITS_S, abs=60)
    with fleet.change("test") as change:
        sites.wait_for_edges(change, "anna", 3600)
    fleet.clock = lambda: died + 3500
    assert firmware_rollout.go_on(fleet) == []
    fleet.clock = lambda: died + 3700
    assert firmware_rollout.go_on(fleet) == ["anna"]
    assert named(fleet, ANNA) == NEW


def test_a_site_that_is_held_gets_no_firmware_by_itself(fleet: Hub) -> None:
    add_edge(fleet, "edge-1", 0)
    want(fleet, OLD)
    publish(fleet, "test")
    with fleet.change("test") as change:
        holds.put(change, "anna", "not now")
    serves(fleet, "edge-1", 1)
    assert firmware_rollout.go_on(fleet) == []
    with fleet.change("test") as change:
        holds.end(change, "anna")
    assert firmware_rollout.go_on(fleet) == ["anna"]


def test_a_load_that_nobody_has_is_refused_where_it_is_set(running: RunningHub) -> None:
    site = running.site("Refused loads")
    running.phone(site, "00:1B:54:C2:E0:77", "7942")
    before = running.do("GET", f"/settings/sites/{site}")
    refused = running.ask("PUT", f"/settings/sites/{site}/firmware_load", {"value": "SIP42.9-9-9S"})
    assert (refused.status, refused.json["kind"]) == (422, "firmware-missing")
    assert "ringfence firmware import" in refused.json["to_do"]
    assert running.do("GET", f"/settings/sites/{site}") == before


def test_an_edge_that_comes_later_turns_nothing_back(fleet: Hub) -> None:
    want(fleet, OLD)
    publish(fleet, "test")
    add_edge(fleet, "edge-1", 0)
    with fleet.change("test") as change:
        lines.put(change, fleet.sealer, ANNA, 1, LineParts(label="Anna"))
    publish(fleet, "test")
    assert named(fleet, ANNA) == OLD


def test_a_load_that_was_not_imported_is_asked_for_and_phones_keep_theirs_meanwhile(fleet: Hub) -> None:
    want(fleet, "SIP42.9-9-9S")
    done = publish(fleet, "test")
    assert [(phone.mac, type(phone.fault)) for phone in done.asked_for] == [
        (ANNA, FirmwareMissing),
        (BEN, FirmwareMissing),
    ]
    assert done.left_out == []
    assert {file.name for site in done.sites for file in site.files} >= {
        f"SEP{mac.bare}.cnf.xml" for mac in (ANNA, BEN)
    }
    assert publish(fleet, "test").asked_for, "the site stays due until it is here"
    with fleet.change("test") as change:
        settings.put(change, fleet.sealer, ORGANISATION, "load_server", "192.0.2.9")
    publish(fleet, "test")
    assert named(fleet, ANNA) == "SIP42.9-9-9S"


def test_a_step_between_is_not_skipped(fleet: Hub) -> None:
    take(fleet, bundle_42("8-5-2"))
    with fleet.change("test") as change:
        phones.change(change, ANNA, phones.PhoneParts(running_load="SIP42.8-2-1S"))
    want(fleet, OLD)
    (left,) = publish(fleet, "test").left_out
    assert isinstance(left.fault, SkipsStep)
    assert "bring it to 8.5(2) first" in left.fault.to_do
    assert named(fleet, BEN) == OLD, "the other phone is published"
    want(fleet, "SIP42.8-5-2S", SettingPlace(Scope.PHONE, ANNA.bare))
    publish(fleet, "test")
    assert (named(fleet, ANNA), named(fleet, BEN)) == ("SIP42.8-5-2S", OLD)


def test_what_a_phone_was_seen_to_run_counts_more_than_what_somebody_said(fleet: Hub) -> None:
    take(fleet, bundle_42("8-5-2"))
    with fleet.change("test") as change:
        phones.change(change, ANNA, phones.PhoneParts(running_load="SIP42.8-2-1S"))
    add_edge(fleet, "e1", 0)
    now = fleet.clock()
    own, peer = f"SEP{ANNA.bare}.cnf.xml", "192.0.2.7"
    told = [(now - 900, "SIP42.8-5-2S.loads", ""), (now - 600, own, ANNA.bare), (now - 590, "dialplan.xml", "")]
    with fleet.database.writing() as session:
        session.add_all(
            EdgeReportRow(
                edge_id="e1", site_id="anna", seq=seq, at=at, received_at=at, kind="file-served", sentence="",
                name=name, owner=owner, peer=peer, release=1,
            )
            for seq, (at, name, owner) in enumerate([*told, (now, "other", "")], 1)
        )  # fmt: skip
        assert observations.running(session, session.get_one(PhoneRow, ANNA.bare)) == Running("SIP42.8-5-2S", now - 600)
    want(fleet, OLD)
    assert publish(fleet, "test").waiting == {ANNA.bare: OLD, BEN.bare: OLD}


def test_each_phone_takes_the_load_for_its_model_of_several(fleet: Hub) -> None:
    with fleet.change("test") as change:
        phones.add(change, Mac("001B54C2E003"), "anna", "9971", "")
        change.session.flush()
        lines.put(change, fleet.sealer, Mac("001B54C2E003"), 1, LineParts(name="203"))
    take(fleet, {"sip9971.9-4-2SR4-1.loads": b"kern9971.9-4-2SR4-1.sebn\n", "kern9971.9-4-2SR4-1.sebn": b"kernel"})
    want(fleet, f"{OLD}, sip9971.9-4-2SR4-1")
    publish(fleet, "test")
    assert named(fleet, ANNA) == OLD
    assert named(fleet, Mac("001B54C2E003")) == "sip9971.9-4-2SR4-1"


def test_a_load_in_use_is_kept(fleet: Hub) -> None:
    want(fleet, OLD)
    publish(fleet, "test")
    with (
        pytest.raises(LoadInUse, match="2 phones name it, the organisation has it as firmware_load"),
        fleet.change("test") as change,
    ):
        firmware.remove(change, OLD)
    with pytest.raises(LoadInUse, match="other files"):
        take(fleet, {**bundle_42("9-3-1SR4-1"), "dsp42.9-3-1SR4-1.sbn": b"another"})
    want(fleet, "")
    publish(fleet, "test")
    assert f"{OLD}.loads" not in newest(fleet)
    with fleet.change("test") as change:
        firmware.remove(change, OLD)
    with pytest.raises(UnknownLoad), fleet.database.reading() as session:
        firmware.get(session, OLD)


def test_a_rollback_forgets_what_waited(fleet: Hub) -> None:
    publish(fleet, "test")
    add_edge(fleet, "edge-1", 1)
    want(fleet, OLD)
    publish(fleet, "test")
    rollback(fleet, "test", "anna", 1)
    serves(fleet, "edge-1", 2)
    assert firmware_rollout.go_on(fleet) == []


def test_a_bundle_is_uploaded_over_the_api(running: RunningHub) -> None:
    files = bundle_42("9-2-1")
    listed = []
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        if not running.do("GET", f"/uploads/{digest}")["here"]:
            assert running.raw("PUT", f"/api/v1/uploads/{digest}", data).status == 201
        listed.append({"name": name, "digest": digest, "length": len(data)})
    (load,) = running.do("POST", "/firmware", {"source": "bundle.zip", "files": listed})["items"]
    assert (load["name"], load["models"]) == ("SIP42.9-2-1S", ["7962", "7942"])
    assert running.do("GET", "/firmware/SIP42.9-2-1S/sites")["items"] == []
    running.do("DELETE", "/firmware/SIP42.9-2-1S")
    assert running.ask("DELETE", "/firmware/SIP42.9-2-1S").json["kind"] == "unknown-load"


def test_an_upload_that_is_cut_off_or_another_leaves_nothing(running: RunningHub) -> None:
    digest = hashlib.sha256(b"whole").hexdigest()
    answer = running.raw("PUT", f"/api/v1/uploads/{digest}", b"who")
    assert (answer.status, answer.json["kind"]) == (422, "blob-differs")
    assert running.do("GET", f"/uploads/{digest}") == {"here": False}
    assert list(running.folder.blobs.glob("??/*.part")) == []
    assert running.raw("PUT", "/api/v1/uploads/..%2f..%2fetc", b"x").status in {404, 422}
