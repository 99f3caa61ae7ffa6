"""CAs for 802.1X: what is taken for one, and which boxes get it."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ringfence.hub.fleet import port_authorities
from ringfence.identity.certificates import key_to_pem, make_authority, to_pem
from support.boxes_in_hand import BoxInHand
from support.running_hub import RunningHub

KEY = ec.generate_private_key(ec.SECP256R1())


def ca(running: RunningHub, name: str, ahead_s: float = 0.0) -> str:
    return to_pem(make_authority(KEY, name, serial=1, now=running.clock() + ahead_s))


def without_a_word(running: RunningHub) -> str:
    """A certificate that does not say whether it is a CA's."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "no word")])
    now = dt.datetime.fromtimestamp(int(running.clock()), dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(5).not_valid_before(now).not_valid_after(now + dt.timedelta(days=9))
    return to_pem(builder.sign(KEY, hashes.SHA256()))


def test_a_ca_is_for_boxes_whose_site_asks_for_certificates(running: RunningHub, tmp_path: Path) -> None:
    off, on = (BoxInHand(running, running.site(name), tmp_path / name) for name in ("Off", "On"))
    before = off.told(), on.told()
    running.do("PATCH", f"/sites/{on.site}/network", {"port_access": "require"})
    added = running.do("POST", "/port-authorities", {"pem": ca(running, "Phones\u202e Inc")})
    assert added["subject"] == "CN=Phones\ufffd Inc"
    assert running.newest_action() == ("port-authority.add", added["id"])
    rules = off.rules(), on.rules()
    assert [len(each.authorities) for each in rules if each is not None] == [0, 1]
    assert [each.version > was.version for each, was in zip(rules, before, strict=True) if each is not None] == [
        False, True,
    ]  # fmt: skip
    assert [each["id"] for each in running.do("GET", "/port-authorities")["items"]] == [added["id"]]
    again = running.ask("POST", "/port-authorities", {"pem": ca(running, "Phones\u202e Inc")})
    assert again.status in {201, 409}  # the same second, or the next
    for each in running.do("GET", "/port-authorities")["items"]:
        running.do("DELETE", f"/port-authorities/{each['id']}")
    rules = off.rules(), on.rules()
    assert [each.authorities for each in rules if each is not None] == [(), ()]
    assert running.ask("DELETE", f"/port-authorities/{added['id']}").json["kind"] == "unknown-port-authority"


def test_one_that_has_ended_is_given_to_nobody(running: RunningHub, tmp_path: Path) -> None:
    box = BoxInHand(running, running.site("Ended"), tmp_path / "edge")
    box.told()
    running.do("PATCH", f"/sites/{box.site}/network", {"port_access": "try"})
    added = running.do("POST", "/port-authorities", {"pem": ca(running, "Old", ahead_s=-20 * 365 * 86_400 + 3600)})
    rules = box.rules()
    assert rules is not None
    assert len(rules.authorities) == 1
    with running.clock.forward(2 * 3600):
        rules = box.rules()
        assert rules is not None
        assert rules.authorities == ()
    running.do("DELETE", f"/port-authorities/{added['id']}")


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (lambda _running: "", "not a certificate in PEM"),
        (lambda _running: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate in PEM"),
        (lambda running: ca(running, "Twice") * 2, "2 certificates"),
        (lambda running: ca(running, "Key") + key_to_pem(KEY).decode(), "private key"),
        (without_a_word, "not a CA's"),
        (lambda running: ca(running, "Over", ahead_s=-21 * 365 * 86_400), "has ended"),
        (lambda running: ca(running, "Long") + "#" * 17_000, "16 KiB"),
        (lambda _running: "é\x7f", "not a certificate"),
    ],
)
def test_what_is_no_ca_of_today_is_refused(running: RunningHub, made: object, word: str) -> None:
    before = running.do("GET", "/port-authorities")
    answer = running.ask("POST", "/port-authorities", {"pem": made(running)})  # type: ignore[operator]  # it makes one
    assert (answer.status, word in answer.json["what"]) == (422, True), answer.data
    assert running.do("GET", "/port-authorities") == before


def test_there_are_few(running: RunningHub) -> None:
    for number in range(port_authorities.MOST):
        running.do("POST", "/port-authorities", {"pem": ca(running, f"CA {number}")})
    answer = running.ask("POST", "/port-authorities", {"pem": ca(running, "One more")})
    assert (answer.status, "at most 32" in answer.json["what"]) == (422, True)
    listed = running.do("GET", "/port-authorities?limit=5")
    assert (len(listed["items"]), bool(listed["next"])) == (5, True)
    for each in running.do("GET", "/port-authorities")["items"]:
        running.do("DELETE", f"/port-authorities/{each['id']}")
