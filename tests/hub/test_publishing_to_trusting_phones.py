"""Publishing for phones that hold trust lists: from the setting to encrypted files, and back out again."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.errors import NothingToEnd, StillTrusting
from ringfence.hub.fleet import networks, phone_certificates, phone_trust, phones, settings
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.networks import NetworkParts
from ringfence.hub.fleet.phone_certificates import CertificateOperation
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.publishing import releases
from ringfence.hub.publishing.publish import Publication, publish, rollback
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.pages import Page
from ringfence.hub.store.trust_models import TrustKeyRow, TrustListRow
from ringfence.hub.trust import holders, rotation, trust_alerts, trust_keys
from ringfence.hub.trust.errors import PhonesBehind, RecoveryNotProven, TrustNotInitialised
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import to_pem
from ringfence.phones.document import parse, text_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope
from ringfence.phones.trust.encrypted_file import read_encrypted
from ringfence.phones.trust.phone_certificates import CertificateKind, KeyProof
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.signed_file import read_signed
from ringfence.phones.trust.trust_list import read_trust_list
from ringfence.wire.messages import Report, ReportKind
from support.trust_signers import certificate_for, fixed_signer, name
from support.two_sites import ANNA, add_two_sites, relabel

OWN = f"SEP{ANNA.bare}.cnf.xml"
LIST = f"ITLSEP{ANNA.bare}.tlv"
PHONE_KEY = fixed_signer("phone").key


@dataclass
class Fleet:
    """Two sites with a phone each; Anna's is the one with a trust list."""

    hub: Hub
    seq: int = 0

    def set(self, **values: str) -> None:
        for setting, value in values.items():
            with self.hub.change("test") as change:
                settings.put(change, self.hub.sealer, SettingPlace(Scope.PHONE, ANNA.bare), setting, value)

    def publish(self) -> Publication:
        return publish(self.hub, "test")

    @property
    def number(self) -> int:
        with self.hub.database.reading() as session:
            return session.get_one(SiteRow, "anna").newest_release

    @property
    def files(self) -> dict[str, bytes]:
        """Every file of Anna's site."""
        with self.hub.database.reading() as session:
            targets = releases.newest_targets(session, ["anna"])["anna"]
        return {target.name: self.hub.blobs.get(target.digest) for target in targets}

    def took(self, *names: str, peer: str = "192.168.1.77") -> None:
        """Say that the phone took these files of the newest release, one after the other."""
        for each in names:
            self.seq += 1
            report = Report(self.seq, 1.0, ReportKind.FILE_SERVED, "Served.", name=each, owner=ANNA.bare, peer=peer,
                            release=self.number)  # fmt: skip
            with self.hub.change("edge") as change:
                phone_trust.take(change, "anna", [report])

    def initialise(self, *, proved: bool = True) -> None:
        key = RecoveryKey.new(self.hub.organisation_id)
        with trust_keys.made_keys(self.hub) as made, self.hub.change("test") as change:
            trust_keys.initialise(self.hub, change, made, to_pem(key.certificate))
        if proved:
            self.prove()

    def prove(self) -> None:
        with self.hub.change("test") as change:
            row = change.session.query(TrustKeyRow).filter_by(role=KeyRole.SAST_2.value).one()
            row.proved_at, row.proved_by = change.now, "test"

    def rotate(self, role: KeyRole) -> None:
        rotation.rotate_now(self.hub, "test", role)

    @property
    def behind(self) -> list[str]:
        """The phones that are not known to hold the newest list."""
        with self.hub.database.reading() as session:
            return list(holders.phones_without_last_list(session))

    def late_alerts(self) -> list[str]:
        """What is told of phones that have not taken their list for long."""
        trust_alerts.look(self.hub)
        with self.hub.database.reading() as session:
            page = Page(10, "")
            return [row.sentence for row in alerts.find(session, page, site_id=None, kinds=[alerts.TRUST_LATE]).rows]

    def show_certificate(
        self, kind: CertificateKind = CertificateKind.MIC, key: rsa.RSAPrivateKey = PHONE_KEY, serial: int = 1
    ) -> None:
        certificate = certificate_for(key, name(f"CP-7945G-SEP{ANNA.bare}"), serial=serial)
        with self.hub.change("capf") as change:
            phone_certificates.take(change, ANNA, kind, certificate, KeyProof.REPLAYABLE)


@pytest.fixture
def fleet(idle: Hub) -> Fleet:
    made = Fleet(add_two_sites(idle))
    made.publish()
    return made


@pytest.fixture
def signed(fleet: Fleet) -> Fleet:
    """The phone was seen to take signed files."""
    fleet.initialise()
    fleet.set(trust="signed")
    fleet.publish()
    fleet.took(LIST, OWN + ".sgn")
    fleet.publish()
    return fleet


def test_without_keys_the_phone_keeps_its_files_and_is_told(fleet: Fleet) -> None:
    before = fleet.files
    fleet.set(trust="signed")

    done = fleet.publish()

    assert [(left.mac, type(left.fault)) for left in done.left_out] == [(ANNA, TrustNotInitialised)]
    assert fleet.files == before


def test_phones_are_not_switched_before_the_recovery_file_was_shown_to_open(fleet: Fleet) -> None:
    before = fleet.files
    fleet.initialise(proved=False)
    fleet.set(trust="signed")
    done = fleet.publish()
    assert [(left.mac, type(left.fault)) for left in done.left_out] == [(ANNA, RecoveryNotProven)]
    assert fleet.files == before

    fleet.prove()

    assert not fleet.publish().left_out
    assert OWN + ".sgn" in fleet.files


def test_everything_is_there_before_first_contact(fleet: Fleet) -> None:
    fleet.initialise()
    fleet.set(trust="signed")
    fleet.publish()

    there = fleet.files
    plain = {each for each in there if not each.endswith((".sgn", ".tlv"))}
    assert {f"{each}.sgn" for each in plain} == {each for each in there if each.endswith(".sgn")}
    held = read_trust_list(there[LIST])
    roles = [record.role for record in held.records]
    assert roles.count(TrustRole.SAST) == 2
    assert {TrustRole.TFTP, TrustRole.CAPF, TrustRole.TVS, TrustRole.CCM} < set(roles)
    (tftp,) = [record.certificate for record in held.records if record.role == TrustRole.TFTP]
    assert tftp is not None
    for each in plain:
        signed = read_signed(there[f"{each}.sgn"])
        signed.verify(tftp)
        assert (signed.filename, signed.body) == (f"{each}.sgn", there[each])


def test_nothing_is_published_anew_without_an_edit(fleet: Fleet) -> None:
    fleet.initialise()
    fleet.set(trust="signed")
    fleet.publish()
    before = (fleet.number, fleet.files)
    with fleet.hub.change("test") as change:
        change.session.get_one(SiteRow, "anna").edits += 1

    assert fleet.publish().sites == []
    assert (fleet.number, fleet.files) == before


def test_plain_files_go_once_the_phone_takes_signed_ones(fleet: Fleet) -> None:
    fleet.initialise()
    fleet.set(trust="signed")
    fleet.publish()
    assert {OWN, OWN + ".sgn"} <= set(fleet.files)
    fleet.took(OWN, OWN + ".sgn")
    assert fleet.publish().sites == []  # it never was served a list of ours

    fleet.took(LIST)
    assert fleet.publish().sites == []  # that it was served one does not show that it took it
    fleet.took(OWN + ".sgn")

    assert [site.site_id for site in fleet.publish().sites] == ["anna"]
    assert OWN not in fleet.files
    assert OWN + ".sgn" in fleet.files


def test_plain_files_stay_where_they_are_to(signed: Fleet) -> None:
    assert OWN not in signed.files
    signed.set(plain_files="keep")
    signed.publish()
    assert OWN in signed.files


def test_an_edit_reaches_a_phone_that_takes_signed_files_alone(signed: Fleet) -> None:
    relabel(signed.hub, ANNA, "Anna, sales")
    signed.publish()
    assert b"Anna, sales" in read_signed(signed.files[OWN + ".sgn"]).body


def test_a_file_is_encrypted_once_the_certificate_is_known_and_secrets_are_in_clear_nowhere(signed: Fleet) -> None:
    signed.set(trust="encrypted")
    signed.publish()
    assert OWN + ".enc.sgn" not in signed.files
    clear = read_signed(signed.files[OWN + ".sgn"]).body

    signed.show_certificate()
    signed.publish()

    assert read_encrypted(signed.files[OWN + ".enc.sgn"]).decrypt(PHONE_KEY) == clear
    assert b"<encrConfig>true" in read_signed(signed.files[OWN + ".sgn"]).body
    with signed.hub.database.reading() as session:
        (line,) = phones.get(session, ANNA).lines
        password = signed.hub.sealer.open(line.sealed_password, f"line:{ANNA.bare}:1").reveal()
        targets = {target.name: target for target in releases.newest_targets(session, ["anna"])["anna"]}
    assert password.encode() in clear
    assert not [each for each, data in signed.files.items() if password.encode() in data]
    assert (targets[OWN + ".enc.sgn"].sealed, targets[OWN + ".sgn"].sealed) == (True, False)
    before = signed.files
    with signed.hub.change("test") as change:
        change.session.get_one(SiteRow, "anna").edits += 1
    assert signed.publish().sites == []
    assert signed.files == before


def test_a_phone_without_a_known_certificate_is_led_to_its_edge_until_it_is_known(signed: Fleet) -> None:
    signed.set(trust="encrypted", edge_url="http://192.0.2.1:6970")
    signed.publish()
    told = read_signed(signed.files[OWN + ".sgn"]).body
    assert b"<capfAuthMode>3</capfAuthMode>" in told
    assert b"<processNodeName>192.0.2.1</processNodeName>" in told.partition(b"<capfList>")[2]

    signed.show_certificate()
    signed.publish()

    stub = read_signed(signed.files[OWN + ".sgn"]).body
    assert (b"<capfAuthMode>0</capfAuthMode>" in stub, b"<capfList>" in stub) == (True, False)


@pytest.mark.parametrize(("with_password", "mode"), [(False, b"3"), (True, b"1")])
def test_a_phone_that_is_to_do_something_about_its_certificate_is_led_there_until_it_has(
    signed: Fleet, with_password: bool, mode: bytes
) -> None:
    signed.set(trust="encrypted", edge_url="http://192.0.2.1:6970")
    signed.show_certificate()
    signed.publish()
    with signed.hub.change("test") as change:
        issue = CertificateOperation.ISSUE
        phone_certificates.order(change, signed.hub.sealer, ANNA, issue, with_password=with_password)
    signed.publish()
    told = read_signed(signed.files[OWN + ".sgn"]).body
    assert (b"<capfAuthMode>" + mode in told, b"<processNodeName>192.0.2.1<" in told) == (True, True)

    with signed.hub.change("test") as change:
        phone_certificates.cancel(change, ANNA)
    signed.publish()
    assert b"<capfAuthMode>0</capfAuthMode>" in read_signed(signed.files[OWN + ".sgn"]).body


def test_a_phone_s_file_is_encrypted_to_the_certificate_that_it_gets_later(signed: Fleet) -> None:
    signed.set(trust="encrypted")
    signed.show_certificate()
    signed.publish()
    ours = certificate_for(fixed_signer("other").key, name(f"SEP{ANNA.bare}"), serial=0x77)
    with signed.hub.change("capf") as change:
        phone_certificates.take(change, ANNA, CertificateKind.LSC, ours, KeyProof.FRESH)
    signed.publish()
    assert b"Anna" in read_encrypted(signed.files[OWN + ".enc.sgn"]).decrypt(fixed_signer("other").key)


def test_a_phone_behind_a_box_asks_the_box_by_its_name(signed: Fleet) -> None:
    with signed.hub.change("test") as change:
        networks.change(change, signed.hub.sealer, "anna", NetworkParts(is_box=True))
    signed.set(trust="encrypted")
    signed.publish()
    told = read_signed(signed.files[OWN + ".sgn"]).body
    assert b"<processNodeName>CiscoCM1</processNodeName>" in told.partition(b"<capfList>")[2]


def test_a_phone_with_a_list_finds_tvs_at_its_edge(signed: Fleet) -> None:
    assert b"<TVS>" not in read_signed(signed.files[OWN + ".sgn"]).body
    signed.set(edge_url="http://192.0.2.1:6970")
    signed.publish()
    told = parse(read_signed(signed.files[OWN + ".sgn"]).body).root
    (member,) = told.findall("TVS/members/member")
    assert (text_of(member, "address"), text_of(member, "port")) == ("192.0.2.1", "2445")
    assert told.find("capfList") is None


def test_who_says_how_a_phone_asks_for_its_certificate_is_obeyed(signed: Fleet) -> None:
    signed.set(trust="encrypted", edge_url="http://192.0.2.1:6970", capf_server="edge.example", capf_auth="mic")
    signed.publish()
    told = read_signed(signed.files[OWN + ".sgn"]).body
    assert b"<capfAuthMode>4</capfAuthMode>" in told
    assert b"<processNodeName>edge.example</processNodeName>" in told


def test_a_file_is_encrypted_anew_to_another_certificate_of_the_phone(signed: Fleet) -> None:
    signed.set(trust="encrypted")
    signed.show_certificate()
    signed.publish()
    new_key = fixed_signer("other").key
    signed.show_certificate(CertificateKind.LSC, new_key, serial=2)
    signed.publish()
    opened = read_encrypted(signed.files[OWN + ".enc.sgn"]).decrypt(new_key)
    assert opened.endswith(b"</device>\n")


def test_a_certificate_that_is_revoked_is_encrypted_to_no_more(signed: Fleet) -> None:
    signed.set(trust="encrypted")
    signed.show_certificate()
    signed.publish()
    with signed.hub.change("test") as change:
        (row,) = phone_certificates.of_phone(change.session, ANNA)
        row.revoked_at = change.now
        change.session.get_one(SiteRow, "anna").edits += 1
    signed.publish()
    assert OWN + ".enc.sgn" not in signed.files
    assert b"<encrConfig>false" in read_signed(signed.files[OWN + ".sgn"]).body


def test_whoever_fetches_an_encrypted_file_from_elsewhere_is_not_the_phone(signed: Fleet) -> None:
    signed.set(trust="encrypted")
    signed.show_certificate()
    signed.publish()
    signed.took(OWN + ".enc.sgn", peer="198.51.100.7")
    with signed.hub.database.reading() as session:
        assert phone_trust.rows_of(session, [ANNA.bare])[ANNA.bare].encrypted_at is None
    signed.took(OWN + ".sgn", OWN + ".enc.sgn")
    with signed.hub.database.reading() as session:
        assert phone_trust.rows_of(session, [ANNA.bare])[ANNA.bare].encrypted_at is not None


def test_a_setting_that_is_turned_back_leaves_no_phone_without_files(signed: Fleet) -> None:
    signed.set(trust="off")
    signed.publish()
    assert {OWN, OWN + ".sgn", LIST} <= set(signed.files)


def test_a_roll_back_to_files_that_a_phone_would_refuse_is_refused_and_changes_nothing(signed: Fleet) -> None:
    number, files = signed.number, signed.files
    relabel(signed.hub, ANNA, "Anna, sales")
    signed.publish()
    rollback(signed.hub, "test", "anna", number)
    assert signed.files == files
    before = signed.number

    with pytest.raises(StillTrusting, match=str(ANNA)):
        rollback(signed.hub, "test", "anna", 1)

    assert signed.number == before


def test_a_phone_is_let_go_with_proof(signed: Fleet) -> None:
    signed.set(trust="off")
    with signed.hub.change("test") as change:
        phone_trust.release(change, ANNA)
    signed.publish()
    held = read_trust_list(signed.files[LIST])
    assert {record.role for record in held.records}.isdisjoint({TrustRole.TFTP, TrustRole.TVS})
    assert {OWN, OWN + ".sgn"} <= set(signed.files)
    signed.took(OWN)  # before it took the list
    signed.took(LIST)
    with signed.hub.database.reading() as session:
        assert phone_trust.rows_of(session, [ANNA.bare])[ANNA.bare].released_at is None

    signed.took(OWN)

    with signed.hub.database.reading() as session:
        assert phone_trust.rows_of(session, [ANNA.bare])[ANNA.bare].released_at is not None
    signed.publish()
    assert {each for each in signed.files if each.endswith((".sgn", ".tlv"))} == set()
    with pytest.raises(NothingToEnd), signed.hub.change("test") as change:
        phone_trust.release(change, ANNA)


def test_a_release_can_be_taken_back(signed: Fleet) -> None:
    before = signed.files
    for order in (phone_trust.release, phone_trust.keep):
        with signed.hub.change("test") as change:
            order(change, ANNA)
        signed.publish()
    assert signed.files == before


def test_a_phone_that_was_let_go_can_begin_again(signed: Fleet) -> None:
    with pytest.raises(StillTrusting), signed.hub.change("test") as change:
        phone_trust.begin_again(change, ANNA)
    with signed.hub.change("test") as change:
        phone_trust.release(change, ANNA)
    signed.publish()
    signed.took(LIST, OWN)
    with signed.hub.change("test") as change:
        phone_trust.begin_again(change, ANNA)
    signed.publish()
    assert {OWN, OWN + ".sgn", LIST} <= set(signed.files)


def test_a_phone_whose_list_was_erased_begins_again_with_the_certificate_of_its_maker_alone(signed: Fleet) -> None:
    with signed.hub.change("test") as change:
        issued = certificate_for(PHONE_KEY, name(f"SEP{ANNA.bare}"))
        phone_certificates.take(change, ANNA, CertificateKind.LSC, issued, KeyProof.FRESH)
        assert phone_certificates.to_encrypt_to(change.session, ANNA) == issued
        phone_trust.begin_again(change, ANNA, was_erased=True)
        assert phone_certificates.to_encrypt_to(change.session, ANNA) is None
    signed.publish()
    assert {OWN, OWN + ".sgn", LIST} <= set(signed.files)
    with signed.hub.database.reading() as session:
        assert not phone_trust.may_hold_list(session, ANNA)


@pytest.mark.parametrize("order", [phone_trust.release, phone_trust.keep])
def test_of_a_phone_without_a_list_there_is_nothing_to_end(fleet: Fleet, order: Callable[..., object]) -> None:
    with pytest.raises(NothingToEnd), fleet.hub.change("test") as change:
        order(change, Mac(ANNA.bare))


def test_reports_of_another_site_say_nothing(fleet: Fleet) -> None:
    fleet.initialise()
    fleet.set(trust="signed")
    fleet.publish()
    report = Report(1, 1.0, ReportKind.FILE_SERVED, "Served.", name=LIST, owner=ANNA.bare, release=9)
    with fleet.hub.change("edge") as change:
        phone_trust.take(change, "ben", [report])
    with fleet.hub.database.reading() as session:
        assert phone_trust.rows_of(session, [ANNA.bare])[ANNA.bare].taken_digest == ""


def test_a_new_list_reaches_phones_by_the_next_publish_and_those_behind_are_named(signed: Fleet) -> None:
    assert signed.behind == []
    before = signed.files[LIST]

    signed.rotate(KeyRole.CAPF)

    assert signed.behind == [str(ANNA)]  # its list is not published yet
    assert [site.site_id for site in signed.publish().sites] == ["anna"]
    assert signed.files[LIST] != before
    read_trust_list(signed.files[LIST])
    assert signed.behind == [str(ANNA)]  # it has not taken it yet
    assert signed.late_alerts() == []
    with signed.hub.change("test") as change:
        (newest,) = change.session.scalars(select(TrustListRow).order_by(TrustListRow.id.desc()).limit(1))
        was, newest.signed_at = newest.signed_at, newest.signed_at - 31 * 86_400
    (told,) = signed.late_alerts()
    assert told.startswith(f"The newest trust list was not taken for 30 days by: {ANNA}.")
    with signed.hub.change("test") as change:
        change.session.get_one(TrustListRow, newest.id).signed_at = was
    with pytest.raises(PhonesBehind):
        signed.rotate(KeyRole.CAPF)

    signed.took(LIST)

    assert signed.behind == []
    signed.rotate(KeyRole.CAPF)
