"""``ringfence import fusionpbx``: the table of devices."""

from pathlib import Path

from support.command_line import CommandLine
from support.running_hub import RunningHub

HEADING = (
    "device_uuid,device_mac_address,device_label,device_vendor,device_template,device_enabled,device_description,"
    "line_number,server_address,display_name,user_id,auth_id,password,sip_port,sip_transport,enabled\n"
)


def test_phones_and_lines_come_in_and_the_rest_is_named(
    ringfence: CommandLine, hub: RunningHub, new_mac: str, tmp_path: Path
) -> None:
    mac = new_mac.replace(":", "").lower()
    path = tmp_path / "device_export.csv"
    path.write_text(
        HEADING
        + f"u1,{mac},Anna,yealink,yealink/t46s,true,Desk,1,192.0.2.10,Anna Berg,401,auth-401,s3cr3t,5060,tcp,true\n"
        + f"u1,{mac},Anna,yealink,yealink/t46s,true,Desk,2,192.0.2.10,Stock,402,,,5060,tcp,true\n"
        + f"u1,{mac},Anna,yealink,yealink/t46s,true,Desk,2,192.0.2.10,Again,403,,,5060,dns srv,true\n"
        + f"u1,{mac},Anna,yealink,yealink/t46s,true,Desk,x,192.0.2.10,Bad,404,,,5060,tcp,true\n"
        + "u2,001b54ff0e01,Off,yealink,yealink/t46s,false,,1,,,405,,,,,true\n"
        + "u3,001b54ff0e02,Other,aastra,aastra/6757i,true,,1,,,406,,,,,true\n"
    )
    done = ringfence.ask("import", "fusionpbx", str(path), "--site", "Fusion one")
    assert done["added"] == 1
    assert {each["row"] for each in done["left_out"]} == {6, 7}
    assert sorted(each["what"] for each in done["remarks"]) == [
        "'x' is not a line's number, so this line is lost",
        "its transport 'dns srv' is not known here, so it is lost",
        "line 2 is there twice; the first is kept",
    ]
    assert hub.do("GET", f"/phones/{new_mac}")["model"] == "T46S"
    lines = hub.do("GET", f"/phones/{new_mac}/lines")["items"]
    assert [(line["index"], line["name"], line["display_name"]) for line in lines] == [
        (1, "401", "Anna Berg"),
        (2, "402", "Stock"),
    ]
    assert lines[0]["auth_name"] == "auth-401"


def test_what_is_no_export_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("device_label\nx\n")
    assert "device_mac_address" in ringfence.run("import", "fusionpbx", str(path)).err
    ringfence.refused(3, "import", "fusionpbx", str(tmp_path / "nothing.csv"))
