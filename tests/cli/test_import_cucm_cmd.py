"""``ringfence import cucm``: BAT's exports, alone and in their archive."""

import io
import tarfile
from pathlib import Path

from support.command_line import CommandLine
from support.running_hub import RunningHub

HEADING = (
    "Device Name,Description,Device Pool,Device Type,Device Protocol,"
    "Directory Number 1,Line Text Label 1,Display 1,DIRECTORY NUMBER  2,Line Text Label 2,Display 2\n"
)


def bare(mac: str) -> str:
    return mac.replace(":", "").upper()


def test_phones_and_lines_come_in_and_the_rest_is_named(
    ringfence: CommandLine, hub: RunningHub, new_mac: str, tmp_path: Path
) -> None:
    path = tmp_path / "phone.csv"
    path.write_text(
        HEADING
        + f'SEP{bare(new_mac)},"Berg, Anna",Office,Cisco 7962,SCCP,\\+4930401,Anna,Anna Berg,402,Stock,Stock\n'
        + "CSFANNA,Softphone,Office,Cisco Unified Client Services Framework,SIP,401,,,,,\n"
        + "SEP001B54FF0D01,Hall,Office,Cisco 9999,SIP,403,,,,,\n"
    )
    tried = ringfence.ask("import", "cucm", str(path), "--site", "Cucm one", "--dry-run")
    assert tried["added"] == 1
    assert hub.ask("GET", f"/phones/{new_mac}").status == 404
    done = ringfence.ask("import", "cucm", str(path), "--site", "Cucm one")
    assert (done["added"], done["kept"]) == (1, True)
    assert {(each["row"], each["name"]) for each in done["left_out"]} == {(3, "CSFANNA"), (4, "00:1B:54:FF:0D:01")}
    assert "no phone model called 'Cisco 9999'" in str(done["left_out"])
    assert [each["what"] for each in done["remarks"]] == ["it spoke SCCP; it needs firmware that speaks SIP"]
    phone = hub.do("GET", f"/phones/{new_mac}")
    assert (phone["model"], phone["site"], phone["description"]) == ("7962", "cucm-one", "Berg, Anna")
    lines = hub.do("GET", f"/phones/{new_mac}/lines")["items"]
    assert [(line["index"], line["name"], line["label"], line["display_name"]) for line in lines] == [
        (1, "+4930401", "Anna", "Anna Berg"),
        (2, "402", "Stock", "Stock"),
    ]
    said = ringfence("import", "cucm", str(path), "--site", "Cucm one")
    assert "Left out: CSFANNA (entry 3): it has no MAC address" in said
    assert "unchanged" in said


def test_the_table_is_found_in_its_archive(
    ringfence: CommandLine, hub: RunningHub, new_mac: str, tmp_path: Path
) -> None:
    path = tmp_path / "export.tar"
    table = (
        f"MAC ADDRESS,DESCRIPTION,DIRECTORY NUMBER 1,DISPLAY 1,LINE TEXT LABEL 1\n{bare(new_mac)},Desk,411,Ben,Ben\n"
    )
    with tarfile.open(path, "w") as archive:
        for name, text in (("../header.txt", "version,12.5\n"), ("phone.csv", "\ufeff" + table), ("x.jpg", "x")):
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    done = ringfence.ask("import", "cucm", str(path), "--model", "7975")
    assert done["added"] == 1
    assert hub.do("GET", f"/phones/{new_mac}")["model"] == "7975"
    assert not (tmp_path.parent / "header.txt").exists()


def test_what_is_no_export_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("name,colour\na,b\n")
    assert "Device Name" in ringfence.run("import", "cucm", str(path)).err
    path.write_text("Device Name,Description\nCSFANNA,x\n")
    ended = ringfence.run("import", "cucm", str(path))
    assert (ended.status, "none of its 1 entry can be imported" in ended.err) == (3, True)
    path.write_text("Device Name\n")
    ringfence.refused(3, "import", "cucm", str(path))
    ringfence.refused(3, "import", "cucm", str(tmp_path / "nothing.tar"))
    path.write_bytes(b"\xff\xfe\x00")
    ringfence.refused(3, "import", "cucm", str(path))
