"""Pages of boxes and their networks, read as they come: what was typed stays, and no passphrase is shown."""

import re
from pathlib import Path

import pytest

from ringfence.wire.network_messages import PortEntry
from support.boxes_in_hand import BoxInHand, key
from support.paper import read, send
from support.running_hub import RunningHub

PASSPHRASE = "Known-Secret-8417"


@pytest.fixture(scope="module")
def box(running: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> BoxInHand:
    folder: Path = tmp_path_factory.mktemp("box")
    box = BoxInHand(running, running.site("Home of a box"), folder)
    box.told(devices=("001B54C20F01",))
    return box


def form_of(page: str) -> dict[str, str]:
    """What a form's fields hold, as a browser would send it."""
    fields = dict(re.findall(r'<input id="(\w+)" name="\w+" type="text" value="([^"]*)"', page))
    fields |= dict(re.findall(r'<textarea id="(\w+)"[^>]*>\n([^<]*)</textarea>', page))
    fields |= dict.fromkeys(re.findall(r'<input type="checkbox" id="(\w+)"[^>]* checked', page), "yes")
    for name, options in re.findall(r'<select id="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        (fields[name],) = re.findall(r'value="(\w+)" selected', options)
    (shown,) = re.findall(r'name="shown" value="([^"]*)"', page)
    return {**fields, "shown": str(shown)}


def test_what_is_saved_unchanged_changes_nothing_and_what_is_typed_is_set(running: RunningHub, box: BoxInHand) -> None:
    here = f"/sites/{box.site}/network"
    before = running.do("GET", here)
    form = form_of(read(running, here))
    assert send(running, here, form).status == 303
    assert running.do("GET", here) == before
    typed = {
        **form, "mtu": "1400", "guests": "yes", "names": "pbx.example.org=192.0.2.10,192.0.2.11\n", "reach_by": "named",
        "reach": "udp:5060@192.0.2.10", "wifi_ssid": "Home", "wifi_country": "DE", "wifi_passphrase": PASSPHRASE,
        "port_access": "try", "direct_media": box.site, "uplink_kbit": "2000",
    }  # fmt: skip
    del typed["known_only"]
    assert send(running, here, typed).status == 303
    shown = running.do("GET", here)
    assert (shown["mtu"], shown["guests"], shown["known_only"], shown["port_access"]) == (1400, True, False, "try")
    assert (shown["reach"], shown["direct_media"]) == (["udp:5060-5060@192.0.2.10/32"], [box.site])
    assert shown["names"] == {"pbx.example.org": ["192.0.2.10", "192.0.2.11"]}
    assert shown["uplink_kbit"] == 2000
    page = read(running, here)
    assert PASSPHRASE not in page
    assert send(running, here, form_of(page)).status == 303, "the passphrase stays as it is"
    rules = box.rules()
    assert rules is not None
    assert rules.wifi is not None
    assert rules.wifi.passphrase.reveal() == PASSPHRASE
    older = send(running, here, {**typed, "mtu": "1350"})
    assert (older.status, "somebody else has changed this" in older.data.decode().casefold()) == (409, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("mtu", "9000"), ("mtu", "x"), ("names", "pbx"), ("reach", "everything"), ("direct_media", "nowhere")],
)
def test_what_is_refused_stays_typed(running: RunningHub, box: BoxInHand, name: str, value: str) -> None:
    here = f"/sites/{box.site}/network"
    before = running.do("GET", here)
    typed = {**form_of(read(running, here)), "reach_by": "named", "domain": "typed.example.org", name: value}
    answer = send(running, here, {**typed, "wifi_passphrase": PASSPHRASE, "wifi_ssid": "Home"})
    text = answer.data.decode()
    assert answer.status == 422
    assert value in text
    assert "typed.example.org" in text
    assert PASSPHRASE not in text
    assert running.do("GET", here) == before


def test_a_box_is_shown_and_gets_another_subnet(running: RunningHub, box: BoxInHand) -> None:
    subnet = running.do("GET", f"/boxes/{box.id}")["subnet"]
    assert subnet in read(running, f"/sites/{box.site}/network")
    page = read(running, f"/boxes/{box.id}")
    assert subnet in page
    assert "00:1B:54:C2:0F:01" in page
    assert subnet in read(running, f"/boxes/{box.id}/renumber")
    refused = send(running, f"/boxes/{box.id}/renumber", {"subnet": "10.0.0.0/29"})
    assert (refused.status, 'value="10.0.0.0/29"' in refused.data.decode()) == (422, True)
    assert send(running, f"/boxes/{box.id}/renumber", {"subnet": ""}).status == 303
    assert running.do("GET", f"/boxes/{box.id}")["subnet"] != subnet
    assert running.raw("GET", "/boxes/edge-000000000000").status == 404


def test_a_box_shows_whom_its_port_lets_in_and_by_what(running: RunningHub, box: BoxInHand) -> None:
    box.told(
        devices=("001B54C20F01",),
        entries=(
            PortEntry("001B54C20F01", "key", running.clock(), "CP-9971-SEP001B54C20F01"),
            PortEntry("001B54C20F02", "without-key", running.clock()),
        ),
    )
    page = read(running, f"/boxes/{box.id}")
    assert "by 802.1X" in page
    assert "CP-9971-SEP001B54C20F01" in page
    assert "without 802.1X" in page


def test_the_key_of_a_boxs_tunnel_is_changed_by_a_button(running: RunningHub, box: BoxInHand) -> None:
    here = f"/boxes/{box.id}"
    assert "Change the tunnel's key" not in read(running, here)
    assert send(running, f"{here}/rotate-key", {}).status == 409
    box.told(devices=("001B54C20F01",), public_key=key("of a page"))
    assert "Change the tunnel's key" in read(running, here)
    assert send(running, f"{here}/rotate-key", {}).status == 303
    assert running.do("GET", here)["key_changes"] is True
    assert "The key is about to change." in read(running, here)
