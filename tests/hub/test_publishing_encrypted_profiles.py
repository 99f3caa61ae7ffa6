"""Publishing for SPA and Multiplatform phones: profiles that only one phone reads, new keys, reset phones, and back."""

import re
import subprocess
from dataclasses import dataclass

import pytest

from ringfence.content.release import Target
from ringfence.hub.core import Hub
from ringfence.hub.errors import KeyNotTaken, NothingToEnd, StillTrusting
from ringfence.hub.fleet import lines, phones, profile_keys, settings, sites
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.publishing import releases
from ringfence.hub.publishing.publish import Publication, publish, rollback
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.phone_trust_models import PhoneProfileKeyRow
from ringfence.phones.errors import ValueOutOfRange, WrongKey
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope
from ringfence.phones.trust.encrypted_profiles import open_salted
from ringfence.secret import Secret
from ringfence.wire.messages import Report, ReportKind
from support.two_sites import ANNA, add_two_sites, relabel

SPA = Mac("000E08AABB01")
OWN = f"{SPA.bare.lower()}.cfg"
_RULE = re.compile(rb'<Profile_Rule[^>]*>\[--key "\$SA"\] /([0-9a-f]{12})/\$MA\.cfg</Profile_Rule>')
_PHRASE = re.compile(rb"<GPP_SA[^>]*>([A-Za-z0-9]{32})</GPP_SA>")


@dataclass
class Fleet:
    """A site with an SPA504G beside a 9971."""

    hub: Hub
    seq: int = 0

    def set(self, **values: str) -> None:
        for setting, value in values.items():
            with self.hub.change("test") as change:
                settings.put(change, self.hub.sealer, SettingPlace(Scope.PHONE, SPA.bare), setting, value)

    def publish(self) -> Publication:
        return publish(self.hub, "test")

    @property
    def number(self) -> int:
        with self.hub.database.reading() as session:
            return session.get_one(SiteRow, "anna").newest_release

    @property
    def targets(self) -> dict[str, Target]:
        with self.hub.database.reading() as session:
            return {target.name: target for target in releases.newest_targets(session, ["anna"])["anna"]}

    @property
    def files(self) -> dict[str, bytes]:
        return {name: self.hub.blobs.get(target.digest) for name, target in self.targets.items()}

    @property
    def encrypted(self) -> list[str]:
        """The names of the phone's encrypted profiles."""
        return [name for name, target in self.targets.items() if target.owner == SPA.bare and target.sealed]

    @property
    def password(self) -> bytes:
        with self.hub.database.reading() as session:
            (line,) = phones.get(session, SPA).lines
            return lines.open_password(self.hub.sealer, line).reveal().encode()

    @property
    def row(self) -> PhoneProfileKeyRow | None:
        with self.hub.database.reading() as session:
            return profile_keys.rows_of(session, [SPA.bare]).get(SPA.bare)

    def has_key(self) -> bool:
        return self.row is not None

    def told(self, name: str, kind: ReportKind = ReportKind.FILE_SERVED, release: int | None = None) -> None:
        """Say that the phone took a file of the newest release, or asked for it in vain."""
        self.seq += 1
        number = self.number if release is None else release
        report = Report(self.seq, 1.0, kind, "Said.", name=name, owner=SPA.bare, peer="192.0.2.7", release=number)
        with self.hub.change("edge") as change:
            profile_keys.take(change, "anna", [report])

    def leaves_nothing_in_clear(self) -> None:
        for name, data in self.files.items():
            assert self.password not in data, name
            assert _PHRASE.search(data) is None, name


@pytest.fixture
def fleet(idle: Hub) -> Fleet:
    hub = add_two_sites(idle)
    with hub.change("test") as change:
        site = sites.get(change.session, "anna")
        phones.add(change, SPA, site.id, "SPA504G", "")
        change.session.flush()
        lines.put(change, hub.sealer, SPA, 1, LineParts(name="301", label="Desk"))
    made = Fleet(hub)
    made.publish()
    return made


@pytest.fixture
def offered(fleet: Fleet) -> Fleet:
    """The first profile and the encrypted one are there."""
    fleet.set(trust="encrypted")
    fleet.publish()
    return fleet


@pytest.fixture
def encrypted(offered: Fleet) -> Fleet:
    """The phone was seen to take its encrypted profile, and the first one is gone."""
    offered.told(OWN)
    offered.told(offered.encrypted[0])
    offered.publish()
    return offered


def key_in(profile: bytes) -> tuple[Secret, str]:
    """Return the phrase and the folder that a profile gives its phone."""
    phrase, rule = _PHRASE.search(profile), _RULE.search(profile)
    assert phrase is not None
    assert rule is not None
    return Secret(phrase[1].decode()), rule[1].decode()


def test_the_first_profile_gives_the_key_and_the_rule_and_no_sip_secret(offered: Fleet) -> None:
    first = offered.files[OWN]
    phrase, folder = key_in(first)

    assert offered.encrypted == [f"{folder}/{OWN}"]
    assert offered.password not in first
    assert b"User_ID" not in first
    assert len(re.findall(rb"<\w+ ua", first)) == 5
    whole = open_salted(offered.files[f"{folder}/{OWN}"], phrase)
    assert offered.password in whole
    assert key_in(whole) == (phrase, folder)


def test_the_first_profile_is_for_the_phone_alone_and_the_encrypted_one_for_whoever_asks(offered: Fleet) -> None:
    first, (name,) = offered.targets[OWN], offered.encrypted
    assert (first.owner, first.secret, first.sealed) == (SPA.bare, True, False)
    assert (offered.targets[name].owner, offered.targets[name].sealed) == (SPA.bare, True)
    assert offered.targets[name].reload == first.reload is not None


def test_openssl_opens_the_published_file(offered: Fleet) -> None:
    phrase, folder = key_in(offered.files[OWN])
    command = ["openssl", "enc", "-d", "-aes-256-cbc", "-md", "md5", "-k", phrase.reveal()]
    opened = subprocess.run(command, input=offered.files[f"{folder}/{OWN}"], capture_output=True, check=True).stdout
    clear = subprocess.run(["gzip", "-dc"], input=opened, capture_output=True, check=True).stdout
    assert clear == open_salted(offered.files[f"{folder}/{OWN}"], phrase)


def test_nothing_is_published_anew_without_an_edit(offered: Fleet) -> None:
    before = (offered.number, offered.files)
    with offered.hub.change("test") as change:
        change.session.get_one(SiteRow, "anna").edits += 1
    assert offered.publish().sites == []
    assert (offered.number, offered.files) == before


def test_the_first_profile_goes_once_the_phone_has_its_key_and_secrets_are_in_clear_nowhere(offered: Fleet) -> None:
    offered.told(OWN)
    assert offered.publish().sites == []  # that it took the first one shows nothing yet

    offered.told(offered.encrypted[0])

    assert [site.site_id for site in offered.publish().sites] == ["anna"]
    assert OWN not in offered.files
    assert len(offered.encrypted) == 1
    offered.leaves_nothing_in_clear()


def test_the_first_profile_stays_where_it_is_to(encrypted: Fleet) -> None:
    encrypted.set(plain_files="keep")
    encrypted.publish()
    assert OWN in encrypted.files
    assert encrypted.password not in encrypted.files[OWN]


def test_an_edit_reaches_a_phone_that_takes_encrypted_profiles_alone(encrypted: Fleet) -> None:
    row = encrypted.row
    assert row is not None
    phrase = profile_keys.opened(encrypted.hub.sealer, row).newest.phrase
    relabel(encrypted.hub, SPA, "Front desk")
    encrypted.publish()
    (name,) = encrypted.encrypted
    assert b"Front desk" in open_salted(encrypted.files[name], phrase)
    with pytest.raises(WrongKey):
        open_salted(encrypted.files[name], Secret("a" * 32))


def test_a_new_key_comes_inside_the_profile_by_the_old_one_which_goes_when_the_phone_has_followed(
    encrypted: Fleet,
) -> None:
    (old_name,) = encrypted.encrypted
    row = encrypted.row
    assert row is not None
    old = profile_keys.opened(encrypted.hub.sealer, row).newest
    with encrypted.hub.change("test") as change:
        profile_keys.rekey(change, encrypted.hub.sealer, SPA)

    encrypted.publish()

    assert len(encrypted.encrypted) == 2
    assert OWN not in encrypted.files
    whole = open_salted(encrypted.files[old_name], old.phrase)
    phrase, folder = key_in(whole)
    assert phrase != old.phrase
    assert open_salted(encrypted.files[f"{folder}/{OWN}"], phrase) == whole
    encrypted.leaves_nothing_in_clear()
    with encrypted.hub.database.reading() as session:
        assert profile_keys.without_newest(session) == [str(SPA)]
    with pytest.raises(KeyNotTaken), encrypted.hub.change("test") as change:
        profile_keys.rekey(change, encrypted.hub.sealer, SPA)

    encrypted.told(old_name)
    assert encrypted.publish().sites == []
    encrypted.told(f"{folder}/{OWN}")
    encrypted.publish()

    assert encrypted.encrypted == [f"{folder}/{OWN}"]
    with encrypted.hub.database.reading() as session:
        assert profile_keys.without_newest(session) == []


def test_a_phone_that_was_reset_gets_another_key_and_the_one_that_it_had_leads_there_too(encrypted: Fleet) -> None:
    (old_name,) = encrypted.encrypted
    encrypted.told(f"/{OWN}", ReportKind.FILE_REFUSED)
    row = encrypted.row
    assert row is not None
    assert row.asked_in_vain_at is not None
    with encrypted.hub.change("test") as change:
        profile_keys.begin_again(change, encrypted.hub.sealer, SPA)
    encrypted.publish()

    _phrase, folder = key_in(encrypted.files[OWN])

    assert set(encrypted.encrypted) == {old_name, f"{folder}/{OWN}"}
    assert folder not in old_name
    encrypted.told(OWN)
    encrypted.told(f"{folder}/{OWN}")
    encrypted.publish()
    assert encrypted.encrypted == [f"{folder}/{OWN}"]
    encrypted.leaves_nothing_in_clear()


def test_a_setting_that_is_turned_back_leads_the_phone_back_before_its_key_ends(encrypted: Fleet) -> None:
    (name,) = encrypted.encrypted
    row = encrypted.row
    assert row is not None
    key = profile_keys.opened(encrypted.hub.sealer, row).newest
    encrypted.set(trust="off")
    encrypted.publish()
    assert encrypted.encrypted == [name]
    back = open_salted(encrypted.files[name], key.phrase)
    assert back == encrypted.files[OWN]
    assert b">/$MA.cfg</Profile_Rule>" in back
    encrypted.told(OWN, release=encrypted.number - 1)  # a report of an older release, which came late
    assert encrypted.has_key()

    encrypted.told(name)
    encrypted.told(OWN)
    encrypted.publish()

    assert not encrypted.has_key()
    assert encrypted.encrypted == []
    assert OWN in encrypted.files


def test_signed_means_nothing_to_these_phones(fleet: Fleet) -> None:
    before = fleet.files
    fleet.set(trust="signed")
    assert fleet.publish().sites == []
    assert fleet.files == before


def test_a_phone_that_fetches_its_profile_elsewhere_keeps_its_files_and_is_told(fleet: Fleet) -> None:
    before = fleet.files
    fleet.set(trust="encrypted", profile_url="http://profiles.example/$MA.cfg")
    done = fleet.publish()
    assert [(left.mac, type(left.fault)) for left in done.left_out] == [(SPA, ValueOutOfRange)]
    assert fleet.files == before


def test_a_roll_back_to_files_that_the_phone_would_never_see_is_refused(encrypted: Fleet) -> None:
    before = encrypted.number
    with pytest.raises(StillTrusting, match=str(SPA)):
        rollback(encrypted.hub, "test", "anna", 1)
    assert encrypted.number == before
    rollback(encrypted.hub, "test", "anna", 2)


def test_reports_of_another_site_say_nothing(offered: Fleet) -> None:
    (name,) = offered.encrypted
    report = Report(1, 1.0, ReportKind.FILE_SERVED, "Served.", name=name, owner=SPA.bare, release=9)
    with offered.hub.change("edge") as change:
        profile_keys.take(change, "ben", [report])
    assert offered.row is not None
    assert offered.row.taken_at is None


def test_a_preview_makes_no_key_and_shows_none(fleet: Fleet) -> None:
    fleet.set(trust="encrypted")
    shown = publish(fleet.hub, "test", dry_run=True)
    assert fleet.row is None
    (site,) = shown.sites
    (first,) = [file for file in site.files if file.name == OWN]
    assert "GPP_SA" in first.diff
    assert _PHRASE.search(first.diff.encode()) is None


def test_a_phone_without_a_key_has_none_to_change(fleet: Fleet) -> None:
    for order in (profile_keys.rekey, profile_keys.begin_again):
        with pytest.raises(NothingToEnd), fleet.hub.change("test") as change:
            order(change, fleet.hub.sealer, SPA)


def test_multiplatform_phones_find_theirs_by_their_own_names(fleet: Fleet) -> None:
    mac = Mac("000E08AABB02")
    with fleet.hub.change("test") as change:
        phones.add(change, mac, "anna", "8851-3PCC", "")
        change.session.flush()
        lines.put(change, fleet.hub.sealer, mac, 1, LineParts(name="302", label="Hall"))
        settings.put(change, fleet.hub.sealer, SettingPlace(Scope.PHONE, mac.bare), "trust", "encrypted")
    fleet.publish()
    first = fleet.files["000e08aabb02.xml"]
    assert b"/$MA.xml</Profile_Rule>" in first
    phrase = _PHRASE.search(first)
    assert phrase is not None
    (name,) = [name for name, target in fleet.targets.items() if target.owner == mac.bare and target.sealed]
    assert b"<device>" in open_salted(fleet.files[name], Secret(phrase[1].decode()))


def test_keys_go_with_their_phone(encrypted: Fleet) -> None:
    with encrypted.hub.change("test") as change:
        change.session.delete(change.session.get_one(PhoneRow, SPA.bare))
    assert encrypted.row is None
    assert ANNA.bare in {target.owner for target in encrypted.targets.values()}
