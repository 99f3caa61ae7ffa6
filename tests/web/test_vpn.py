"""Pages of VPN head ends: what is typed stays, the next step is named, and nobody is locked out by a button."""

from ringfence.hub.store.vpn_models import VpnPhoneRow
from support.paper import read, send
from support.running_hub import RunningHub
from support.vpn_certificates import head_end_pem

TYPED = {
    "name": "hamburg", "addresses": "vpn.example.org\n", "login": "certificate", "network": "10.98.0.0/22",
    "routes": "192.0.2.0/24",
}  # fmt: skip
MAC = "001122AABB01"


def test_a_head_end_changes_its_certificate_by_pages(running: RunningHub) -> None:
    for name, value in (("name", "a b"), ("addresses", "a_b"), ("network", "10.0.0.0/30"), ("login", "x")):
        refused = send(running, "/vpn/-/new", {**TYPED, name: value})
        assert (refused.status, "192.0.2.0/24" in refused.data.decode()) == (422, True), name
    assert send(running, "/vpn/-/new", TYPED).status == 303
    here = "/vpn/hamburg"
    assert "ringfence vpn announce hamburg FILE" in read(running, here)
    refused = send(running, f"{here}/certificates", {"pem": "no <certificate>"})
    assert (refused.status, "no &lt;certificate&gt;" in refused.data.decode()) == (422, True)
    for number in (1, 2):
        assert send(running, f"{here}/certificates", {"pem": head_end_pem(number)}).status == 303
    site = running.site("Hamburg")
    running.phone(site, MAC, "8851")
    with running.hub.change("test") as change:
        pins = [each["pin"] for each in running.do("GET", here)["certificates"]]
        change.session.add(VpnPhoneRow(mac=MAC, offered_to="hamburg", offered=pins, taken_of="hamburg", taken=[]))
    shown = read(running, here)
    assert "1 missing" in shown
    assert "00:11:22:AA:BB:01" in shown
    assert "another announced" in read(running, "/vpn")
    assert "Lock these phones out" in read(running, f"{here}/switch")
    assert send(running, f"{here}/switch", {}).status == 409
    assert send(running, f"{here}/switch", {"leave_behind": "on"}).status == 303
    assert "ringfence vpn export FOLDER hamburg" in read(running, here)
    assert send(running, f"{here}/withdraw", {}).status == 409
    assert send(running, f"{here}/remove", {}).status == 409
    running.do("DELETE", f"/phones/{MAC}")
    assert send(running, f"{here}/remove", {}).status == 303
