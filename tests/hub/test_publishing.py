import re
from collections.abc import Callable

import pytest

from ringfence.content.digests import Digest
from ringfence.content.release import Target, TargetKind
from ringfence.errors import NotFound
from ringfence.hub.core import Hub
from ringfence.hub.errors import FilesDisagree, NothingToEnd, SiteHeld
from ringfence.hub.fleet import (
    lines,
    phones,
    settings,
)
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION, SettingPlace
from ringfence.hub.publishing import diffs, holds, releases, site_files
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing.publish import publish, rollback
from ringfence.hub.store.models import LineRow
from ringfence.hub.store.pages import Page
from ringfence.hub.telephony import rotations
from ringfence.phones.errors import IncompletePhone, RenderFault
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.rendering.resolve_settings import Scope
from support.two_sites import ANNA, BEN, add_two_sites, numbers, relabel, whole_release


@pytest.fixture
def fleet(idle: Hub) -> Hub:
    """Two sites with a phone each, nothing published."""
    return add_two_sites(idle)


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
        return site_files.render(*arguments)  # type: ignore[arg-type] # passed on

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
        settings.put(change, fleet.sealer, SettingPlace(Scope.PHONE, carl.bare), "media_port_first", "40000")
    for _time in range(2):
        (left,) = publish(fleet, "test").left_out
        assert left.mac == carl, "it is named each time"
    texts = b"".join(whole_release(fleet, "anna")[1])
    assert b"Anna, new" in texts
    assert b"<featureLabel>Carl</featureLabel>" in texts, "the phone that is left out keeps its file"
    with fleet.change("test") as change:
        settings.unset(change, SettingPlace(Scope.PHONE, carl.bare), "media_port_first")
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


def test_a_held_sites_secrets_are_not_changed_as_the_phone_would_never_get_the_new_one(fleet: Hub) -> None:
    publish(fleet, "test")
    with fleet.change("test") as change:
        holds.put(change, "anna", "not now")
        before = lines.reveal(change, fleet.sealer, ANNA, 1)
    with pytest.raises(SiteHeld, match=r"ringfence release resume anna"):
        rotations.begin(fleet, "test", [ANNA])
    with fleet.change("test") as change:
        assert lines.reveal(change, fleet.sealer, ANNA, 1) == before
