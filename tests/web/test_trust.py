"""Pages of the phones' trust: what is to be done, and the next step of changing a key."""

import base64

from ringfence.hub.trust import recovery
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import to_pem
from support.paper import read, send
from support.running_hub import RunningHub


def test_the_page_says_what_is_to_be_done_and_changes_a_key(running: RunningHub) -> None:
    assert "ringfence trust init FILE" in read(running, "/trust")
    assert running.raw("GET", "/trust/rotate/tftp").status == 404
    key = RecoveryKey.new("main")
    running.do("POST", "/trust", {"recovery_certificate": to_pem(key.certificate)})
    page = read(running, "/trust")
    assert "Nobody has shown yet that the recovery file opens" in page
    assert key.fingerprint in page
    with running.hub.database.reading() as session:
        challenge = recovery.base64_bytes(recovery.challenge(running.hub, session))
    with running.hub.change("Anna & Co") as change:
        texts = [base64.b64encode(each).decode() for each in (challenge, key.prove(challenge))]
        recovery.prove(running.hub, change, texts[0], key.fingerprint, texts[1])
    assert "by <bdi>Anna &amp; Co</bdi>" in read(running, "/trust")
    assert "First step of two" in read(running, "/trust/rotate/tftp")
    assert send(running, "/trust/rotate/tftp", {}).status == 303
    assert "Second step of two" in read(running, "/trust/rotate/tftp")
    assert send(running, "/trust/rotate/tftp", {}).status == 303
    assert "list 3" in read(running, "/trust")
    assert "ringfence trust rotate sast-2 --to FILE" in read(running, "/trust/rotate/sast-2")
    assert "ringfence trust recover FILE" in read(running, "/trust/rotate/sast-1")
    refused = send(running, "/trust/rotate/sast-1", {})
    assert (refused.status, "recovery key&#39;s signature" in refused.data.decode()) == (422, True)
    assert running.raw("GET", "/trust/rotate/nothing").status == 404
    assert "PBXes by TLS" not in read(running, "/trust")
    running.do("POST", "/trust/pbx", {"pbx": "kamailio", "folder": "/etc/kamailio/ringfence"})
    page = read(running, "/trust")
    assert "Kamailio for all sites: exported" in page
    assert "PRIVATE KEY" not in page
    assert send(running, "/trust/rotate/ccm", {}).status == 303
    assert "is being changed; every phone knows the new one" in read(running, "/trust")
    assert "A PBX gets the new key between the two steps" in read(running, "/trust/rotate/ccm")
    refused = send(running, "/trust/rotate/ccm", {})
    assert (refused.status, "still has the certificate of before" in refused.data.decode()) == (409, True)
