"""Publishing for phones that hold trust lists: from the setting to encrypted files, and back out again."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.errors import NothingToEnd, StillTrusting
from ringfence.hub.fleet import phone_certificates, phone_trust
from ringfence.hub.publishing.publish import rollback
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.trust_models import TrustListRow
from ringfence.hub.trust.errors import PhonesBehind, RecoveryNotProven, TrustNotInitialised
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.phones.mac import Mac
from ringfence.phones.trust.phone_certificates import CertificateKind, KeyProof
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.signed_file import read_signed
from ringfence.phones.trust.trust_list import read_trust_list
from ringfence.wire.messages import Report, ReportKind
from support.trust_signers import certificate_for, name
from support.trusting_fleet import LIST, OWN, PHONE_KEY
from support.trusting_fleet import TrustingFleet as Fleet
from support.two_sites import ANNA, relabel


@pytest.fixture
def fleet(idle: Hub) -> Fleet:
    return Fleet.published(idle)


@pytest.fixture
def signed(fleet: Fleet) -> Fleet:
    return fleet.taking_signed()


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
