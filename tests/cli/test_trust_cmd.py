"""``ringfence trust``."""

import stat
import subprocess
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ringfence.cli.support import api
from ringfence.cli.support.errors import HubAway
from ringfence.hub.trust import trust_lists
from ringfence.hub.trust.recovery_file import RecoveryKey, new_passphrase, open_file, typed_passphrase
from ringfence.identity.certificates import make_authority, to_pem
from ringfence.phones.trust.roles import SigningHash
from ringfence.phones.trust.trust_list import read_trust_list
from ringfence.secret import Secret
from support.command_line import CommandLine
from support.running_hub import Json, RunningHub

MAC = "00:1B:54:C2:9A:77"


def of_passphrase(own_hub: RunningHub, passphrase: str = "") -> CommandLine:
    return CommandLine(
        {
            "RINGFENCE_HUB": own_hub.people_url,
            "RINGFENCE_TOKEN": own_hub.token.reveal(),
            "RINGFENCE_CA": str(own_hub.folder.authority_certificate),
            "RINGFENCE_RECOVERY_PASSPHRASE": passphrase,
        }
    )


def test_keys_are_made_and_the_recovery_file_is_shown_to_open(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence = of_passphrase(own_hub)
    assert "No keys yet" in ringfence("trust", "show")
    file = tmp_path / "phones.recovery"
    made: Json = ringfence.ask("trust", "init", str(file))
    assert [each["role"] for each in made["keys"]] == ["sast-1", "sast-2", "tftp", "capf", "tvs", "ccm"]
    sheet = Path(made["sheet"])
    assert sheet == tmp_path / "phones.recovery.html"
    assert {stat.S_IMODE(each.stat().st_mode) for each in (file, sheet)} == {0o600}
    text = sheet.read_text()
    assert file.read_text().strip() in text
    assert text.count("<svg") == 2
    assert made["passphrase"] not in text
    assert made["keys"][1]["fingerprint"] in text
    assert "Nobody has shown yet that the recovery file opens" in ringfence("trust", "show")
    with_passphrase = of_passphrase(own_hub, made["passphrase"].upper().replace("-", " "))
    assert "its key is SAST 2" in with_passphrase("trust", "check", str(file))
    assert "The recovery file opens." in ringfence("trust", "show")
    assert with_passphrase.ask("trust", "check", str(file))["recovery"]["is_ready"] is True
    typed = of_passphrase(own_hub)
    assert "opens" in typed("trust", "check", str(file), stdin=made["passphrase"] + "\n")
    wrong = of_passphrase(own_hub, "wrong")
    assert "the passphrase does not open this file" in wrong.refused(3, "trust", "check", str(file))
    other = tmp_path / "other.recovery"
    assert "there are keys for the phones' trust already" in ringfence.refused(5, "trust", "init", str(other))
    assert not other.exists()
    assert list(tmp_path.glob("*.html")) == [sheet]
    refusal = ringfence.refused(5, "trust", "init", str(file))
    assert "this file exists" in refusal
    assert ringfence.ask("trust", "show")["recovery"]["proved_at"] is not None


def test_for_people_the_passphrase_is_said_once_and_printed_where_asked(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence = of_passphrase(own_hub)
    file, sheet = tmp_path / "a", tmp_path / "b.html"
    said = ringfence("trust", "init", str(file), "--sheet", str(sheet), "--print-passphrase")
    (passphrase,) = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert passphrase in sheet.read_text()
    assert f"ringfence trust check {file}" in said
    assert open_file(file, typed_passphrase(passphrase)).certificate


def test_where_the_hub_does_not_answer_the_file_and_its_passphrase_are_not_lost(
    own_hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub may have taken the certificate all the same."""
    ringfence = of_passphrase(own_hub)

    def away(*_whatever: object, **_more: object) -> Json:
        raise HubAway("the hub can't be reached")

    monkeypatch.setattr(api.PeoplesApi, "post", away)
    ended = ringfence.run("trust", "init", str(tmp_path / "a"))
    assert ended.status == 7
    (passphrase,) = [line.strip() for line in ended.out.splitlines() if line.startswith("  ")]
    assert open_file(tmp_path / "a", Secret(passphrase)).certificate
    assert (tmp_path / "a.html").exists()


def test_what_is_no_recovery_file_is_refused(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence = of_passphrase(own_hub, "x")
    made = ringfence.ask("trust", "init", str(tmp_path / "whole"))
    whole = (tmp_path / "whole").read_bytes()
    ringfence = of_passphrase(own_hub, made["passphrase"])
    file = tmp_path / "file"
    for content, words in (
        (b"", "not a recovery file"),
        (b"#" + whole, "not a recovery file"),
        (whole + b"A" * 20_000, "not a recovery file"),
        (whole[:300], "damaged or cut short"),
        (whole[:-60], "damaged or cut short"),
        (whole[:1000] + b"AAAA" + whole[1004:], "damaged or cut short"),
    ):
        file.write_bytes(content)
        assert words in ringfence.refused(8, "trust", "check", str(file))
    assert "No such file" in ringfence.refused(8, "trust", "check", str(tmp_path / "nowhere"))
    assert "Is a directory" in ringfence.refused(8, "trust", "check", str(tmp_path))
    file.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert "opens" in ringfence("trust", "check", str(file))
    foreign = tmp_path / "foreign"
    foreign.write_bytes(RecoveryKey.new("main").sealed(Secret(made["passphrase"])))
    assert "not in the lists of this organisation's phones" in ringfence.refused(3, "trust", "check", str(foreign))


def test_what_is_inside_is_a_key_that_openssl_reads(own_hub: RunningHub, tmp_path: Path) -> None:
    """The sheet says how to open it without Ringfence."""
    ringfence = of_passphrase(own_hub)
    made = ringfence.ask("trust", "init", str(tmp_path / "file"))
    der = pyrage.passphrase.decrypt((tmp_path / "file").read_bytes(), made["passphrase"])
    read = subprocess.run(
        ["openssl", "pkey", "-inform", "DER", "-text", "-noout"], input=der, capture_output=True, check=True
    )
    assert b"2048 bit" in read.stdout


def test_keys_are_changed_and_phones_follow_the_recovery_file(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence = of_passphrase(own_hub)
    file = tmp_path / "file"
    passphrase = ringfence.ask("trust", "init", str(file))["passphrase"]
    assert "nobody can be asked" in ringfence.refused(3, "trust", "rotate", "tftp")
    said = ringfence("trust", "rotate", "tftp", "--yes")
    assert said == "List 2: tftp: a new key. Phones get it with the next publish:  ringfence publish\n"
    assert "next" in ringfence("trust", "show")
    assert ringfence.ask("trust", "rotate", "tftp", "--yes")["list"]["number"] == 3
    assert "ringfence trust recover FILE" in ringfence.refused(3, "trust", "rotate", "sast-1", "--yes")
    assert "--to FILE" in ringfence.refused(3, "trust", "rotate", "sast-2", "--yes")
    opens = of_passphrase(own_hub, passphrase)
    assert "nobody can be asked" in opens.refused(3, "trust", "recover", str(file))
    assert "List 4 has a new SAST 1, signed by the recovery key." in opens("trust", "recover", str(file), "--yes")
    assert opens.ask("trust", "recover", str(file), "--yes")["list"]["number"] == 5
    new = ringfence.ask("trust", "rotate", "sast-2", "--to", str(tmp_path / "new"), "--yes")
    assert new["list"]["why"] == "another recovery file"
    assert "another has taken its place" in opens.refused(3, "trust", "check", str(file))
    assert "opens" in of_passphrase(own_hub, new["passphrase"])("trust", "check", str(tmp_path / "new"))


def test_a_new_hub_takes_over_phones_of_one_that_is_lost(own_hub: RunningHub, tmp_path: Path) -> None:
    key, passphrase = RecoveryKey.new("main"), new_passphrase()
    file = tmp_path / "file"
    file.write_bytes(key.sealed(passphrase))
    ringfence = of_passphrase(own_hub, passphrase.reveal())
    assert f"ringfence trust recover {file}" in ringfence("trust", "init", str(file), "--with")
    ringfence("trust", "recover", str(file), "--yes")
    with own_hub.hub.database.reading() as session:
        made = read_trust_list(trust_lists.trust_list_for(session, SigningHash.SHA1))
    assert made.verify([key.certificate]) == key.certificate  # as phones of the lost hub know it


def test_a_makers_ca_is_added_in_either_form(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence = of_passphrase(own_hub)
    key = ec.generate_private_key(ec.SECP256R1())
    for name, in_der in (("Maker A", False), ("Maker B", True)):
        certificate = make_authority(key, name, serial=7, now=own_hub.clock())
        file = tmp_path / "ca.cer"
        file.write_bytes(certificate.public_bytes(Encoding.DER) if in_der else to_pem(certificate).encode())
        assert f"(CN={name}) added" in ringfence("trust", "import-ca", str(file))
        ringfence.refused(5, "trust", "import-ca", str(file))
    assert {each["subject"] for each in own_hub.do("GET", "/port-authorities")["items"]} == {"CN=Maker A", "CN=Maker B"}
    file.write_bytes(b"\x30\x82nothing")
    assert "not a certificate" in ringfence.refused(3, "trust", "import-ca", str(file))
    file.write_bytes(b"x" * 20_001)
    assert "larger than" in ringfence.refused(3, "trust", "import-ca", str(file))


def test_the_pbxs_key_is_written_for_its_owner_alone_and_never_printed(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence = of_passphrase(own_hub)
    ringfence("trust", "init", str(tmp_path / "phones.recovery"))
    folder = tmp_path / "kamailio"
    said = ringfence("trust", "export-pbx", str(folder), "--for", "kamailio")
    key = folder / "ringfence-pbx.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().splitlines()[1] not in said
    assert f"private_key = {key}\n" in (folder / "tls.cfg").read_text()
    assert "Mind: No phone has SIP over TLS yet" in said
    assert f"{key} written." in said
    assert "Kamailio for all sites has the certificate" in ringfence("trust", "show")
    assert "Replace it with --replace" in ringfence.refused(5, "trust", "export-pbx", str(folder), "--for", "asterisk")
    before = key.read_text()
    there = ("--for", "asterisk", "--replace", "--at", "/etc/asterisk/ringfence")
    made: Json = ringfence.ask("trust", "export-pbx", str(folder), *there)
    assert key.read_text() == before
    assert "PRIVATE" not in str(made)
    assert "/etc/asterisk/ringfence/ringfence-pbx.key" in (folder / "pjsip_ringfence_tls.conf").read_text()
    ringfence("site", "add", "Anna")
    ringfence("set", "site", "anna", "sip_server=sip.example.org", "sip_transport=tls", "device_security=encrypted")
    ringfence("phone", "add", MAC, "--site", "anna", "--model", "9971")
    demanding = ("trust", "export-pbx", str(folder), "--for", "kamailio", "--replace", "--demand-certificate")
    assert f"could not show a certificate that was issued to it: {MAC}" in ringfence.refused(5, *demanding)
    assert "Mind: TLS 1.0 is allowed" in ringfence(*demanding, "--leave-out")
    assert "require_certificate = yes" in (folder / "tls.cfg").read_text()
    (folder / "odd name").mkdir()
    refusal = ringfence.refused(3, "trust", "export-pbx", str(folder / "odd name"), "--for", "kamailio")
    assert "--at /etc/kamailio/ringfence" in refusal
