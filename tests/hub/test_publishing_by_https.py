"""Publishing for phones that get their configuration by HTTPS: lists of signer version 1.1, and the way back."""

from functools import partial

import pytest

from hub.test_trust_rotation import signatures
from ringfence.content.release import BY_HTTPS
from ringfence.hub.core import Hub
from ringfence.hub.edge_tls_errors import TooManyEdgeTlsKeys, TransportUnfit
from ringfence.hub.fleet import edge_tls_keys, edges, phone_trust
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.guard import alerts, transport_alerts
from ringfence.hub.publishing import releases
from ringfence.hub.store.edge_tls_models import EdgeTlsKeyRow
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.phone_trust_models import PhoneTrustRow
from ringfence.hub.trust import rotation, trust_keys
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import EdgeIdentity, fingerprint, read_certificate, to_pem
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.trust_list import TrustList, read_trust_list
from ringfence.wire.messages import Report, ReportKind
from support.edge_tls import offered
from support.trusting_fleet import TrustingFleet as Fleet
from support.two_sites import ANNA, add_two_sites

OWN = f"SEP{ANNA.bare}.cnf.xml"
LIST = f"ITLSEP{ANNA.bare}.tlv"
EDGE = "edge-0000000000a1"
KEY = RecoveryKey.new("main")


class HttpsFleet(Fleet):
    """Anna has an 8861, and each site an edge."""

    def edge(self, edge_id: str = EDGE, site_id: str = "anna") -> None:
        identity = EdgeIdentity(edge_id, site_id)
        certificate = Certificate(f"{len(edge_id)}", edge_id, edge_id, 0.0, 4e9, identity)
        with self.hub.change("test") as change:
            change.session.add(edges.new(edge_id, site_id, certificate, change.now))

    def initialise(self, *, proved: bool = True) -> None:
        with trust_keys.made_keys(self.hub) as made, self.hub.change("test") as change:
            trust_keys.initialise(self.hub, change, made, to_pem(KEY.certificate))
        if proved:
            self.prove()

    def recover(self) -> None:
        """Put another SAST 1 in the place of the present one, by the recovery key."""
        told = rotation.begin_now(self.hub, "test")
        with self.hub.change("test") as change:
            rotation.recover(self.hub, change, told.signed_at, signatures(KEY, told))

    def offer(self, edge_id: str = EDGE, serial: int = 0x71, *, replaces: bool = False) -> str:
        """Offer a key of an edge; return its fingerprint."""
        with self.hub.change(edge_id) as change:
            edge = change.session.get_one(EdgeRow, edge_id)
            row = edge_tls_keys.take(change, edge, offered(edge_id, change.now, serial, replaces=replaces))
            return row.fingerprint

    def told(self, *names: str) -> list[str]:
        """Take in one batch of an edge's reports that the phone took these files; return the kinds of open alerts."""
        taken = partial(Report, at=1.0, kind=ReportKind.FILE_SERVED, sentence="Served.", owner=ANNA.bare)
        sent = partial(taken, peer="192.168.1.77", release=self.number)
        reports = [sent(number, name=name) for number, name in enumerate(names, self.seq + 1)]
        self.seq += len(reports)
        with self.hub.change("edge") as change:
            phone_trust.take(change, "anna", reports)
            transport_alerts.look(change, "anna", reports)
            return [each.kind for each in alerts.open_of_kind(change.session, alerts.PHONE_LEFT_HTTPS, ANNA.bare)]

    @property
    def found(self) -> TrustList:
        return read_trust_list(self.files[LIST])

    @property
    def curves(self) -> list[str]:
        """The edges' keys in Anna's list."""
        records = [each for each in self.found.records if each.public_key[:1] == b"\x04"]
        assert all(each.role == TrustRole.TFTP for each in records)
        return sorted(fingerprint(each.certificate) for each in records if each.certificate is not None)

    def order(self, edge_id: str = EDGE) -> tuple[bool, str, bool]:
        with self.hub.database.reading() as session:
            edge = session.get_one(EdgeRow, edge_id)
            told = edge_tls_keys.compile_order(session, edge, self.hub.clock(), "")
            return told.wanted, told.fingerprint, told.renews

    @property
    def row(self) -> PhoneTrustRow:
        with self.hub.database.reading() as session:
            return session.get_one(PhoneTrustRow, ANNA.bare)


@pytest.fixture
def fleet(idle: Hub) -> HttpsFleet:
    made = HttpsFleet(add_two_sites(idle))
    with idle.change("test") as change:
        change.session.get_one(PhoneRow, ANNA.bare).model = "8861"
    made.edge()
    made.publish()
    made.initialise()
    return made


@pytest.fixture
def there(fleet: HttpsFleet) -> HttpsFleet:
    """The phone gets its configuration by HTTPS."""
    fleet.set(trust="signed", trust_transport="https")
    fleet.offer()
    fleet.publish()
    fleet.took(LIST, BY_HTTPS + OWN)
    fleet.publish()
    return fleet


def test_without_a_key_of_an_edge_a_phone_gets_signed_files_and_the_edge_is_asked_for_one(fleet: HttpsFleet) -> None:
    assert fleet.order() == (False, "", False)
    fleet.set(trust="signed", trust_transport="https")
    fleet.publish()
    assert fleet.found.signer_version == (1, 0)
    assert BY_HTTPS + OWN not in fleet.files
    assert fleet.order() == (True, "", False)

    name = fleet.offer()
    assert fleet.order() == (True, name, False)
    assert [site.site_id for site in fleet.publish().sites] == ["anna"]
    assert (fleet.found.signer_version, fleet.curves) == ((1, 1), [name])
    assert {OWN, OWN + ".sgn", BY_HTTPS + OWN, LIST} <= set(fleet.files)
    assert fleet.files[BY_HTTPS + OWN] == fleet.files[OWN]


def test_plain_files_go_once_the_phone_came_by_https(there: HttpsFleet) -> None:
    assert {OWN + ".sgn", BY_HTTPS + OWN} <= set(there.files)
    assert OWN not in there.files
    assert there.row.https_at is not None
    there.set(plain_files="keep")
    there.publish()
    assert OWN in there.files


def test_nothing_is_published_anew_without_an_edit(there: HttpsFleet) -> None:
    before = (there.number, there.files)
    with there.hub.change("test") as change:
        change.session.get_one(SiteRow, "anna").edits += 1
    assert there.publish().sites == []
    assert (there.number, there.files) == before


def test_a_file_by_https_counts_only_for_a_phone_with_such_a_list(fleet: HttpsFleet) -> None:
    fleet.set(trust="signed")
    fleet.publish()
    fleet.took(BY_HTTPS + OWN, LIST, BY_HTTPS + OWN)
    assert (fleet.row.https_at, fleet.row.signed_at) == (None, None)


def test_a_phone_that_falls_back_is_noted_until_it_comes_by_https_again(there: HttpsFleet) -> None:
    assert there.told(OWN + ".sgn") == [alerts.PHONE_LEFT_HTTPS]
    before = there.row
    assert before.https_at is not None
    assert before.fell_back_at is not None
    assert before.fell_back_at > before.https_at
    assert there.told(BY_HTTPS + OWN) == []
    row = there.row
    assert row.https_at is not None
    assert row.https_at > before.fell_back_at
    assert row.fell_back_at is None


def test_boots_that_are_told_in_one_batch_count_in_their_order(there: HttpsFleet) -> None:
    assert there.told(LIST, BY_HTTPS + OWN, LIST, OWN + ".sgn") == [alerts.PHONE_LEFT_HTTPS]
    assert there.row.fell_back_at is not None
    assert there.told(LIST, OWN + ".sgn", LIST, BY_HTTPS + OWN) == []
    assert there.row.fell_back_at is None


def test_with_encrypted_files_it_is_refused(fleet: HttpsFleet) -> None:
    fleet.set(trust="encrypted", trust_transport="https")
    done = fleet.publish()
    assert [(left.mac, type(left.fault)) for left in done.left_out] == [(ANNA, TransportUnfit)]


def test_another_edge_s_key_is_in_the_list_beside_the_first_and_one_of_another_site_is_not(there: HttpsFleet) -> None:
    first = there.order()[1]
    there.edge("edge-0000000000a2")
    second = there.offer("edge-0000000000a2", 0x72)
    there.edge("edge-0000000000b1", "ben")
    there.offer("edge-0000000000b1", 0x73)
    before = there.found.header.signed_at
    there.publish()
    assert there.curves == sorted([first, second])
    assert there.found.header.signed_at >= before
    assert there.behind == [str(ANNA)]  # named, until it took the list with the other edge's key
    there.took(LIST)
    assert there.behind == []

    with there.hub.change("test") as change:
        edges.revoke(change, EDGE, wipe=False)
    there.publish()
    assert there.curves == [second]


def test_a_key_is_renewed_beside_the_old_one_until_every_phone_holds_the_list(there: HttpsFleet) -> None:
    old = there.order()[1]
    with there.hub.change("test") as change:
        edge_tls_keys.renew(change, change.session.get_one(EdgeRow, EDGE))
    assert there.order() == (True, old, True)
    new = there.offer(serial=0x72)
    assert there.order() == (True, old, False)
    there.took(LIST)  # the list of before: it does not name the new key
    assert there.order() == (True, old, False)
    there.publish()
    assert there.curves == sorted([old, new])
    assert there.order() == (True, old, False)

    there.took(LIST)
    assert there.order() == (True, new, False)
    there.publish()
    assert there.curves == [new]


def test_lost_keys_are_replaced_at_once(there: HttpsFleet) -> None:
    new = there.offer(serial=0x72, replaces=True)
    assert there.order() == (True, new, False)
    there.publish()
    assert there.curves == [new]


def test_switched_back_a_phone_comes_by_https_until_it_took_a_list_of_version_1_0(there: HttpsFleet) -> None:
    before = there.found.header.signed_at
    there.set(trust_transport="files")
    there.publish()
    assert (there.found.signer_version, there.curves) == ((1, 0), [])
    assert there.found.header.signed_at >= before
    assert BY_HTTPS + OWN in there.files
    there.took(BY_HTTPS + OWN)
    there.publish()
    assert BY_HTTPS + OWN in there.files

    there.took(LIST, OWN + ".sgn")
    there.publish()
    assert BY_HTTPS + OWN not in there.files
    assert there.row.fell_back_at is None
    assert there.behind == []


def test_a_phone_is_let_go_with_a_list_of_version_1_0(there: HttpsFleet) -> None:
    with there.hub.change("test") as change:
        phone_trust.release(change, ANNA)
    there.publish()
    assert there.found.lets_go
    assert (there.found.signer_version, there.curves) == ((1, 0), [])
    assert {OWN, BY_HTTPS + OWN} <= set(there.files)
    there.took(LIST, OWN)
    there.publish()
    assert {LIST, BY_HTTPS + OWN, OWN + ".sgn"}.isdisjoint(there.files)


def test_after_another_sast_1_a_phone_finds_the_organisation_s_list_first(there: HttpsFleet) -> None:
    with there.hub.database.reading() as session:
        keys = {row.fingerprint for row in session.query(EdgeTlsKeyRow)}
    there.rotate(KeyRole.TVS)
    there.publish()
    assert there.curves == sorted(keys)
    there.took(LIST)
    held = there.found
    there.recover()
    there.publish()
    found = there.found
    assert found.signer_version == (1, 0)
    found.verify(held.certificates(TrustRole.SAST))  # by SAST 2
    there.took(LIST)
    with there.hub.change("test") as change:
        change.session.get_one(SiteRow, "anna").edits += 1
    there.publish()
    assert there.curves == sorted(keys)
    there.found.verify(found.certificates(TrustRole.SAST))


def test_more_keys_than_a_list_takes_are_refused(fleet: HttpsFleet) -> None:
    for number in range(edge_tls_keys.MOST_OF_SITE):
        fleet.edge(f"edge-0000000001{number:02}")
        fleet.offer(f"edge-0000000001{number:02}", number + 1)
    with pytest.raises(TooManyEdgeTlsKeys, match="lists take no more"):
        fleet.offer()
    fleet.set(trust="signed", trust_transport="https")
    fleet.publish()
    assert len(fleet.curves) == edge_tls_keys.MOST_OF_SITE
    assert len(fleet.files[LIST]) < 48 * 1024


def test_files_of_https_are_no_targets_by_another_name(there: HttpsFleet) -> None:
    with there.hub.database.reading() as session:
        targets = {target.name: target for target in releases.newest_targets(session, ["anna"])["anna"]}
        certificate = session.query(EdgeTlsKeyRow).one().certificate
    assert (targets[BY_HTTPS + OWN].secret, targets[BY_HTTPS + OWN].sealed) == (True, False)
    assert read_certificate(certificate).subject.rfc4514_string().startswith(f"O=Ringfence,OU=Ringfence edge,CN={EDGE}")
