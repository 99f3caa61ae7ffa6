"""``ringfence phone certificate``."""

import datetime as dt

from ringfence.hub.fleet import phone_certificates
from ringfence.phones.mac import Mac
from ringfence.phones.trust.phone_certificates import CertificateKind, KeyProof
from support.command_line import CommandLine
from support.phone_identities import identity
from support.running_hub import RunningHub

MAC = "00:1B:54:CF:00:01"


def test_certificates_are_shown_and_orders_given_and_taken_back(hub: RunningHub, ringfence: CommandLine) -> None:
    site = hub.site("Own certificates")
    hub.phone(site, MAC)
    said = ringfence("phone", "certificate", MAC)
    assert "It has shown no certificate yet" in said
    bare = MAC.replace(":", "")
    mic = identity(f"CP-9971-SEP{bare}", ends=dt.timedelta(days=30)).certificate
    with hub.hub.change("CAPF") as change:
        phone_certificates.take(change, Mac(bare), CertificateKind.MIC, mic, KeyProof.REPLAYABLE)
    said = ringfence("phone", "certificate", MAC, "show")
    assert "MIC" in said
    assert "may be recorded" in said
    assert ringfence("phone", "certificate", MAC, "show", "--pem").startswith("-----BEGIN CERTIFICATE-----")
    assert ringfence.ask("phone", "certificate", MAC)["certificates"][0]["kind"] == "mic"

    said = ringfence("phone", "certificate", MAC, "issue", "--password")
    assert "make a key and take a certificate" in said
    assert "It is shown this once." in said
    assert ringfence.ask("phone", "certificate", MAC, "issue", "--bits", "1024")["password"] is None
    ringfence.refused(3, "phone", "certificate", MAC, "issue", "--bits", "512")
    assert "it is to make a key" in ringfence("phone", "certificate", MAC)
    assert "keeps its certificate" in ringfence("phone", "certificate", MAC, "cancel")
    ringfence.refused(4, "phone", "certificate", MAC, "cancel")

    assert "give its certificate" in ringfence("phone", "certificate", MAC, "fetch")
    ringfence.refused(3, "phone", "certificate", MAC, "delete")
    said = ringfence("phone", "certificate", MAC, "delete", "--yes")
    assert "What was issued to the phone is revoked." in said
    ringfence("phone", "certificate", MAC, "cancel")


def test_a_phone_that_nobody_has_is_named(ringfence: CommandLine) -> None:
    for action in ("show", "fetch", "issue"):
        ringfence.refused(4, "phone", "certificate", "00:1B:54:CF:FF:FF", action)
