"""The forms of a site's files for phones that hold trust lists: which there are, and that they stay as they are."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import STUBS, Target, TargetKind
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.publishing.signed_forms import MadeFile, SealedFor, SignedForms, SiteTrust, TrustingPhone
from ringfence.phones.filenames import configuration_name
from ringfence.phones.mac import Mac
from ringfence.phones.trust.encrypted_file import ContentKey, read_encrypted
from ringfence.phones.trust.roles import SigningHash
from ringfence.phones.trust.signed_file import read_signed
from ringfence.phones.trust.state import FileForms, ListOffer
from support.trust_signers import SIGNED_AT, certificate_for, fixed_signer, name

ANNA = Mac("001B54C29A10")
BERT = Mac("001B54C29A11")
CONFIGURATION = (
    b"<device><loadInformation>SIP45.9-4-2SR3-1S</loadInformation><authPassword>hunter2</authPassword></device>"
)
SIGNED = FileForms(plain=True, signed=True, trust_list=ListOffer.FULL)
WITHDRAWN = replace(SIGNED, plain=False)
ENCRYPTED = replace(WITHDRAWN, encrypted=True)
LISTS = {(kind, digest, False): f"{kind} {digest}".encode() for kind in ListOffer for digest in SigningHash}
TFTP = fixed_signer("tftp")
PHONE_KEY = fixed_signer("phone").key
PHONE = certificate_for(PHONE_KEY, name(f"CP-7945G-SEP{ANNA.bare}"))


class Site:
    """A site in hand: what was published, and its blobs."""

    def __init__(self, **phones: TrustingPhone) -> None:
        self.phones = phones
        self.published: dict[str, Target] = {}
        self.blobs: dict[Digest, bytes] = {}
        self.now = SIGNED_AT
        self.signer = TFTP

    def read(self, digest: Digest) -> bytes:
        if digest not in self.blobs:
            raise BlobUnavailable("there is no such blob")
        return self.blobs[digest]

    @property
    def forms(self) -> SignedForms:
        trust = SiteTrust(self.signer, self.phones, LISTS, self.now)
        return SignedForms(trust, self.published.values(), self.read)

    def publish(self, files: Sequence[MadeFile]) -> dict[str, bytes]:
        self.published = {target.name: target for target, _data in files}
        self.blobs |= {target.digest: data for target, data in files}
        return {target.name: data for target, data in files}


def made(file: str, data: bytes, owner: Mac | None = ANNA) -> MadeFile:
    kind = TargetKind.CONFIGURATION if owner else TargetKind.SHARED
    return Target(file, sha256_hex(data), len(data), kind, owner.bare if owner else None), data


OWN = configuration_name(ANNA)


def phone(forms: FileForms = SIGNED, digest: SigningHash = SigningHash.SHA1) -> TrustingPhone:
    sealed_for = SealedFor(PHONE, ContentKey.for_certificate(PHONE, b"k" * 16)) if forms.encrypted else None
    return TrustingPhone(forms, digest, sealed_for)


def test_a_phone_without_trust_keeps_its_files() -> None:
    files = [made(OWN, CONFIGURATION)]

    assert Site().forms.of_phone(ANNA, files) == files
    assert Site().forms.of_shared([made("Ringlist.xml", b"<r/>", None)[0]], lambda _digest: b"<r/>") == []


def test_a_signed_phone_finds_every_file_signed_under_its_path_and_its_list() -> None:
    site = Site(**{ANNA.bare: phone()})
    there = site.publish(site.forms.of_phone(ANNA, [made(OWN, CONFIGURATION), made("dialplan-1.xml", b"<d/>", None)]))

    assert set(there) == {OWN, f"{OWN}.sgn", f"ITLSEP{ANNA.bare}.tlv", "dialplan-1.xml"}
    signed = read_signed(there[f"{OWN}.sgn"])
    signed.verify(TFTP.certificate)
    assert (signed.filename, signed.body, signed.signed_at) == (f"{OWN}.sgn", CONFIGURATION, SIGNED_AT)
    assert there[f"ITLSEP{ANNA.bare}.tlv"] == b"full 1"
    mark = site.published[f"{OWN}.sgn"]
    assert (mark.kind, mark.owner, mark.secret, mark.sealed) == (TargetKind.CONFIGURATION, ANNA.bare, True, False)
    of_list = site.published[f"ITLSEP{ANNA.bare}.tlv"]
    assert (of_list.owner, of_list.secret, of_list.reload) == (ANNA.bare, False, None)


def test_shared_files_are_signed_by_path_and_firmware_is_not() -> None:
    site = Site(**{ANNA.bare: phone(), BERT.bare: phone(FileForms())})
    tones, firmware = made("Germany/g3-tones.xml", b"<t/>", None), made("SIP45.loads", b"l", None)
    wanted = [tones[0], replace(firmware[0], kind=TargetKind.FIRMWARE), made("ITLFile.tlv", b"list", None)[0]]

    there = site.publish(site.forms.of_shared(wanted, {tones[0].digest: tones[1]}.__getitem__))

    assert set(there) == {"Germany/g3-tones.xml.sgn"}
    assert read_signed(there["Germany/g3-tones.xml.sgn"]).filename == "Germany/g3-tones.xml.sgn"


@pytest.mark.parametrize(
    ("digests", "used"),
    [
        ([SigningHash.SHA1, SigningHash.SHA512], SigningHash.SHA1),
        ([SigningHash.SHA512, SigningHash.SHA512], SigningHash.SHA512),
    ],
)
def test_shared_files_are_signed_as_every_phone_of_the_site_can_check(
    digests: list[SigningHash], used: SigningHash
) -> None:
    macs = (ANNA.bare, BERT.bare)
    site = Site(**{mac: phone(digest=digest) for mac, digest in zip(macs, digests, strict=True)})

    ((_target, data),) = site.forms.of_shared([made("Ringlist.xml", b"<r/>", None)[0]], lambda _digest: b"<r/>")

    assert read_signed(data).header.digest == used


def test_an_own_file_is_signed_as_its_phone_can_check() -> None:
    site = Site(**{ANNA.bare: phone(digest=SigningHash.SHA512)})
    there = site.publish(site.forms.of_phone(ANNA, [made(OWN, CONFIGURATION)]))

    assert read_signed(there[f"{OWN}.sgn"]).header.digest == SigningHash.SHA512
    assert there[f"ITLSEP{ANNA.bare}.tlv"] == b"full 3"


def test_plain_files_go_and_what_gateways_give_stays() -> None:
    site = Site(**{ANNA.bare: phone(WITHDRAWN)})
    there = site.publish(
        site.forms.of_phone(ANNA, [made(OWN, CONFIGURATION), made(STUBS + OWN, b"<device/>"), made("d.xml", b"", None)])
    )

    assert OWN not in there
    assert {STUBS + OWN, f"{STUBS}{OWN}.sgn", "d.xml", f"{OWN}.sgn"} < set(there)
    assert read_signed(there[f"{STUBS}{OWN}.sgn"]).filename == f"{OWN}.sgn"  # as the phone asks for it


def test_an_encrypted_phone_finds_a_stub_and_what_only_its_key_opens() -> None:
    site = Site(**{ANNA.bare: phone(ENCRYPTED)})
    there = site.publish(site.forms.of_phone(ANNA, [made(OWN, CONFIGURATION)]))

    assert set(there) == {f"{OWN}.sgn", f"{OWN}.enc.sgn", f"ITLSEP{ANNA.bare}.tlv"}
    stub, sealed = read_signed(there[f"{OWN}.sgn"]), read_encrypted(there[f"{OWN}.enc.sgn"])
    assert b"<encrConfig>true</encrConfig>" in stub.body
    assert sealed.decrypt(PHONE_KEY) == CONFIGURATION
    assert not any(b"hunter2" in data for data in there.values())
    marks = site.published
    assert (marks[f"{OWN}.enc.sgn"].sealed, marks[f"{OWN}.enc.sgn"].secret) == (True, True)
    assert (marks[f"{OWN}.sgn"].sealed, marks[f"{OWN}.sgn"].secret) == (False, False)


@pytest.mark.parametrize("forms", [SIGNED, WITHDRAWN, ENCRYPTED])
def test_unchanged_input_gives_unchanged_bytes_whenever_it_is_published(forms: FileForms) -> None:
    site = Site(**{ANNA.bare: phone(forms)})
    files = [made(OWN, CONFIGURATION)]
    first = site.publish(site.forms.of_phone(ANNA, files))
    site.now += 86_400

    assert site.publish(site.forms.of_phone(ANNA, files)) == first


@pytest.mark.parametrize("forms", [SIGNED, ENCRYPTED])
def test_what_changes_is_signed_anew_with_its_time(forms: FileForms) -> None:
    site = Site(**{ANNA.bare: phone(forms)})
    site.publish(site.forms.of_phone(ANNA, [made(OWN, CONFIGURATION)]))
    site.now += 86_400
    other = CONFIGURATION.replace(b"hunter2", b"hunter3")

    there = site.publish(site.forms.of_phone(ANNA, [made(OWN, other)]))

    if forms.encrypted:
        sealed = read_encrypted(there[f"{OWN}.enc.sgn"])
        assert (sealed.header.signed_at, sealed.decrypt(PHONE_KEY)) == (SIGNED_AT + 86_400, other)
    else:
        signed = read_signed(there[f"{OWN}.sgn"])
        assert (signed.signed_at, signed.body) == (SIGNED_AT + 86_400, other)


def _by_another_key(site: Site) -> None:
    site.signer = fixed_signer("tftp", serial=99)


def _by_another_hash(site: Site) -> None:
    site.phones[ANNA.bare] = replace(site.phones[ANNA.bare], digest=SigningHash.SHA512)


def _blob_lost(site: Site) -> None:
    site.blobs.clear()


def _blob_broken(site: Site) -> None:
    site.blobs = dict.fromkeys(site.blobs, b"\1\0\2\1")


@pytest.mark.parametrize("change", [_by_another_key, _by_another_hash, _blob_lost, _blob_broken])
@pytest.mark.parametrize("forms", [SIGNED, ENCRYPTED])
def test_what_is_not_as_it_would_be_now_is_signed_anew(change: Callable[[Site], None], forms: FileForms) -> None:
    site = Site(**{ANNA.bare: phone(forms)})
    site.publish(site.forms.of_phone(ANNA, [made(OWN, CONFIGURATION)]))
    change(site)
    site.now += 86_400

    there = site.publish(site.forms.of_phone(ANNA, [made(OWN, CONFIGURATION)]))

    last = f"{OWN}.enc.sgn" if forms.encrypted else f"{OWN}.sgn"
    header = read_encrypted(there[last]).header if forms.encrypted else read_signed(there[last]).header
    assert header.signed_at == SIGNED_AT + 86_400
    header.verify(site.signer.certificate)


def test_a_shared_file_that_can_not_be_read_has_no_signed_form() -> None:
    site = Site(**{ANNA.bare: phone()})

    assert site.forms.of_shared([made("Ringlist.xml", b"<r/>", None)[0]], site.read) == []
