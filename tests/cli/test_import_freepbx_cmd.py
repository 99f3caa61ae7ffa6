"""``ringfence import freepbx``: a list of devices, and exports of extensions."""

from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.running_hub import RunningHub

EXTENSIONS = (
    "extension,password,name,voicemail,id,tech,dial,secret,sipdriver,transport\n"
    '401,,"Anna Berg",novm,401,pjsip,PJSIP/401,s3cr3t-401,chan_pjsip,0.0.0.0-udp\n'
    "402,,Stock,novm,402,sip,SIP/402,s3cr3t-402,chan_sip,\n"
    "403,,Gate,novm,403,iax2,IAX2/403,s3cr3t-403,,\n"
)


def told(hub: RunningHub, mac: str) -> list[tuple[int, str, str, str]]:
    lines = hub.do("GET", f"/phones/{mac}/lines")["items"]
    return [
        (
            line["index"], line["name"], line["display_name"],
            hub.do("POST", f"/phones/{mac}/lines/{line['index']}/password/reveal")["password"],
        )
        for line in lines
    ]  # fmt: skip


@pytest.mark.parametrize("has_heading", [True, False], ids=["by the Bulk Handler", "by the Endpoint Manager"])
def test_phones_get_the_lines_of_their_extensions(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str, tmp_path: Path, has_heading: bool
) -> None:
    bare = new_mac.replace(":", "").lower()
    rows = [
        (bare, "Cisco/Linksys", "7960", "401", "1"),
        (bare, "Cisco/Linksys", "7960", "402", "2"),
        (bare, "Cisco/Linksys", "7960", "403", "3"),
        (bare, "Cisco/Linksys", "7960", "499", "4"),
        ("001b54ff0f01", "Aastra", "6757i", "401", "1"),
        ("nonsense", "Cisco/Linksys", "7960", "405", "1"),
    ]
    if has_heading:
        text = "id,mac,ipei,brand,model,extension,line\n"
        text += "".join(f"{at},{mac},,{','.join(rest)}\n" for at, (mac, *rest) in enumerate(rows))
    else:
        text = "".join(f"{','.join(row)}\n" for row in rows)
    (tmp_path / "devices_list.csv").write_text(text)
    (tmp_path / "extensions.csv").write_text(EXTENSIONS)
    files = [str(tmp_path / name) for name in ("devices_list.csv", "extensions.csv")]
    done = ringfence.ask("import", "freepbx", *files, "--site", site, "--server", "192.0.2.10")
    assert done["added"] == 1
    first = 2 if has_heading else 1
    assert [each["row"] for each in sorted(done["left_out"], key=lambda each: int(each["row"]))] == [
        first + 4,
        first + 5,
    ]
    assert sorted(each["what"] for each in done["remarks"]) == [
        "extension 403 speaks iax2, not SIP, so its line is lost",
        "extension 499 is in no export, so its line gets a new password",
    ]
    found = told(hub, new_mac)
    assert found[:2] == [(1, "401", "Anna Berg", "s3cr3t-401"), (2, "402", "Stock", "s3cr3t-402")]
    assert found[2][:3] == (4, "499", "499")
    assert found[2][3]
    assert hub.do("GET", f"/settings/phones/{new_mac}/sip_server")["value"] == "192.0.2.10"
    ringfence("publish", site)


def test_a_list_alone_makes_phones_whose_lines_get_new_passwords(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str, tmp_path: Path
) -> None:
    path = tmp_path / "devices_list.csv"
    path.write_text(f"{new_mac},Yealink,T46S,410\n")
    assert ringfence.ask("import", "freepbx", str(path), "--site", site)["added"] == 1
    ((index, name, shown, password),) = told(hub, new_mac)
    assert (index, name, shown) == (1, "410", "410")
    assert password


def test_what_is_no_export_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("color\nred\n")
    assert "neither a list of devices nor an export" in ringfence.refused(3, "import", "freepbx", str(path))
    path.write_text(EXTENSIONS)
    assert "no file is a list of devices" in ringfence.refused(3, "import", "freepbx", str(path))
    ringfence.refused(3, "import", "freepbx", str(tmp_path / "nothing.csv"))
