"""Pages of CAs for 802.1X: one is added from a file or its text, what is refused stays typed, and one is removed."""

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.identity.certificates import make_authority, to_pem
from support.paper import read, send
from support.running_hub import RunningHub

KEY = ec.generate_private_key(ec.SECP256R1())


def pem(running: RunningHub, name: str) -> str:
    return to_pem(make_authority(KEY, name, serial=1, now=running.clock()))


def test_a_ca_is_added_shown_and_removed(running: RunningHub) -> None:
    refused = send(running, "/port-authorities/-/new", {"pem": "no certificate & more"})
    assert (refused.status, "no certificate &amp; more" in refused.data.decode()) == (422, True)
    with running.clock.stopped():
        assert send(running, "/port-authorities/-/new", {"pem": pem(running, "Maker & Söhne")}).status == 303
    (added,) = [
        each for each in running.do("GET", "/port-authorities")["items"] if each["subject"] == "CN=Maker & Söhne"
    ]
    listed = read(running, "/port-authorities")
    assert "CN=Maker &amp; Söhne" in listed
    assert added["fingerprint"] in listed
    here = f"/port-authorities/{added['id']}/remove"
    assert "CN=Maker &amp; Söhne" in read(running, here)
    assert send(running, here, {}).status == 303
    assert added["fingerprint"] not in read(running, "/port-authorities")
    assert running.raw("GET", here).status == 404
    assert send(running, here, {}).status == 404


def test_a_file_counts_before_the_text(running: RunningHub) -> None:
    sent = send(running, "/port-authorities/-/new", {"file": pem(running, "From a file"), "pem": "what was pasted"})
    assert sent.status == 303
    (added,) = [each for each in running.do("GET", "/port-authorities")["items"] if "From a file" in each["subject"]]
    running.do("DELETE", f"/port-authorities/{added['id']}")


def test_the_network_of_a_site_leads_there(running: RunningHub) -> None:
    site = running.site("With a port")
    assert 'href="/port-authorities"' in read(running, f"/sites/{site}/network")
