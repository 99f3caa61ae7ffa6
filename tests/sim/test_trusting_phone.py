"""A virtual phone with a trust list: what it believes, what it refuses, and what it keeps over its boots."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.trust_list import CTL_NAME
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import ConfigurationMissing, FileDistrusted, MemoryUnusable, NoTrustList, UnusableIdentity
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.steps import Step, as_event, in_words
from ringfence.sim.trust_steps import Decrypted, Distrusted, ListRefused, ListTaken
from ringfence.sim.trusting_phone import PhoneTrust, read_identity
from support.makers import Maker
from support.trust_signers import SIGNED_AT, fixed_signer
from support.trusted_files import FilesInMemory, TrustedFiles

MAC = Mac("001122334455")
OWN = "SEP001122334455.cnf.xml"
OWN_ITL = "ITLSEP001122334455.tlv"
OWN_CTL = "CTLSEP001122334455.tlv"
OURS = TrustedFiles()
THEIRS = TrustedFiles(
    sast=fixed_signer("phone", 0x55), backup=fixed_signer("phone", 0x66), tftp=fixed_signer("phone", 0x77)
)


def configuration(label: str, **settings: Value) -> bytes:
    line = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
    values: dict[str, Value] = {"sip_server": "192.0.2.10", **settings}
    return Renderer().render(PhoneToRender(MAC, "9971", "", values, (line,)))[-1].data


@dataclass
class Desk:
    """One phone, its server, and what it did."""

    trust: PhoneTrust = field(default_factory=PhoneTrust)
    served: FilesInMemory = field(default_factory=FilesInMemory)
    steps: list[Step] = field(default_factory=list)
    model: str = "9971"

    def __post_init__(self) -> None:
        self.phone = self.again()

    def again(self) -> VirtualPhone:
        """Return the phone as it is after a power cut: another object with the same memory."""
        self.phone = VirtualPhone(
            MAC, self.model, ("192.0.2.1", 69), fetch=self.served, on_step=self.steps.append, trust=self.trust
        )
        return self.phone

    def serve(self, **files: bytes) -> None:
        self.served.files.update(files)

    def serve_signed(self, label: str, by: TrustedFiles = OURS) -> None:
        self.served.files[f"{OWN}.sgn"] = by.signed(configuration(label), OWN)

    def said(self, kind: type[Step]) -> list[Step]:
        return [step for step in self.steps if isinstance(step, kind)]


@pytest.fixture
def desk() -> Desk:
    """A phone that holds our list and the configuration "First"."""
    desk = Desk()
    desk.served.files = {OWN_ITL: OURS.list()}
    desk.serve_signed("First")
    desk.phone.boot()
    desk.served.take_asked()
    desk.steps.clear()
    return desk


def test_a_fresh_phone_asks_for_lists_and_takes_plain_files_while_there_are_none() -> None:
    desk = Desk(served=FilesInMemory({OWN: configuration("Plain")}))
    assert desk.phone.boot().label == "Plain"
    assert desk.served.take_asked()[:4] == [OWN_CTL, OWN_ITL, "ITLFile.tlv", OWN]


def test_a_fresh_phone_believes_the_first_list_and_asks_for_signed_files_in_the_same_boot() -> None:
    desk = Desk(served=FilesInMemory({OWN_ITL: OURS.list(), OWN: configuration("Plain")}))
    desk.serve_signed("Signed")
    assert desk.phone.boot().label == "Signed"
    assert desk.served.take_asked()[:3] == [OWN_CTL, OWN_ITL, f"{OWN}.sgn"]
    (taken,) = desk.said(ListTaken)
    assert isinstance(taken, ListTaken)
    assert (taken.is_first, taken.wants_signed_files, taken.lets_go) == (True, True, False)
    assert "CN=SAST" in taken.signer
    assert "believes its first list" in in_words(taken)
    assert as_event(taken)["event"] == "list-taken"


def test_the_list_for_all_is_asked_for_where_there_is_none_of_its_own() -> None:
    desk = Desk(served=FilesInMemory({"ITLFile.tlv": OURS.list()}))
    desk.serve_signed("Signed")
    assert desk.phone.boot().label == "Signed"


def test_every_file_but_firmware_is_asked_for_signed_by_its_path(desk: Desk) -> None:
    load = "sip9971.9-4-2SR4-1"
    body = configuration("Second", firmware_load=load, network_locale="New_Zealand")
    desk.served.files[f"{OWN}.sgn"] = OURS.signed(body, OWN)
    desk.phone.boot()
    asked = desk.served.take_asked()
    assert f"{load}.loads" in asked
    others = [each for each in asked if not each.endswith((".tlv", ".loads"))]
    assert others == [each for each in others if each.endswith(".sgn")]
    assert any("/" in each for each in others), asked


def test_a_plain_file_is_not_even_asked_for(desk: Desk) -> None:
    desk.served.files = {OWN_ITL: OURS.list(), OWN: configuration("Plain")}
    with pytest.raises(ConfigurationMissing):
        desk.phone.boot()
    assert OWN not in desk.served.take_asked()
    assert desk.phone.held is not None
    assert desk.phone.held.label == "First"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (configuration("Unsigned"), "field 60 says"),
        (THEIRS.signed(configuration("Foreign"), OWN), "no TFTP certificate with the number 77"),
        (OURS.signed(configuration("Other name"), "SEP00AABBCCDDEE.cnf.xml"), "its header says SEP00AABBCCDDEE"),
        (OURS.signed(configuration("By SAST"), OWN, by=fixed_signer("other", 0x0A0B)), "number a0b"),
        (OURS.signed(configuration("Same number"), OWN, by=fixed_signer("phone", 0x0102)), "over this content"),
        (OURS.signed(configuration("First"), OWN).replace(b"First", b"Worst"), "over this content"),
        (OURS.signed(configuration("Cut"), OWN)[:-1], "over this content"),
        (OURS.signed(configuration("Cut"), OWN)[:200], "the header says"),
    ],
)
def test_an_unsigned_or_badly_signed_configuration_is_refused_and_the_old_one_kept(
    desk: Desk, data: bytes, complaint: str
) -> None:
    desk.served.files[f"{OWN}.sgn"] = data
    with pytest.raises(FileDistrusted, match=complaint):
        desk.phone.boot()
    assert desk.phone.held is not None
    assert desk.phone.held.label == "First"
    (refused,) = desk.said(Distrusted)
    assert complaint in in_words(refused)
    desk.again()
    assert desk.phone.held is not None
    assert desk.phone.held.label == "First"


def test_a_badly_signed_side_file_is_done_without(desk: Desk) -> None:
    desk.serve(**{"g3-tones.xml.sgn": b"<tones/>"})
    desk.served.files[f"{OWN}.sgn"] = OURS.signed(configuration("Second", network_locale="Atlantis"), OWN)
    desk.served.files["Atlantis/g4-tones.xml.sgn"] = THEIRS.signed(b"<tones/>", "Atlantis/g4-tones.xml")
    assert desk.phone.boot().label == "Second"
    (refused,) = desk.said(Distrusted)
    assert isinstance(refused, Distrusted)
    assert refused.name == "Atlantis/g4-tones.xml"


def test_a_foreign_list_is_refused_and_ours_kept(desk: Desk) -> None:
    desk.served.files[OWN_ITL] = THEIRS.list()
    desk.serve_signed("Second")
    assert desk.phone.boot().label == "Second"
    (refused,) = desk.said(ListRefused)
    assert "serial number 55" in in_words(refused)


def test_the_next_list_is_taken_by_either_sast_key_and_each_replaces_the_last(desk: Desk) -> None:
    newer = TrustedFiles(sast=OURS.backup, backup=fixed_signer("phone", 0x88), tftp=fixed_signer("phone", 0x99))
    desk.served.files[OWN_ITL] = newer.list()
    desk.serve_signed("Second", newer)
    assert desk.phone.boot().label == "Second"
    (taken,) = desk.said(ListTaken)
    assert isinstance(taken, ListTaken)
    assert not taken.is_first
    desk.serve_signed("Third", OURS)
    with pytest.raises(FileDistrusted):
        desk.phone.boot()
    # The first SAST key is no longer in the list: what it signs counts no more.
    desk.served.files[OWN_ITL] = OURS.list(signed_at=SIGNED_AT + 1)
    desk.serve_signed("Fourth", newer)
    assert desk.phone.boot().label == "Fourth"
    assert len(desk.said(ListRefused)) == 1


def test_an_old_signed_file_is_taken_again_so_the_signature_stops_no_replay(desk: Desk) -> None:
    old = OURS.signed(configuration("Old"), OWN, signed_at=SIGNED_AT - 1000)
    desk.served.files[f"{OWN}.sgn"] = old
    assert desk.phone.boot().label == "Old"


def test_the_same_list_again_is_no_news(desk: Desk) -> None:
    desk.phone.boot()
    assert desk.said(ListTaken) == []


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (OURS.list(filename=CTL_NAME, signed_at=SIGNED_AT + 1), "says CTLFile.tlv instead of ITLFile.tlv"),
        (OURS.list(signer_version=(1, 1)), "signer version that this phone does not know"),
        (b"", "does not begin with a version"),
        (OURS.list()[:-1], "bytes, and .* are left"),
        (OURS.list().replace(b"\x04\x00\x02\x00\x15", b"\x04\x00\x02\x00\x04"), "over this content"),
    ],
)
def test_a_list_that_is_wrong_in_itself_is_refused(desk: Desk, data: bytes, complaint: str) -> None:
    desk.served.files[OWN_ITL] = data
    desk.phone.boot()
    (refused,) = desk.said(ListRefused)
    assert isinstance(refused, ListRefused)
    with pytest.raises(AssertionError, match=complaint):
        raise AssertionError(refused.reason)


def test_a_ctl_is_believed_by_the_keys_of_the_itl_and_adds_to_it(desk: Desk) -> None:
    more = TrustedFiles(sast=OURS.sast, backup=OURS.backup, tftp=fixed_signer("phone", 0x44))
    desk.served.files[OWN_CTL] = more.list(filename=CTL_NAME)
    desk.serve_signed("By the CTL", more)
    assert desk.phone.boot().label == "By the CTL"
    desk.serve_signed("By the ITL")
    assert desk.phone.boot().label == "By the ITL"
    assert len(desk.said(ListTaken)) == 1


def test_a_list_without_tftp_and_tvs_lets_anybody_in_again(desk: Desk) -> None:
    desk.served.files = {OWN_ITL: OURS.list(roles=(TrustRole.CAPF,)), OWN: configuration("Plain")}
    assert desk.phone.boot().label == "Plain"
    (taken,) = desk.said(ListTaken)
    assert isinstance(taken, ListTaken)
    assert taken.lets_go
    assert "lets anybody's files in again" in in_words(taken)
    desk.served.files = {OWN_ITL: THEIRS.list()}
    desk.serve_signed("Sold", THEIRS)
    assert desk.phone.boot().label == "Sold"


def test_a_list_with_tvs_alone_asks_for_no_signatures_and_still_binds(desk: Desk) -> None:
    desk.served.files = {OWN_ITL: OURS.list(roles=(TrustRole.TVS,)), OWN: configuration("Plain")}
    assert desk.phone.boot().label == "Plain"
    desk.served.files[OWN_ITL] = THEIRS.list()
    desk.phone.boot()
    assert len(desk.said(ListRefused)) == 1


def test_an_ex_cucm_phone_refuses_our_list_and_our_files_until_its_old_one_lets_go() -> None:
    desk = Desk()
    desk.trust.memory.keep_trust_list("ITLFile.tlv", THEIRS.list())
    desk.served.files = {OWN_ITL: OURS.list(), OWN: configuration("Plain")}
    desk.serve_signed("Ours")
    with pytest.raises(FileDistrusted):
        desk.phone.boot()
    assert len(desk.said(ListRefused)) == 1
    assert OWN not in desk.served.take_asked()
    desk.served.files[OWN_ITL] = THEIRS.list(roles=())
    desk.served.files[OWN] = configuration("Plain")
    assert desk.phone.boot().label == "Plain"
    desk.served.files[OWN_ITL] = OURS.list()
    assert desk.phone.boot().label == "Ours"


def test_a_phone_that_checks_sha_1_alone_refuses_sha_512() -> None:
    newer = TrustedFiles(digest=SigningHash.SHA512)
    desk = Desk(PhoneTrust(hashes=frozenset({SigningHash.SHA1})))
    desk.served.files = {OWN_ITL: newer.list(), OWN: configuration("Plain")}
    assert desk.phone.boot().label == "Plain"
    (refused,) = desk.said(ListRefused)
    assert "signed with SHA512" in in_words(refused)
    desk.served.files[OWN_ITL] = OURS.list()
    desk.serve_signed("Newer", newer)
    with pytest.raises(FileDistrusted, match="SHA512, which this phone does not check"):
        desk.phone.boot()
    desk.serve_signed("Ours")
    assert desk.phone.boot().label == "Ours"


def test_a_virtual_phone_checks_what_its_model_s_firmware_is_known_to_check() -> None:
    newer = TrustedFiles(digest=SigningHash.SHA512)
    for model, taken in (("8941", 0), ("7965", 0), ("9971", 1), ("8861", 1)):
        desk = Desk(model=model)
        desk.served.files = {OWN_ITL: newer.list(), OWN: configuration("Plain")}
        desk.serve_signed("Newer", newer)
        desk.phone.boot()
        assert (len(desk.said(ListTaken)), len(desk.said(ListRefused))) == (taken, 1 - taken), model


def test_a_phone_that_knows_curves_takes_a_list_of_signer_version_1_1() -> None:
    desk = Desk(PhoneTrust(knows_curves=True))
    desk.served.files = {OWN_ITL: OURS.list(signer_version=(1, 1))}
    desk.serve_signed("Signed")
    assert desk.phone.boot().label == "Signed"


def encrypting(certificate: x509.Certificate, key: PhoneIdentity | None = None) -> Desk:
    desk = Desk(PhoneTrust(mic=key))
    desk.served.files = {OWN_ITL: OURS.list(), **OURS.encrypted(configuration("Sealed"), OWN, certificate)}
    return desk


def test_a_stub_leads_to_the_encrypted_file_that_only_this_phone_opens() -> None:
    own = PhoneIdentity(fixed_signer("phone").certificate, fixed_signer("phone").key)
    desk = encrypting(own.certificate, own)
    assert desk.phone.boot().label == "Sealed"
    asked = desk.served.take_asked()
    assert asked[2:4] == [f"{OWN}.sgn", f"{OWN}.enc.sgn"]
    (opened,) = desk.said(Decrypted)
    assert "CN=PHONE" in in_words(opened)
    assert not any(b"s3cr3tOfAnna" in data for data in desk.served.files.values())
    assert "s3cr3t" not in repr(desk.trust)


def test_a_phone_without_that_certificate_or_with_another_key_refuses_it() -> None:
    phone = fixed_signer("phone")
    with pytest.raises(FileDistrusted, match="which this phone does not have"):
        encrypting(phone.certificate).phone.boot()
    with pytest.raises(FileDistrusted, match=r"another certificate|hash is not"):
        encrypting(phone.certificate, PhoneIdentity(phone.certificate, fixed_signer("other").key)).phone.boot()


def test_an_encrypted_file_that_is_missing_or_not_ours_is_refused() -> None:
    phone = fixed_signer("phone")
    own = PhoneIdentity(phone.certificate, phone.key)
    desk = encrypting(own.certificate, own)
    sealed = desk.served.files.pop(f"{OWN}.enc.sgn")
    with pytest.raises(ConfigurationMissing):
        desk.phone.boot()
    desk.served.files[f"{OWN}.enc.sgn"] = sealed[:-1] + bytes((sealed[-1] ^ 1,))
    with pytest.raises(FileDistrusted, match="over this content"):
        desk.phone.boot()
    desk.served.files[f"{OWN}.enc.sgn"] = OURS.signed(configuration("Plain"), OWN)
    with pytest.raises(FileDistrusted, match=r"version 1\.0 instead of 2\.0"):
        desk.phone.boot()


def test_lists_and_configuration_last_over_a_power_cut_in_a_folder(tmp_path: Path) -> None:
    desk = Desk(PhoneTrust(PhoneMemory(tmp_path / "flash")))
    desk.served.files = {OWN_ITL: OURS.list()}
    desk.serve_signed("Kept")
    desk.phone.boot()
    assert oct((tmp_path / "flash").stat().st_mode)[-3:] == "700"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "flash").iterdir()} == {0o600}
    later = Desk(PhoneTrust(PhoneMemory(tmp_path / "flash")))
    assert later.phone.held is not None
    assert later.phone.held.label == "Kept"
    later.served.files = {OWN_ITL: THEIRS.list(), OWN: configuration("Plain")}
    with pytest.raises(ConfigurationMissing):
        later.phone.boot()
    assert later.phone.held.label == "Kept"


def test_a_memory_that_can_t_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MemoryUnusable, match="can't be read"):
        PhoneMemory(tmp_path / "file")
    (tmp_path / "flash").mkdir()
    (tmp_path / "flash" / "ITLFile.tlv").write_bytes(bytes(600 * 1024))
    with pytest.raises(MemoryUnusable, match="larger than a phone keeps"):
        PhoneMemory(tmp_path / "flash")
    (tmp_path / "flash" / "ITLFile.tlv").write_bytes(b"torn")
    with pytest.raises(MemoryUnusable, match="Empty the folder"):
        PhoneTrust(PhoneMemory(tmp_path / "flash")).lists()


def test_phones_that_know_no_lists_are_refused() -> None:
    with pytest.raises(NoTrustList, match="ask for no trust lists"):
        VirtualPhone(MAC, "D785", ("192.0.2.1", 69), trust=PhoneTrust())


@pytest.mark.parametrize("is_expired", [False, True])
def test_a_phone_uses_its_mic_whether_it_has_expired_or_not(tmp_path: Path, *, is_expired: bool) -> None:
    certificate, key = Maker("Cisco Systems").phone(tmp_path, f"CP-9971-SEP{MAC.bare}", is_expired=is_expired)
    mic = tmp_path / "mic.pem"
    mic.write_bytes(certificate.read_bytes() + key.read_bytes())
    own = read_identity(mic)
    assert f"CN=CP-9971-SEP{MAC.bare}" in own.certificate.subject.rfc4514_string()
    assert encrypting(own.certificate, own).phone.boot().label == "Sealed"


def test_a_file_that_holds_no_phone_s_certificate_is_refused(tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.pem"
    certificate, key = Maker("Cisco Systems").phone(tmp_path, "CP-9971-SEP001122334455")
    mixed.write_bytes(certificate.read_bytes())
    with pytest.raises(UnusableIdentity, match="no certificate, or no key"):
        read_identity(mixed)
    _, other = Maker("Cisco Systems").phone(tmp_path / "other", "CP-9971-SEP001122334455")
    mixed.write_bytes(certificate.read_bytes() + other.read_bytes())
    with pytest.raises(UnusableIdentity, match="not its certificate's"):
        read_identity(mixed)
    with pytest.raises(UnusableIdentity, match="No such file"):
        read_identity(tmp_path / "nothing.pem")
    assert key.exists()
