"""``ringfence import wazo``: devices and configs of a wazo-provd."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CommandLine
from support.running_hub import RunningHub

BASE = {
    "id": "base",
    "parent_id": None,
    "raw_config": {
        "sip_proxy_ip": "192.0.2.10",
        "sip_transport": "tcp",
        "ntp_enabled": True,
        "ntp_ip": "192.0.2.1",
        "timezone": "America/Montreal",
    },
}


def lines_of(*names: str) -> dict[str, Any]:
    return {
        str(index): {"username": name, "auth_username": f"a-{name}", "display_name": "Anna", "number": "401",
                     "password": "s3cr3t"}
        for index, name in enumerate(names, 1)
    }  # fmt: skip


def export(mac: str) -> tuple[list[object], list[object]]:
    devices: list[object] = [
        {"id": "d1", "mac": mac.lower(), "vendor": "Cisco", "model": "7962G", "plugin": "p", "config": "c1"},
        {"id": "d2", "mac": "00:1b:54:ff:0f:01", "vendor": "Cisco", "model": "7962G", "config": "gone"},
        {"id": "d3", "mac": "00:1b:54:ff:0f:02", "vendor": "Aastra", "model": "6757i", "config": "c2"},
        {"id": "d4", "config": "c2"},
        "no device",
    ]
    configs: list[object] = [
        BASE,
        {"id": "c1", "parent_id": "base", "raw_config": {"sip_lines": {**lines_of("u1", "u2"), "3": None}}},
        {"id": "c2", "parent_id": "c2", "raw_config": {"sip_lines": lines_of("u3")}},
    ]
    return devices, configs


@pytest.mark.parametrize("as_folder", [False, True])
def test_phones_lines_and_servers_come_in_and_the_rest_is_named(
    ringfence: CommandLine, hub: RunningHub, new_mac: str, tmp_path: Path, as_folder: bool
) -> None:
    devices, configs = export(new_mac)
    if as_folder:
        for kind, entries in (("devices", devices), ("configs", configs)):
            (tmp_path / kind).mkdir()
            for at, entry in enumerate(entries):
                (tmp_path / kind / f"{at}").write_text(json.dumps(entry))
        places = [str(tmp_path)]
    else:
        (tmp_path / "d.json").write_text(json.dumps({"devices": devices}))
        (tmp_path / "c.json").write_text(json.dumps({"configs": configs}))
        places = [str(tmp_path / "d.json"), str(tmp_path / "c.json")]
    done = ringfence.ask("import", "wazo", *places, "--site", "Wazo one")
    assert done["added"] == 1
    assert [each["row"] for each in done["left_out"]] == [2, 4, 3]
    assert [each["what"] for each in done["remarks"]] == ["line '3' holds nothing, so it is lost"]
    assert hub.do("GET", f"/phones/{new_mac}")["model"] == "7962"
    lines = hub.do("GET", f"/phones/{new_mac}/lines")["items"]
    assert [(line["index"], line["name"], line["auth_name"], line["label"]) for line in lines] == [
        (1, "u1", "a-u1", "401"),
        (2, "u2", "a-u2", "401"),
    ]
    settings = ringfence("phone", "explain", new_mac, "time_zone")
    assert "America/Montreal" in settings


def test_what_is_no_export_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[" * 100_000)
    assert "not JSON" in ringfence.run("import", "wazo", str(path)).err
    path.write_text("[]")
    assert "it holds no phones" in ringfence.run("import", "wazo", str(path)).err
    ringfence.refused(3, "import", "wazo", str(tmp_path / "nothing.json"))
