import re
import threading
import time
from collections.abc import Callable, Mapping

import pytest
from sqlalchemy import event, select

from ringfence.content.digests import Digest
from ringfence.content.release import Target, TargetKind
from ringfence.content.trust import TrustedMetadata
from ringfence.errors import EnvironmentFault, NotFound
from ringfence.hub.core import Hub
from ringfence.hub.data.directory_blobs import DirectoryBlobs
from ringfence.hub.errors import FilesDisagree, NothingToEnd, PublishRunning, SiteHeld
from ringfence.hub.fleet import (
    lines,
    phones,
    settings,
    sites,
)
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION, SettingPlace
from ringfence.hub.publishing import diffs, holds, publication_lock, releases, site_files
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing.publish import Publication, publish, rollback
from ringfence.hub.store.models import LineRow, SiteRow
from ringfence.hub.store.pages import Page
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.hub.telephony import rotations
from ringfence.phones.errors import IncompletePhone, RenderFault
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.rendering.resolve_settings import Scope

ANNA, BEN = Mac("001B54C2D001"), Mac("001B54C2D002")


class PowerCutError(Exception):
    """The power went."""


@pytest.fixture
def fleet(idle: Hub) -> Hub:
    """Two sites with a phone each, a SIP server for both, nothing published."""
    with idle.change("test") as change:
        settings.put(change, idle.sealer, ORGANISATION, "sip_server", "sip.example.org")
        for name, mac in (("Anna", ANNA), ("Ben", BEN)):
            site = sites.create(change, idle.signers, name)
            phones.add(change, mac, site.id, "9971", "")
            change.session.flush()
            lines.put(change, idle.sealer, mac, 1, LineParts(name="201", label=name))
    return idle


def relabel(hub: Hub, mac: Mac, label: str) -> None:
    with hub.change("test") as change:
        lines.put(change, hub.sealer, mac, 1, LineParts(label=label))


def numbers(publication: Publication) -> dict[str, int | None]:
    return {site.site_id: site.release for site in publication.sites}


def whole_release(hub: Hub, site_id: str) -> tuple[int, list[bytes]]:
    """The site's newest release as an edge would take it: every signature, link and blob verified."""
    with hub.database.reading() as session:
        site = sites.get(session, site_id)
        rows = session.scalars(select(RoleMetadataRow).where(RoleMetadataRow.site_id == site_id)).all()
    bodies = {(row.role, row.version): row.body for row in rows}
    trusted = TrustedMetadata(site_id, bodies["root", 1])
    stamps = [body for (role, _version), body in bodies.items() if role == "timestamp"]
    if not stamps:
        assert site.newest_release == 0
        return 0, []
    (stamp,) = stamps
    now = hub.clock()
    trusted.update_timestamp(stamp, now)
    trusted.update_snapshot(bodies["snapshot", trusted.snapshot_meta.version], now)
    release = trusted.update_targets(bodies["targets", trusted.targets_meta.version], now)
    assert release.number == site.newest_release
    return release.number, [hub.blobs.get(target.digest) for target in release.targets]


def test_the_first_publish_makes_release_1_and_the_second_nothing(fleet: Hub) -> None:
    assert numbers(publish(fleet, "test")) == {"anna": 1, "ben": 1}
    again = publish(fleet, "test")
    assert (numbers(again), again.unchanged) == ({}, 2)


def test_an_edit_makes_a_release_for_its_site_only(fleet: Hub) -> None:
    publish(fleet, "test")
    relabel(fleet, ANNA, "Anna, sales")
    done = publish(fleet, "test", comment="new label")
    assert (numbers(done), done.unchanged) == ({"anna": 2}, 1)
    ((change,),) = [site.files for site in done.sites]
    assert change.change == "changed"
    assert "<featureLabel>Anna</featureLabel>" in change.diff
    assert "<featureLabel>Anna, sales</featureLabel>" in change.diff
    assert b"Anna, sales" in whole_release(fleet, "anna")[1][0]


@pytest.mark.parametrize(
    "edit",
    [
        lambda hub, change: settings.put(change, hub.sealer, ORGANISATION, "sip_server", "other.example.org"),
        lambda hub, change: settings.put(
            change, hub.sealer, SettingPlace(Scope.SITE, "anna"), "sip_server", "o.example.org"
        ),
        lambda hub, change: settings.put(
            change, hub.sealer, SettingPlace(Scope.PHONE, ANNA.bare), "sip_server", "o.example"
        ),
        lambda hub, change: lines.rotate(change, hub.sealer, ANNA, 1),
        lambda hub, change: lines.put(change, hub.sealer, ANNA, 2, LineParts(name="202")),
        lambda _hub, change: phones.remove(change, ANNA),
        lambda _hub, change: phones.change(change, ANNA, phones.PhoneParts(site_id="ben")),
        lambda _hub, change: phones.change(change, ANNA, phones.PhoneParts(model="8941")),
    ],
    ids=["organisation", "site", "phone", "password", "line", "removed", "moved", "family"],
)
def test_every_kind_of_edit_is_published(fleet: Hub, edit: Callable[[Hub, object], object]) -> None:
    publish(fleet, "test")
    with fleet.change("test") as change:
        edit(fleet, change)
    assert numbers(publish(fleet, "test")).get("anna") == 2
    assert publish(fleet, "test").sites == []


def test_an_edit_that_is_undone_publishes_nothing(fleet: Hub) -> None:
    publish(fleet, "test")
    relabel(fleet, ANNA, "Oops")
    relabel(fleet, ANNA, "Anna")
    assert publish(fleet, "test").sites == []


def test_an_edit_during_a_publish_is_due_at_the_next(fleet: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def render_while_somebody_edits(*arguments: object) -> object:
        relabel(fleet, ANNA, "Edited meanwhile")
        return site_files.render(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "render", render_while_somebody_edits)
        publish(fleet, "test", site_ids=["anna"])
    assert b"Edited meanwhile" not in whole_release(fleet, "anna")[1][0]
    assert numbers(publish(fleet, "test", site_ids=["anna"])) == {"anna": 2}


def test_a_removed_phones_file_goes_and_an_emptied_site_has_an_empty_release(fleet: Hub) -> None:
    publish(fleet, "test")
    with fleet.change("test") as change:
        phones.remove(change, ANNA)
    done = publish(fleet, "test")
    assert [file.change for file in done.sites[0].files] == ["removed"]
    assert whole_release(fleet, "anna") == (2, [])


def test_a_dry_run_shows_what_would_change_and_changes_nothing(fleet: Hub) -> None:
    publish(fleet, "test")
    relabel(fleet, BEN, "Benjamin")
    dry = publish(fleet, "test", dry_run=True)
    assert numbers(dry) == {"ben": None}
    assert "Benjamin" in dry.sites[0].files[0].diff
    assert whole_release(fleet, "ben")[0] == 1


def test_only_the_sites_that_are_named_are_published(fleet: Hub) -> None:
    assert numbers(publish(fleet, "test", site_ids=["ben"])) == {"ben": 1}
    assert whole_release(fleet, "anna")[0] == 0
    with pytest.raises(NotFound, match=r"there is no site 'bne'.*Similar: ben"):
        publish(fleet, "test", site_ids=["bne"])


def test_no_password_is_in_a_diff_and_a_changed_one_shows_as_changed(fleet: Hub) -> None:
    with fleet.change("test") as change:
        first = lines.reveal(change, fleet.sealer, ANNA, 1).reveal()
    shown = [publish(fleet, "test").sites[0].files[0].diff]
    with fleet.change("test") as change:
        lines.rotate(change, fleet.sealer, ANNA, 1)
        second = lines.reveal(change, fleet.sealer, ANNA, 1).reveal()
    shown.append(publish(fleet, "test", dry_run=True).sites[0].files[0].diff)
    publish(fleet, "test")
    shown.append(publishing.differences(fleet, "anna", 2, 1)[0].diff)
    assert second.encode() in whole_release(fleet, "anna")[1][0]
    for diff in shown:
        assert first not in diff
        assert second not in diff
    for diff in shown[1:]:
        before, after = re.findall(r"<authPassword>(.*)</authPassword>", diff)
        assert before != after
        assert before.startswith("[hidden ")


def test_secrets_are_masked_by_value_and_by_element() -> None:
    blobs = {
        Digest("1"): b"<a><authPassword>old&amp;one</authPassword><x>known-secret</x><pin>7</pin></a>",
        Digest("2"): b"<a><authPassword>new</authPassword>\n<x>known-secret</x><b>plain</b></a>",
    }
    pair = [Target("f.xml", digest, 1, TargetKind.SHARED) for digest in blobs]
    (change,) = diffs.describe([(pair[0], pair[1])], blobs.__getitem__, {"known-secret", ""})
    assert "plain" in change.diff
    assert not [secret for secret in ("old&amp;one", ">new<", "known-secret", ">7<") if secret in change.diff]


@pytest.mark.parametrize(
    ("element", "is_secret"),
    [
        *(
            (name, True)
            for name in ("authPassword", "Admin_Passwd", "pin", "userPIN", "User_Pin_2", "WPA_PSK", "PrivateKey")
        ),
        *((name, False) for name in ("sipInviteRetx", "NAT_Mapping_Enable_", "pinging", "Shipping", "secretaryLine")),
    ],
)
def test_masking_hides_secrets_only(element: str, is_secret: bool) -> None:
    blob = f"<a><{element}>a value</{element}></a>".encode()
    target = Target("f.xml", Digest("1"), 1, TargetKind.SHARED)
    (change,) = diffs.describe([(None, target)], {Digest("1"): blob}.__getitem__, ())
    assert ("a value" not in change.diff) is is_secret


def test_a_binary_file_has_its_sizes_for_a_diff() -> None:
    new = Target("f.bin", Digest("1"), 2, TargetKind.FIRMWARE)
    (change,) = diffs.describe([(None, new)], {Digest("1"): b"\xff\xfe"}.__getitem__, ())
    assert (change.change, change.diff) == ("added", "Binary file: 0 bytes → 2 bytes\n")


def test_a_template_that_makes_bad_xml_leaves_its_phones_out_and_names_template_line_and_phone(fleet: Hub) -> None:
    publish(fleet, "test")
    relabel(fleet, ANNA, "Is good")
    template = "<device>\n  <versionStamp>{{ version_stamp }}</versionStamp>\n  <open>\n</device>\n"
    with fleet.change("test") as change:
        phones.change(change, BEN, phones.PhoneParts(model="8941"))
    fleet.renderer = Renderer(OwnTemplates({"cisco-894x": {"device": template}}))
    done = publish(fleet, "test")
    (left,) = done.left_out
    assert (left.site_id, left.mac, type(left.fault)) == ("ben", BEN, RenderFault)
    assert "template" in left.fault.where
    assert "line" in left.fault.where
    assert str(BEN) in left.fault.where
    assert numbers(done) == {"anna": 2}, "the other site is published"
    assert whole_release(fleet, "ben")[0] == 1, "the phone keeps what it has"


def test_one_phones_bad_value_leaves_it_out_until_it_is_corrected_and_stops_nobody(fleet: Hub) -> None:
    carl = Mac("001B54C2D009")
    with fleet.change("test") as change:
        phones.add(change, carl, "anna", "9971", "")
        change.session.flush()
        lines.put(change, fleet.sealer, carl, 1, LineParts(name="209", label="Carl"))
    publish(fleet, "test")
    relabel(fleet, ANNA, "Anna, new")
    relabel(fleet, carl, "Carl, new")
    with fleet.change("test") as change:
        settings.put(change, fleet.sealer, SettingPlace(Scope.PHONE, carl.bare), "firmware_load", "sip9971.9-9-9")
    for _time in range(2):
        (left,) = publish(fleet, "test").left_out
        assert left.mac == carl, "it is named each time"
    texts = b"".join(whole_release(fleet, "anna")[1])
    assert b"Anna, new" in texts
    assert b"<featureLabel>Carl</featureLabel>" in texts, "the phone that is left out keeps its file"
    with fleet.change("test") as change:
        settings.unset(change, SettingPlace(Scope.PHONE, carl.bare), "firmware_load")
    assert publish(fleet, "test").left_out == []
    assert b"Carl, new" in b"".join(whole_release(fleet, "anna")[1])
    assert publish(fleet, "test").unchanged == 2


def test_a_secret_that_can_not_be_opened_leaves_its_phone_out(fleet: Hub) -> None:
    with fleet.database.writing() as session:
        session.get_one(LineRow, (ANNA.bare, 1)).sealed_password = b"not sealed by this hub"
    done = publish(fleet, "test")
    assert ([phone.mac for phone in done.left_out], numbers(done)) == ([ANNA], {"ben": 1})


def test_of_two_phones_that_need_other_files_of_one_name_the_second_is_left_out(fleet: Hub) -> None:
    other = Mac("001B54C2D00A")
    with fleet.change("test") as change:
        phones.add(change, other, "anna", "9971", "")
        change.session.flush()
        lines.put(change, fleet.sealer, other, 1, LineParts(name="210"))

    class Shares(Renderer):
        def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
            own = super().render(phone)
            return (RenderedFile("plan.xml", phone.mac.bare.encode(), None, TargetKind.SHARED, None), *own)

    fleet.renderer = Shares()
    done = publish(fleet, "test")
    assert [(phone.mac, type(phone.fault)) for phone in done.left_out] == [(other, FilesDisagree)]
    assert numbers(done) == {"anna": 1, "ben": 1}


def test_a_phone_without_sip_server_is_left_out_and_named(fleet: Hub) -> None:
    with fleet.change("test") as change:
        settings.unset(change, ORGANISATION, "sip_server")
    left = publish(fleet, "test").left_out
    assert [(phone.mac, type(phone.fault)) for phone in left] == [(ANNA, IncompletePhone), (BEN, IncompletePhone)]
    with fleet.change("test") as change:
        phones.remove(change, ANNA)  # what is kept of it goes with it


def test_who_edited_what_is_published_is_told(fleet: Hub) -> None:
    publish(fleet, "test")
    with fleet.change("Zoë") as change:
        lines.put(change, fleet.sealer, ANNA, 1, LineParts(label="By Zoë"))
    with fleet.change("Yan") as change:
        settings.put(change, fleet.sealer, ORGANISATION, "sip_server", "by-yan.example.org")
    told = {site.site_id: site.edited_by for site in publish(fleet, "test").sites}
    assert told == {"anna": ["Zoë", "Yan"], "ben": ["Yan"]}
    assert publish(fleet, "test").sites == []


def test_a_phone_without_a_line_is_left_out_and_named(fleet: Hub) -> None:
    with fleet.change("test") as change:
        phones.add(change, Mac("001B54C2D003"), "anna", "9971", "new, no line yet")
    done = publish(fleet, "test")
    assert done.without_line == [Mac("001B54C2D003")]
    assert len(whole_release(fleet, "anna")[1]) == 1


def test_a_rollback_is_a_new_release_with_the_old_content(fleet: Hub) -> None:
    publish(fleet, "test")
    original = whole_release(fleet, "anna")[1]
    relabel(fleet, ANNA, "Worse")
    publish(fleet, "test")
    assert rollback(fleet, "test", "anna", 1) == 3
    assert whole_release(fleet, "anna") == (3, original)
    with fleet.database.reading() as session:
        newest, count = releases.find(session, "anna", Page(1)).rows[0]
    assert (newest.number, newest.rolled_back_to, count) == (3, 1, 1)
    relabel(fleet, BEN, "Benjamin")
    done = publish(fleet, "somebody else")
    assert numbers(done) == {"ben": 2}, "nobody undoes the roll-back by publishing something else"
    assert [(site.id, site.held_by, site.held_why) for site in done.held] == [
        ("anna", "test", "rolled back to release 1")
    ]
    assert numbers(publish(fleet, "test", site_ids=["anna"])) == {}
    assert numbers(publish(fleet, "test", site_ids=["anna"], dry_run=True)) == {"anna": None}, "to see what would come"
    with fleet.change("test") as change:
        holds.end(change, "anna")
    assert numbers(publish(fleet, "test")) == {"anna": 4}, "the settings still say otherwise"
    with pytest.raises(NothingToEnd), fleet.change("test") as change:
        holds.end(change, "anna")
    with pytest.raises(NotFound, match=r"no release 9.*Its newest release is 4"):
        rollback(fleet, "test", "anna", 9)


def test_the_second_of_two_publishes_is_told_who_publishes_since_when(fleet: Hub) -> None:
    told = r"another publish by Zoë has been running since \d\d:\d\d:\d\d UTC"
    with (
        publication_lock.held(fleet, "Zoë"),
        pytest.raises(PublishRunning, match=told),
    ):
        publish(fleet, "test")
    assert numbers(publish(fleet, "test")) == {"anna": 1, "ben": 1}


def test_of_publishes_at_the_same_time_one_goes_on_and_the_others_are_refused(fleet: Hub) -> None:
    start, outcomes = threading.Barrier(4), list[str]()
    inside = threading.Event()
    render = fleet.renderer.render

    class Slow(Renderer):
        def render(self, phone: object) -> object:  # type: ignore[override]
            inside.set()
            time.sleep(0.2)
            return render(phone)  # type: ignore[arg-type]

    fleet.renderer = Slow()

    def work() -> None:
        start.wait()
        try:
            outcomes.append(f"made {len(publish(fleet, 'test').sites)}")
        except PublishRunning:
            outcomes.append("refused")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made 2", "refused", "refused", "refused"]
    assert whole_release(fleet, "anna")[0] == 1


def test_a_lease_that_a_crash_left_ends_by_itself(fleet: Hub) -> None:
    now = fleet.clock()
    crashed = publication_lock.held(fleet, "a process that died")
    crashed.__enter__()
    with pytest.raises(PublishRunning):
        publish(fleet, "test")
    fleet.clock = lambda: now + publication_lock.LENGTH_S + 1
    assert numbers(publish(fleet, "test")) == {"anna": 1, "ben": 1}


def test_a_publish_that_lost_its_lease_writes_no_more(fleet: Hub) -> None:
    with publication_lock.held(fleet, "slow") as held:
        now = fleet.clock()
        fleet.clock = lambda: now + publication_lock.LENGTH_S + 1
        publish(fleet, "quick")
        with pytest.raises(PublishRunning, match="took so long"), fleet.database.writing() as session:
            held.confirm(session)


class CutOff(DirectoryBlobs):
    """Cuts the power at the n-th step: a blob written, a statement executed, a commit begun. Nothing works after it."""

    def __init__(self, hub: Hub, at: int) -> None:
        self.steps, self.at, self.hub = 0, at, hub
        self.blobs = hub.blobs
        assert isinstance(self.blobs, DirectoryBlobs)
        super().__init__(self.blobs._folder)
        event.listen(hub.database._engine, "before_cursor_execute", self.step)
        event.listen(hub.database._engine, "commit", self.step)
        hub.blobs = self

    def step(self, *_arguments: object) -> None:
        self.steps += 1
        if self.steps >= self.at:
            raise PowerCutError

    def restore(self) -> None:
        event.remove(self.hub.database._engine, "before_cursor_execute", self.step)
        event.remove(self.hub.database._engine, "commit", self.step)
        self.hub.blobs = self.blobs

    def put(self, blobs: Mapping[Digest, bytes]) -> None:
        for digest, data in blobs.items():
            self.step()
            super().put({digest: data})
        self.step()


@pytest.mark.slow
def test_power_cut_at_every_step_of_a_publish_leaves_the_old_release_or_the_new(fleet: Hub) -> None:
    publish(fleet, "test")
    made, at = {"anna": 1, "ben": 1}, 0
    finished = False
    while not finished:
        at += 1
        assert at < 200
        for mac in (ANNA, BEN):
            relabel(fleet, mac, f"Edit {at}")
        cut = CutOff(fleet, at)
        try:
            publish(fleet, "test")
            finished = True
        except PowerCutError:
            pass
        finally:
            cut.restore()
        publication_lock.clear(fleet)  # the restart
        for site_id, before in made.items():
            number, blobs = whole_release(fleet, site_id)
            assert number in {before, before + 1}
            assert (f"Edit {at}".encode() in blobs[0]) == (number == before + 1)
        publish(fleet, "test")
        for site_id in made:
            number, blobs = whole_release(fleet, site_id)
            assert f"Edit {at}".encode() in blobs[0], "publishing again goes on from there"
            made[site_id] = number
    assert at > 10, "the steps were really counted"


def test_a_full_disk_publishes_nothing_and_says_so(fleet: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(EnvironmentFault, match="No space left on device"):
            publish(fleet, "test")
    assert whole_release(fleet, "anna")[0] == 0
    assert isinstance(fleet.blobs, DirectoryBlobs)
    assert fleet.blobs.sweep() == 0, "nothing half-written stays"
    assert numbers(publish(fleet, "test")) == {"anna": 1, "ben": 1}


def test_half_written_blobs_of_a_crash_are_swept(fleet: Hub) -> None:
    assert isinstance(fleet.blobs, DirectoryBlobs)
    publish(fleet, "test")
    folder = next(fleet.blobs._folder.iterdir())
    (folder / "half.1234.part").write_bytes(b"ha")
    assert fleet.blobs.sweep() == 1
    assert len(whole_release(fleet, "anna")[1]) == 1


def test_a_site_that_is_removed_during_a_publish_gets_no_release(fleet: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def render_while_somebody_removes(*arguments: object) -> object:
        with fleet.change("test") as change:
            if change.session.get(SiteRow, "ben"):
                phones.remove(change, BEN)
                change.session.flush()
                sites.remove(change, "ben")
        return site_files.render(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "render", render_while_somebody_removes)
        publish(fleet, "test")
    assert whole_release(fleet, "anna")[0] == 1
    with fleet.database.reading() as session:
        assert session.get(SiteRow, "ben") is None


def test_a_held_sites_secrets_are_not_changed_as_the_phone_would_never_get_the_new_one(fleet: Hub) -> None:
    publish(fleet, "test")
    with fleet.change("test") as change:
        holds.put(change, "anna", "not now")
        before = lines.reveal(change, fleet.sealer, ANNA, 1)
    with pytest.raises(SiteHeld, match=r"ringfence release resume anna"):
        rotations.begin(fleet, "test", [ANNA])
    with fleet.change("test") as change:
        assert lines.reveal(change, fleet.sealer, ANNA, 1) == before
