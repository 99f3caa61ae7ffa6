"""Publishing files that are encrypted to phones' certificates, and how phones without one are led to show it."""

import pytest

from ringfence.hub.core import Hub
from ringfence.hub.fleet import networks, phone_certificates, phone_trust, phones
from ringfence.hub.fleet.networks import NetworkParts
from ringfence.hub.fleet.phone_certificates import CertificateOperation
from ringfence.hub.publishing import releases
from ringfence.hub.store.models import SiteRow
from ringfence.phones.document import parse, text_of
from ringfence.phones.trust.encrypted_file import read_encrypted
from ringfence.phones.trust.phone_certificates import CertificateKind, KeyProof
from ringfence.phones.trust.signed_file import read_signed
from support.trust_signers import certificate_for, fixed_signer, name
from support.trusting_fleet import OWN, PHONE_KEY
from support.trusting_fleet import TrustingFleet as Fleet
from support.two_sites import ANNA


@pytest.fixture
def fleet(idle: Hub) -> Fleet:
    return Fleet.published(idle)


@pytest.fixture
def signed(fleet: Fleet) -> Fleet:
    return fleet.taking_signed()


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
