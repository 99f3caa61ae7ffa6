"""Changing keys of phones' trust: each list can be verified by every phone that is given it, whatever happens.

The phones here hold a list and take another if a SAST key of theirs has signed it, as real ones do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ringfence.hub.core import Hub
from ringfence.hub.trust import holders, rotation, trust_keys, trust_lists
from ringfence.hub.trust.errors import (
    ChallengeRefused,
    PhonesBehind,
    RecoveryFileNeeded,
    RotationBegun,
    SastLost,
    TrustClockWrong,
    TrustNotInitialised,
)
from ringfence.hub.trust.key_roles import AT_THE_HUB, KeyRole
from ringfence.hub.trust.key_stores import key_name
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.hub.trust.trust_lists import FORMS
from ringfence.identity.certificates import to_pem
from ringfence.phones.errors import WrongKey
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.trust_list import TrustList, read_trust_list

KEY, OTHER = RecoveryKey.new("main"), RecoveryKey.new("main")
IN_TWO_STEPS = [KeyRole.TFTP, KeyRole.CAPF, KeyRole.TVS, KeyRole.CCM]


@dataclass
class HeldList:
    """What a phone holds."""

    held: TrustList | None = None

    def boot(self, hub: Hub, digest: SigningHash = SigningHash.SHA1) -> None:
        """Take the hub's newest list; WrongKey where no SAST of the held one has signed it."""
        with hub.database.reading() as session:
            new = read_trust_list(trust_lists.trust_list_for(session, digest))
        new.verify(None if self.held is None else self.held.certificates(TrustRole.SAST))
        self.held = new


@pytest.fixture
def trusted(idle: Hub) -> Hub:
    with trust_keys.made_keys(idle) as made, idle.change("Anna") as change:
        trust_keys.initialise(idle, change, made, to_pem(KEY.certificate))
    return idle


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The phones that are not known to hold the newest list."""
    found: list[str] = []
    monkeypatch.setattr(holders, "phones_without_last_list", lambda _session: tuple(found))
    return found


def signed_by(hub: Hub, role: TrustRole) -> bytes:
    with hub.database.reading() as session:
        return trust_keys.signer(hub, session, role).certificate.public_bytes(_DER)


_DER = Encoding.DER


def test_the_first_list_names_all_keys_and_is_the_same_whenever_it_is_asked_for(trusted: Hub) -> None:
    with trusted.database.reading() as session:
        lists = {
            form: trust_lists.trust_list_for(session, digest, version) for form, (version, digest) in FORMS.items()
        }
        assert lists == {
            form: trust_lists.trust_list_for(session, digest, version) for form, (version, digest) in FORMS.items()
        }
    for data in lists.values():
        read = read_trust_list(data)
        read.verify()
        assert read.header.filename == "ITLFile.tlv"
        assert [each.role for each in read.records] == [0, 0, 3, 4, 21, 1]
    assert len(set(lists.values())) == 4


def test_without_keys_there_is_no_list(idle: Hub) -> None:
    with idle.database.reading() as session, pytest.raises(TrustNotInitialised):
        trust_lists.trust_list_for(session, SigningHash.SHA1)
    with pytest.raises(TrustNotInitialised):
        rotation.rotate_now(idle, "Anna", KeyRole.TFTP)
    with pytest.raises(TrustNotInitialised):
        rotation.begin_now(idle, "Anna")


@pytest.mark.parametrize("role", IN_TWO_STEPS)
def test_phones_know_a_new_key_before_it_is_used(trusted: Hub, behind: list[str], role: KeyRole) -> None:
    phone, off = HeldList(), HeldList()
    phone.boot(trusted)
    off.boot(trusted)
    before = signed_by(trusted, role.in_lists)
    rotation.rotate_now(trusted, "Anna", role)
    assert signed_by(trusted, role.in_lists) == before
    phone.boot(trusted)
    assert phone.held is not None
    assert len(phone.held.certificates(role.in_lists)) == 2
    behind.append("001B54C2AE01")
    with pytest.raises(PhonesBehind, match=r"1 phone is not known to hold list 2.*001B54C2AE01"):
        rotation.rotate_now(trusted, "Anna", role)
    behind.clear()
    rotation.rotate_now(trusted, "Anna", role)
    after = signed_by(trusted, role.in_lists)
    assert after != before
    assert after in [each.public_bytes(_DER) for each in phone.held.certificates(role.in_lists)]
    phone.boot(trusted)
    off.boot(trusted)
    assert [each.public_bytes(_DER) for each in phone.held.certificates(role.in_lists)] == [after]
    assert len(files(trusted)) == len(AT_THE_HUB)


def files(hub: Hub) -> Sequence[Path]:
    assert hub.folder is not None
    return sorted(hub.folder.keys.glob("trust-*"))


def replace_recovery(hub: Hub, key: RecoveryKey) -> None:
    with hub.change("Anna") as change:
        rotation.replace_recovery(hub, change, to_pem(key.certificate))


def test_a_new_sast_1_is_vouched_for_by_the_recovery_key_and_everything_else_waits(
    trusted: Hub, behind: list[str]
) -> None:
    with pytest.raises(RecoveryFileNeeded, match="ringfence trust recover FILE"):
        rotation.rotate_now(trusted, "Anna", KeyRole.SAST_1)
    phone = HeldList()
    phone.boot(trusted)
    off = HeldList(phone.held)
    recover(trusted)
    behind.append("001B54C2AE01")
    for role in IN_TWO_STEPS:
        with pytest.raises(PhonesBehind):
            rotation.rotate_now(trusted, "Anna", role)
    with pytest.raises(PhonesBehind):
        replace_recovery(trusted, OTHER)
    recover(trusted)  # the recovery key is in all of these
    phone.boot(trusted)
    HeldList(off.held).boot(trusted)
    behind.clear()
    rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    behind.append("001B54C2AE01")  # it holds the list before, whose SAST 1 signs on
    rotation.rotate_now(trusted, "Anna", KeyRole.CAPF)
    phone.boot(trusted)
    with pytest.raises(WrongKey):
        off.boot(trusted)  # what the refusals above are for


def test_after_another_recovery_file_everything_waits(trusted: Hub, behind: list[str]) -> None:
    phone = HeldList()
    phone.boot(trusted)
    off = HeldList(phone.held)
    replace_recovery(trusted, OTHER)
    behind.append("001B54C2AE01")
    with pytest.raises(PhonesBehind):
        rotation.begin_now(trusted, "Anna")
    with pytest.raises(PhonesBehind):
        rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    off.boot(trusted)
    phone.boot(trusted)
    behind.clear()
    recover(trusted, OTHER)
    phone.boot(trusted)


def test_another_recovery_file_takes_the_old_ones_place_and_has_to_be_tried(trusted: Hub) -> None:
    phone = HeldList()
    phone.boot(trusted)
    with pytest.raises(RecoveryFileNeeded, match="rotate sast-2 --to FILE"):
        rotation.rotate_now(trusted, "Anna", KeyRole.SAST_2)
    replace_recovery(trusted, OTHER)
    phone.boot(trusted)
    assert phone.held is not None
    assert OTHER.certificate in phone.held.certificates(TrustRole.SAST)
    assert KEY.certificate not in phone.held.certificates(TrustRole.SAST)


def lose(hub: Hub, *roles: KeyRole) -> None:
    with hub.database.reading() as session:
        for role in roles:
            row = trust_keys.current(session, role)
            trust_keys.store_called(hub, row.kept_in).remove(key_name(hub.organisation_id, row.id))


def signatures(key: RecoveryKey, told: rotation.ToSign) -> dict[str, bytes]:
    return {form: key.sign_list(data, FORMS[form][1]) for form, data in told.data.items()}


def recover(hub: Hub, key: RecoveryKey = KEY) -> None:
    told = rotation.begin_now(hub, "Anna")
    with hub.change("Anna") as change:
        rotation.recover(hub, change, told.signed_at, signatures(key, told))


def test_if_sast_1_is_lost_phones_follow_a_new_one_by_the_recovery_key(trusted: Hub, behind: list[str]) -> None:
    phone = HeldList()
    phone.boot(trusted)
    lose(trusted, KeyRole.SAST_1, KeyRole.TFTP)
    with pytest.raises(SastLost, match="ringfence trust recover FILE"):
        rotation.rotate_now(trusted, "Anna", KeyRole.CAPF)
    with trusted.database.reading() as session:
        assert rotation.lost(trusted, session) == [KeyRole.SAST_1, KeyRole.TFTP]
        capf = trust_keys.current(session, KeyRole.CAPF).id
    behind.append("001B54C2AE01")  # whoever is behind knows SAST 2
    recover(trusted)
    for digest in SigningHash:
        phone.boot(trusted, digest)
    behind.clear()
    with trusted.database.reading() as session:
        assert rotation.lost(trusted, session) == []
        assert trust_keys.current(session, KeyRole.CAPF).id == capf
    rotation.rotate_now(trusted, "Anna", KeyRole.CAPF)
    phone.boot(trusted)
    assert phone.held is not None
    assert signed_by(trusted, TrustRole.TFTP) in [
        each.public_bytes(_DER) for each in phone.held.certificates(TrustRole.TFTP)
    ]


def test_a_recovery_that_is_not_finished_changes_nothing_and_is_begun_again(trusted: Hub) -> None:
    phone = HeldList()
    phone.boot(trusted)
    first = rotation.begin_now(trusted, "Anna")
    before = files(trusted)
    second = rotation.begin_now(trusted, "Anna")
    assert files(trusted) == before
    rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    phone.boot(trusted)
    for told in (first, second):
        with pytest.raises(ChallengeRefused, match="Begin again"), trusted.change("Anna") as change:
            rotation.recover(trusted, change, told.signed_at, signatures(KEY, told))
    recover(trusted)
    phone.boot(trusted)
    assert phone.held is not None
    assert len(phone.held.certificates(TrustRole.TFTP)) == 2


def test_a_key_that_an_unfinished_recovery_made_is_told_phones_before_it_is_used(trusted: Hub) -> None:
    lose(trusted, KeyRole.TFTP)
    rotation.begin_now(trusted, "Anna")
    rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    with trusted.database.reading() as session:
        row = trust_lists.newest(session)
        assert row is not None
        assert row.why == "tftp: a new key"


@pytest.mark.parametrize("wrong", ["key", "form", "time", "nothing"])
def test_what_the_recovery_key_has_not_signed_is_refused(trusted: Hub, wrong: str) -> None:
    told = rotation.begin_now(trusted, "Anna")
    given, at = signatures(OTHER if wrong == "key" else KEY, told), told.signed_at
    if wrong == "form":
        given.pop("1.0 SHA1")
    at += {"time": -700}.get(wrong, 0)
    with pytest.raises(ChallengeRefused), trusted.change("Anna") as change:
        rotation.recover(trusted, change, at, {} if wrong == "nothing" else given)
    with trusted.database.reading() as session:
        row = trust_lists.newest(session)
        assert row is not None
        assert row.id == 1


def test_nothing_is_signed_before_a_recovery_was_begun(trusted: Hub) -> None:
    with pytest.raises(ChallengeRefused, match="Begin again"), trusted.change("Anna") as change:
        rotation.recover(trusted, change, int(trusted.clock()), {})


def test_of_two_who_take_the_same_step_one_is_told(trusted: Hub) -> None:
    with (
        trust_keys.made_keys(trusted, [KeyRole.TFTP]) as one,
        trust_keys.made_keys(trusted, [KeyRole.TFTP]) as two,
    ):
        with trusted.change("Anna") as change:
            rotation.rotate(trusted, change, KeyRole.TFTP, one[0])
        with pytest.raises(RotationBegun, match="meanwhile"), trusted.change("Ben") as change:
            rotation.rotate(trusted, change, KeyRole.TFTP, two[0])


def test_a_clock_that_was_put_back_makes_no_list(trusted: Hub) -> None:
    now = trusted.clock()
    with trusted.database.reading() as session:
        first = read_trust_list(trust_lists.trust_list_for(session, SigningHash.SHA1)).header.signed_at
    trusted.clock = lambda: now - 400
    with pytest.raises(TrustClockWrong, match="Set the clock"):
        rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    trusted.clock = lambda: now - 100
    rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    phone = HeldList()
    phone.boot(trusted)
    assert phone.held is not None
    assert phone.held.header.signed_at > first


def lose_next(hub: Hub, role: KeyRole) -> None:
    with hub.database.reading() as session:
        for row in trust_keys.in_use(session):
            if (row.role, row.state) == (role.value, "next"):
                trust_keys.store_called(hub, row.kept_in).remove(key_name(hub.organisation_id, row.id))


def test_a_next_key_that_is_lost_is_never_used(trusted: Hub) -> None:
    phone = HeldList()
    phone.boot(trusted)
    rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    lose_next(trusted, KeyRole.TFTP)
    rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    phone.boot(trusted)
    rotation.rotate_now(trusted, "Anna", KeyRole.TFTP)
    phone.boot(trusted)
    assert phone.held is not None
    assert phone.held.certificates(TrustRole.TFTP) == [
        x509.load_der_x509_certificate(signed_by(trusted, TrustRole.TFTP))
    ]
    rotation.begin_now(trusted, "Anna")
    lose_next(trusted, KeyRole.SAST_1)
    recover(trusted)
    phone.boot(trusted)
    with trusted.database.reading() as session:
        assert rotation.lost(trusted, session) == []
