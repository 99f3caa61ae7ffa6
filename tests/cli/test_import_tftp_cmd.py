"""``ringfence import tftp``; what becomes of each kind of file is in tests/real_world, the report in its own file."""

import io
from pathlib import Path

import pytest
from lxml import etree
from PIL import Image

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.running_hub import RunningHub

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"
KINDS = FOLDER / "kinds"


@pytest.fixture
def hub(own_hub: RunningHub) -> RunningHub:
    """What these tests import and set reaches all sites."""
    return own_hub


def test_what_is_no_folder_of_phones_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    assert "it holds no phone's configuration" in ringfence.refused(3, "import", "tftp", str(tmp_path))
    ringfence.refused(3, "import", "tftp", str(tmp_path / "nothing"))
    ringfence.refused(4, "import", "tftp", str(FOLDER), "--model", "9999")


@pytest.mark.slow
def test_every_kind_of_file_is_published_after_its_import(ringfence: CommandLine) -> None:
    told = ringfence.ask("import", "tftp", str(FOLDER), "--site", "Kinds", "--no-ask")
    outcomes = {row["path"]: row["outcome"] for row in told["entries"]}
    assert told["kept"] is True
    assert {"imported", "imported with remarks", "left out"} == set(outcomes.values())
    again = ringfence.ask("import", "tftp", str(FOLDER), "--site", "Kinds")
    assert (again["added"], again["changed"]) == (0, 0)
    done = ringfence.ask("publish", "kinds")
    assert done["left_out"] == []
    assert {phone["what"].rpartition("should run ")[2].partition(",")[0] for phone in done["asked_for"]} >= {
        "SIP45.9-4-2SR3-1S",
        "SIP75.9-3-1SR4-1S",
    }
    (site,) = done["sites"]
    published = sum(file["name"].startswith("SEP") for file in site["files"])
    imported = [path for path, outcome in outcomes.items() if outcome != "left out"]
    assert published == sum(path.rpartition("/")[2].upper().startswith("SEP") for path in imported)


@pytest.mark.slow
def test_an_import_into_a_site_with_phones_changes_none_of_them(ringfence: CommandLine, tmp_path: Path) -> None:
    first, second = (sorted(FOLDER.glob("SEP001B54E000?[0-7].cnf.xml"))[at] for at in (0, 1))
    for path in (first, second):
        folder = tmp_path / path.stem
        folder.mkdir()
        (folder / path.name).write_bytes(path.read_bytes())
    ringfence("import", "tftp", str(tmp_path / first.stem), "--site", "Shared", "--no-ask")
    ringfence("publish", "shared")
    ringfence("import", "tftp", str(tmp_path / second.stem), "--site", "Shared", "--no-ask")
    (site,) = ringfence.ask("publish", "shared")["sites"]
    assert [file["change"] for file in site["files"] if first.name[3:15] in file["name"]] == []


def folder_of(path: Path, *kinds: str) -> str:
    path.mkdir()
    for kind in kinds:
        for file in (KINDS / kind).iterdir():
            (path / file.name).write_bytes(file.read_bytes())
    return str(path)


def test_settings_that_reach_imported_phones_are_named(ringfence: CommandLine, site: str, tmp_path: Path) -> None:
    ringfence(
        "set", "site", site, "idle_url=http://192.0.2.8/idle", "web_access=off", "ssh_password=anything",
        "patch:cisco-79xx:vendorConfig/garp=1", "patch:cisco-99xx:vendorConfig/garp=1", "vpn_mtu=1300",
    )  # fmt: skip
    ringfence("set", "organisation", "idle_url=http://192.0.2.9/idle", "information_url=http://192.0.2.9/info")
    words = ("import", "tftp", folder_of(tmp_path / "old", "plain"), "--site", site, "--dry-run")
    template = tmp_path / "house.j2"
    template.write_text("for {{ phone.mac }}")
    ringfence("template", "put", "cisco-79xx", "{mac}-house.txt", str(template))
    try:
        told = ringfence.ask(*words)
        said = ringfence(*words)
    finally:
        ringfence("set", "organisation", "--unset", "idle_url", "--unset", "information_url")
        ringfence("template", "remove", "cisco-79xx", "{mac}-house.txt", "--yes")
    path = "SEP0A1B2C000001.cnf.xml"
    assert {(each["name"], each["value"], each["scope"]) for each in told["inherited"]} == {
        ("idle_url", "http://192.0.2.8/idle", "site"),
        ("information_url", "http://192.0.2.9/info", "organisation"),
        ("patch:cisco-79xx:vendorConfig/garp", "1", "site"),
        ("ssh_password", None, "site"),
        ("template:cisco-79xx:{mac}-house.txt", None, "organisation"),
    }
    assert all(each["paths"] == [path] for each in told["inherited"])
    assert (
        f"  1 phone takes idle_url=http://192.0.2.8/idle from the site, which their files don't set: {path}.\n" in said
    )


def test_the_file_for_phones_without_one_is_the_sites_if_that_changes_no_phone(
    ringfence: CommandLine, phone: PhoneThere, site: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "old", "default-file")
    words = ("import", "tftp", folder, "--site", f"Defaults {site}", "--dry-run")
    told = ringfence.ask(*words)
    assert told["site_files"][0]["settings"] == ["firmware_load", "sip_port", "sip_server"]
    assert "XMLDefault.cnf.xml (line 22): loadInformation115 (Cisco 7941) is 'SCCP41.8-3-1S'" in ringfence(*words)
    there = ringfence.ask("import", "tftp", folder, "--site", phone.site, "--dry-run")
    assert there["site_files"][0]["settings"] == []
    assert "sip_server is not the site's: the site has other phones, which it would reach" in {
        remark["text"] for remark in there["site_files"][0]["remarks"]
    }


def test_settings_of_its_group_that_reach_a_phone_imported_again_are_named(
    ringfence: CommandLine, site: str, tmp_path: Path
) -> None:
    words = ("import", "tftp", folder_of(tmp_path / "old", "plain", "comments"), "--site", site, "--no-ask")
    mac = ringfence.ask(*words)["entries"][0]["mac"]
    group = f"lobby-{site}"
    ringfence("group", "add", group)
    ringfence("phone", "change", mac, "--group", group)
    ringfence("set", "site", site, "idle_url=http://192.0.2.8/idle")
    ringfence("set", "group", group, "idle_url=http://192.0.2.7/idle", "information_url=http://192.0.2.7/info")
    try:
        told = ringfence.ask(*words, "--dry-run")["inherited"]
    finally:
        for row in ringfence.ask("phone", "list", "--site", site):
            ringfence("phone", "remove", row["mac"], "--yes")
    paths = [row["paths"] for row in told]
    assert {(row["name"], row["value"], row["scope"]) for row in told} == {
        ("idle_url", "http://192.0.2.8/idle", "site"),
        ("idle_url", "http://192.0.2.7/idle", f"group {group}"),
        ("information_url", "http://192.0.2.7/info", f"group {group}"),
    }
    assert all(len(each) == 1 for each in paths), paths


def meaning(data: bytes) -> list[object]:
    root = etree.fromstring(data, etree.XMLParser(remove_comments=True))
    return [(node.tag, dict(node.attrib), (node.text or "").strip()) for node in root.iter(etree.Element)]


KEPT = {
    "dial-plan-beyond-the-table": ("dialplan.xml", "sipProfile/dialTemplate"),
    "dial-plan-in-small-letters": ("dialplan.xml", "sipProfile/dialTemplate"),
    "soft-keys-beyond-the-table": ("softkeys.xml", "sipProfile/softKeyFile"),
    "feature-policy-beyond-the-table": ("policy.xml", "featurePolicyFile"),
    "text-file-dial-plan-beyond-the-table": ("house.xml", ""),
}


@pytest.mark.parametrize("kind", KEPT)
def test_a_file_that_no_table_can_say_is_published_as_it_is(
    ringfence: CommandLine, hub: RunningHub, site: str, kind: str
) -> None:
    name, path = KEPT[kind]
    told = ringfence.ask("import", "tftp", str(KINDS / kind), "--site", site)
    (asset,) = told["assets"]
    ringfence("publish", site)
    files = {
        file["name"]: hub.hub.blobs.get(file["digest"]) for file in ringfence.ask("release", "show", site)["files"]
    }
    (entry,) = told["entries"]
    try:
        assert meaning(files[asset["name"]]) == meaning((KINDS / kind / name).read_bytes())
        own = next(data for file, data in files.items() if file.upper() == entry["path"].upper())
        if path:
            assert etree.fromstring(own).findtext(path) == asset["name"]
        else:
            assert f'dial_template: "{asset["name"].removesuffix(".xml")}"'.encode() in own
        others = ringfence.ask("release", "show", other_site(ringfence, site))["files"]
        assert asset["name"] not in {file["name"] for file in others}
    finally:
        ringfence("phone", "remove", entry["mac"], "--yes")


def other_site(ringfence: CommandLine, site: str) -> str:
    """Publish another site with a phone of the same model, which names no such file; return it."""
    other = f"beside-{site}"
    ringfence("import", "tftp", str(KINDS / "plain"), "--site", other)
    ringfence("publish", other)
    ringfence("phone", "remove", "0A:1B:2C:00:00:01", "--yes")
    return other


def test_a_file_that_the_hub_does_not_take_stops_no_phone(
    ringfence: CommandLine, phone: PhoneThere, site: str, tmp_path: Path
) -> None:
    secret = ringfence.ask("line", "password", phone.mac, "1")["password"]
    folder = Path(folder_of(tmp_path / "old", "dial-plan-beyond-the-table"))
    plan = (folder / "dialplan.xml").read_text()
    (folder / "dialplan.xml").write_text(plan.replace('"2.."', f'"{secret}"'))
    told = ringfence.ask("import", "tftp", str(folder), "--site", site)
    assert told["assets"] == []
    assert any("the hub does not take it" in why for why in told["passed_over"].values())
    ringfence("phone", "remove", "0A:1B:2C:00:00:17", "--yes")


def test_rings_and_wallpapers_come_with_the_phones_that_name_them(ringfence: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "tftp"
    screen = folder / "Desktops" / "640x480x24"
    screen.mkdir(parents=True)
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), "navy").save(picture, "PNG")
    (screen / "Lobby.png").write_bytes(picture.getvalue())
    (screen / "Lobby-tn.png").write_bytes(picture.getvalue())
    (screen / "Broken.png").write_bytes(picture.getvalue()[:100])
    (folder / "Chime.raw").write_bytes(bytes([0x80, 0xFF] * 1200))
    source = (KINDS / "wallpaper" / "SEP0A1B2C000019.cnf.xml").read_text()
    (folder / "SEP0A1B2C0000AA.cnf.xml").write_text(source)
    told = ringfence.ask("import", "tftp", str(folder), "--site", "Pictures", "--no-ask")
    assert {(each["kind"], each["name"]) for each in told["assets"]} == {
        ("ring tone", "Chime"),
        ("wallpaper", "Lobby"),
    }
    assert list(told["passed_over"]) == ["Desktops/640x480x24/Broken.png"]
    (site,) = ringfence.ask("publish", "pictures")["sites"]
    names = {file["name"] for file in site["files"]}
    assert {"SEP0A1B2C0000AA.cnf.xml", "Chime.raw"} <= names
    assert any(name.startswith("Desktops/640x480x24/") and "Lobby" in name for name in names)


def test_links_that_stay_inside_are_followed_and_what_leads_out_is_said(ringfence: CommandLine, tmp_path: Path) -> None:
    folder, outside = tmp_path / "tftp", tmp_path / "secret"
    (folder / "real").mkdir(parents=True)
    outside.mkdir()
    source = (KINDS / "plain" / "SEP0A1B2C000001.cnf.xml").read_bytes()
    for name in ("SEP0A1B2C0000B1.cnf.xml", "SEP0A1B2C0000B2.cnf.xml"):
        (folder / "real" / name).write_bytes(source)
    (outside / "SEP0A1B2C0000B3.cnf.xml").write_bytes(source)
    (folder / "SEP0A1B2C0000B1.cnf.xml").symlink_to("real/SEP0A1B2C0000B1.cnf.xml")
    (folder / "again").symlink_to("real")
    (folder / "round").symlink_to(folder)
    (folder / "SEP0A1B2C0000B3.cnf.xml").symlink_to(outside / "SEP0A1B2C0000B3.cnf.xml")
    (folder / "out").symlink_to(outside)
    (folder / "SEP0A1B2C0000B4.cnf.xml").symlink_to("nowhere")
    deep = folder / "1/2/3/4/5/6/7/8/9"
    deep.mkdir(parents=True)
    told = ringfence.ask("import", "tftp", str(folder), "--site", "Links", "--no-ask", "--dry-run")
    assert [(row["path"], row["outcome"]) for row in told["entries"]] == [
        ("SEP0A1B2C0000B1.cnf.xml", "imported with remarks"),
        ("real/SEP0A1B2C0000B1.cnf.xml", "left out"),  # the same phone's
        ("real/SEP0A1B2C0000B2.cnf.xml", "imported with remarks"),
    ]
    assert told["passed_over"] == {
        "SEP0A1B2C0000B3.cnf.xml": "it is a link that leads out of the folder",
        "SEP0A1B2C0000B4.cnf.xml": "it is a link to nothing",
        "1/2/3/4/5/6/7/8/9": "it is more than 8 folders deep",
        "out": "it is a link that leads out of the folder",
    }
