"""``ringfence listener-certificate``: what phones see, and the request to the maker of old ones."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.small_business_ca import SmallBusinessCa

NAME = "old.example.org"
WHO = ("--organisation", "Example Ltd", "--mail", "admin@example.org")


@pytest.fixture
def old_phones(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.hub.config, "phones_old_listen", "127.0.0.1:8446")
    monkeypatch.setattr(hub.hub.config, "phones_old_url", f"https://{NAME}:8446")


def test_a_request_is_made_signed_and_installed(
    hub: RunningHub, ringfence: CommandLine, tmp_path: Path, old_phones: None
) -> None:
    del old_phones
    assert "hub" in ringfence("listener-certificate", "list")
    assert ringfence("listener-certificate", "pending") == "No request is with the maker.\n"
    out, signed = tmp_path / "phones.csr", tmp_path / "signed.pem"
    told = ringfence("listener-certificate", "request", NAME, *WHO, "--country", "AT", "--out", str(out))
    assert "listener-certificate install FILE" in told
    assert "PRIVATE" not in out.read_text()
    assert ringfence.ask("listener-certificate", "pending")["pem"] == out.read_text()
    asked = x509.load_pem_x509_csr(out.read_bytes())
    assert asked.is_signature_valid
    assert asked.subject.rfc4514_string({NameOID.EMAIL_ADDRESS: "E"}) == (
        f"E=admin@example.org,CN={NAME},O=Example Ltd,C=AT"
    )
    key = asked.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    again = ("listener-certificate", "request", NAME, *WHO, "--out", str(tmp_path / "again.csr"))
    assert "a request is with the maker already" in ringfence.refused(5, *again)

    maker = SmallBusinessCa(hub.clock())
    for bad, why in (
        (maker.sign(asked, name="others.example.org"), f"is not for {NAME} (it is for others.example.org)"),
        (maker.sign(asked, key=maker.key.public_key()), "is for no request of this hub"),
        (maker.sign(asked, days=-1), "has ended on"),
        ("no certificate", "this is no certificate in PEM"),
        (maker.sign(asked) + SmallBusinessCa(hub.clock()).pem, "the chain is broken"),
    ):
        signed.write_text(bad)
        assert why in ringfence.refused(3, "listener-certificate", "install", str(signed))
    signed.write_text(maker.sign(asked) + maker.pem)
    done = ringfence.ask("listener-certificate", "install", str(signed))
    assert (done["listener"], done["source"], done["names"], done["problem"]) == ("old-phones", "maker", [NAME], "")
    assert "CN=Cisco 2k Small Business CA" in ringfence("listener-certificate", "list")
    assert ringfence("listener-certificate", "pending") == "No request is with the maker.\n"
    signed.write_text(maker.sign(asked, days=90))  # the same key again, as for a renewal
    assert ringfence.ask("listener-certificate", "install", str(signed))["fingerprint"] != done["fingerprint"]
    small = ringfence.ask("listener-certificate", "request", NAME, *WHO, "--bits", "1024", "--out", str(out))
    assert x509.load_pem_x509_csr(small["pem"].encode()).public_key().key_size == 1024  # type: ignore[union-attr]
    ringfence("listener-certificate", "request", NAME, *WHO, "--again", "--out", str(out))
    assert hub.newest_action() == ("listener-certificate.request", NAME)


@pytest.mark.parametrize("name", ["phones", "*.example.org", "192.0.2.1", "a b.example.org"])
def test_a_name_that_the_maker_does_not_sign_is_refused(ringfence: CommandLine, tmp_path: Path, name: str) -> None:
    asked = ("listener-certificate", "request", name, *WHO, "--again", "--out", str(tmp_path / "x.csr"))
    assert "is not a full name of a server" in ringfence.refused(3, *asked)


def test_a_certificate_in_hub_toml_comes_first(
    hub: RunningHub, ringfence: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.hub.config, "phones_old_certificate", "spa.pem")
    (tmp_path / "x.pem").write_text("x")
    assert "comes first" in ringfence.refused(5, "listener-certificate", "install", str(tmp_path / "x.pem"))
    ended = ringfence.run("listener-certificate", "install", str(tmp_path / "none.pem"))
    assert (ended.status, "none.pem: No such file" in ended.err) == (2, True)


def test_a_hub_without_a_ca_orders_nothing(
    hub: RunningHub, ringfence: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "hub.toml names no CA" in ringfence.refused(3, "listener-certificate", "renew")
    monkeypatch.setattr(hub.hub.config, "phones_acme_directory", "https://acme.example.org/dir")
    assert "The hub orders it within seconds" in ringfence("listener-certificate", "renew")
    (hub.folder.path / "acme" / "asked").unlink()
