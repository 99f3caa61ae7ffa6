"""Many phones at once, by API and command line: a table, a TFTP folder; all or none, every error by row and column."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ringfence.cli.main import make_app
from ringfence.cli.support.errors import BadArgument
from ringfence.csv_table import BadTable
from ringfence.hub.store.models import LineRow
from support.running_hub import RunningHub

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"

Run = Callable[..., Result]


@pytest.fixture
def run(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line, logged in at the hub; a fault is the result's exception."""
    monkeypatch.setenv("RINGFENCE_HUB", running.people_url)
    monkeypatch.setenv("RINGFENCE_TOKEN", running.token.reveal())
    monkeypatch.setenv("RINGFENCE_CA", str(running.folder.authority_certificate))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(make_app(arguments[0]), list(arguments))

    return call


def table(folder: Path, text: str) -> str:
    path = folder / "phones.csv"
    path.write_text(text)
    return str(path)


def test_a_table_makes_sites_phones_and_lines(running: RunningHub, run: Run, tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "mac;site;model;description;group;line;label;name;display_name;auth_name;password\n"
        "001B54E10001;Table one;7942;Reception;Front;1;Reception;401;Reception;;Secr3tOne\n"
        "00:1b:54:e1:00:01;;;;;2;Door;402;;;\n"
        "\n"
        "001B54E10002;Table one;9971;Anna;;1;Anna;403;;;\n",
    )
    dry = run("import", "csv", path, "--dry-run", "--make-sites")
    assert "1 site would be created: table-one." in dry.output
    assert "1 group would be created: front." in dry.output
    assert "New: 00:1B:54:E1:00:01, 00:1B:54:E1:00:02." in dry.output
    assert "Dry run: 2 phones would be added, 0 changed, 0 unchanged." in dry.output
    assert running.ask("GET", "/phones/001B54E10001").status == 404
    assert run("import", "csv", path, "--make-sites").exception is None
    first = running.do("GET", "/phones/001B54E10001")
    assert (first["site"], first["model"], first["group"]) == ("table-one", "7942", "front")
    assert [line["name"] for line in first["lines"]] == ["401", "402"]
    shown = running.do("POST", "/phones/001B54E10001/lines/1/password/reveal")
    assert shown["password"] == "Secr3tOne"
    again = run("import", "csv", path)
    assert "0 phones added, 0 changed, 2 unchanged" in again.output
    entries = len(running.do("GET", "/audit?limit=5000")["items"])
    changed = table(tmp_path, "mac,label\n001B54E10001,Hall\n001B54E10002,Anna\n")
    assert "0 phones added, 1 changed, 1 unchanged" in run("import", "csv", changed).output
    told = running.do("GET", "/audit?limit=5000")["items"]
    assert [entry["action"] for entry in told[: len(told) - entries]] == ["bulk.import", "line.change"]


def test_typing_errors_in_sites_and_groups_are_errors_with_the_nearest_name(
    running: RunningHub, run: Run, tmp_path: Path
) -> None:
    running.site("Harbour office")
    running.do("POST", "/groups", {"name": "Reception desk"})
    path = table(
        tmp_path,
        "mac,site,model,group,line,name,label\n"
        f"001B54E10041,Habour office,7942,Reception dsk,1,601,{'x' * 31}\n"
        "001B54E10042,Harbour office,7942,reception-desk,1,602,Good\n",
    )
    done = run("import", "csv", path, "--dry-run")
    assert "row 2, column site: there is no site 'Habour office'. Similar: harbour-office" in done.output
    assert "If it is new: --make-sites." in done.output
    assert "row 2, column group: there is no group 'Reception dsk'. Similar: reception-desk." in done.output
    assert "row 2, column label: the label of line 1 has 31 characters" in done.output, "all errors at once"
    assert "row 3" not in done.output


def test_every_fault_of_a_file_is_told_at_once(running: RunningHub, run: Run, tmp_path: Path) -> None:
    running.site("Faults")
    path = table(
        tmp_path,
        "mac,site,model,line,name\n"
        "001B54E10051,Faults,7942,1,701,too,many\n"
        "001B54E10052,Faults,7942,first,702\n"
        "001B54E10053,Faults,7942,1,703\n"
        "001B54E10053,Faults,9971,2,704\n"
        "001B54E10054,Faults,7942,1,anna@example.org\n"
        "001B54E10055,,7942,1,705\n",
    )
    done = run("import", "csv", path)
    for said in (
        "row 2: it has 7 cells, but there are 5 columns",
        "row 3, column line: 'first' is not a line number",
        "row 5, column model: '9971', but row 4 has '7942' for this phone",
        "row 6, column name: the name of line 1, 'anna@example.org', is not a valid user at every PBX",
        "row 7, column site: a new phone needs a site",
    ):
        assert said in done.output, done.output
    assert "nothing was imported, as 5 entries can't be used" in str(done.exception)
    assert running.ask("GET", "/phones/001B54E10053").status == 404


def test_a_sip_user_that_is_on_two_phones_is_told(running: RunningHub, run: Run, tmp_path: Path) -> None:
    running.phone(running.site("Shared"), "00:1B:54:E1:00:61")
    running.do("PUT", "/phones/001B54E10061/lines/1", {"name": "8801"})
    path = table(tmp_path, "mac,site,model,name\n001B54E10062,shared,9971,8801\n")
    told = "The SIP user 8801 is on 2 phones: 00:1B:54:E1:00:61, 00:1B:54:E1:00:62."
    assert told in run("import", "csv", path, "--dry-run").output
    assert told in run("import", "csv", path).output
    put = running.do("PUT", "/phones/001B54E10062/lines/1", {"label": "Two"})
    assert put["also_on"] == ["00:1B:54:E1:00:61"]


def test_one_account_that_a_pbx_can_not_have_harms_no_other(running: RunningHub) -> None:
    site = running.site("Accounts")
    for number in (1, 2, 3):
        mac = f"00:1B:54:E1:00:7{number}"
        running.phone(site, mac)
        running.do("PUT", f"/phones/{mac}/lines/1", {"name": f"890{number}"})
    refused = running.ask("PUT", "/phones/001B54E10071/lines/1", {"name": "anna b"})
    assert (refused.status, refused.json["kind"]) == (422, "bad-name")
    with running.hub.database.writing() as session:  # one from before names were checked
        session.get_one(LineRow, ("001B54E10071", 1)).name = "anna b"
        session.get_one(LineRow, ("001B54E10072", 1)).sealed_password = b"broken"
    made = running.do("POST", "/sip/export", {"pbx": "asterisk", "site": site})
    assert len(made["left_out"]) == 2
    assert any("'anna b' is not a valid user" in why for why in made["left_out"])
    assert "[8903]" in made["files"]["pjsip_ringfence.conf"]


def test_every_error_is_named_and_nothing_is_kept(running: RunningHub, run: Run, tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "mac,site,model,line,label,name\n"
        "001B54E10011,Table two,7942,1,Good,501\n"
        "nonsense,Table two,7942,1,x,502\n"
        "001B54E10012,Table two,7999,1,x,503\n"
        "001B54E10013,Table two,7942,9,x,504\n"
        f"001B54E10014,Table two,7942,1,{'x' * 31},505\n",
    )
    done = run("import", "csv", path, "--make-sites")
    assert isinstance(done.exception, BadArgument)
    assert "nothing was imported, as 4 entries can't be used" in str(done.exception)
    for place in ("row 3, column mac", "row 4, column model", "row 5, column", "row 6, column label"):
        assert place in done.output, done.output
    assert running.ask("GET", "/phones/001B54E10011").status == 404
    assert running.ask("GET", "/sites/table-two").status == 404


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the first row must name the columns"),
        ("site,model\n", "the first row must name the columns"),
        ("mac,colour\n", "the column 'colour' is unknown"),
        ("mac,sit,modell\n", "the columns 'sit' ('site'?), 'modell' ('model'?) are unknown"),
        ("mac,mac\n", "once each"),
        ('mac,label\n001B54E10021,"Anna\n', "unexpected end of data"),
    ],
)
def test_a_table_that_can_not_be_read_says_where(run: Run, tmp_path: Path, text: str, says: str) -> None:
    done = run("import", "csv", table(tmp_path, text))
    assert isinstance(done.exception, BadTable)
    assert says in str(done.exception)


def test_a_table_that_is_no_text_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"mac,site\n\xff\xfe,\n")
    assert "not UTF-8" in str(run("import", "csv", str(tmp_path / "x.csv")).exception)
    assert "can't be read" in str(run("import", "csv", str(tmp_path / "none.csv")).exception)


def test_what_is_exported_is_imported_again(running: RunningHub, run: Run, tmp_path: Path) -> None:
    running.phone(running.site("Export"), "00:1B:54:E1:00:31", label='Anna, "A"')
    printed = run("export", "csv", "--site", "export").output
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [(row["mac"], row["label"], row["password"]) for row in rows] == [("00:1B:54:E1:00:31", 'Anna, "A"', "")]
    target = tmp_path / "out.csv"
    assert run("export", "csv", str(target), "--site", "export").exception is None
    assert "this file exists" in str(run("export", "csv", str(target)).exception)
    assert "0 phones added, 0 changed, 1 unchanged" in run("import", "csv", str(target)).output


@pytest.mark.slow
def test_a_tftp_folder_is_taken_over(running: RunningHub, run: Run, tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    dry = run("import", "tftp", str(tmp_path), "--site", "Old office", "--dry-run")
    assert "Read with the phones: dialplan-gate.xml, dialplan.xml." in dry.output
    assert "dialplan-gate.xml is kept as it is, as dialplan-gate-" in dry.output
    assert "Phones keep their firmware until it is imported (ringfence firmware import): SIP" in dry.output
    assert dry.exception is None, dry.output
    assert "40 phones would be added" in dry.output
    assert "SEP001B54E0FF01.cnf.xml: it is for a phone that speaks SCCP" in dry.output
    assert "No phone's configuration: " in dry.output
    assert "OS79XX.TXT" in dry.output
    assert running.ask("GET", "/sites/old-office").status == 404
    done = json.loads(run("import", "tftp", str(tmp_path), "--site", "Old office", "--json").output)
    assert (done["kept"], done["added"], done["sites_made"]) == (True, 40, ["old-office"])
    assert sum(row["outcome"] == "left out" for row in done["entries"]) == 2
    phones = running.do("GET", "/phones?site=old-office")["items"]
    assert len(phones) == 40
    said = {row["name"]: row for row in running.do("GET", "/settings/sites/old-office")["items"]}
    assert said["sip_server"]["value"] == "pbx.example.org"
    one = phones[0]["mac"]
    old = (FOLDER / f"SEP{one.replace(':', '')}.cnf.xml").read_text()
    shown = running.do("POST", f"/phones/{one}/lines/1/password/reveal")["password"]
    found = re.search("<authPassword>(.*)</authPassword>", old)
    assert found is not None
    assert shown == found[1]
    published = running.publish(sites=["old-office"])
    assert published["sites"][0]["release"] == 1
    assert len(published["asked_for"]) == 40, "phones keep their firmware until it is imported"
    names = {file["name"] for file in published["sites"][0]["files"]}
    assert f"SEP{one.replace(':', '')}.cnf.xml" in names
    assert any(name.startswith("dialplan-") for name in names)


def test_a_folder_without_phones_is_refused(run: Run, tmp_path: Path) -> None:
    assert "it holds no phone's configuration" in str(run("import", "tftp", str(tmp_path)).exception)
    assert "no such folder" in str(run("import", "tftp", str(tmp_path / "none")).exception)
    (tmp_path / "SEP001B54E0FF02.cnf.xml").write_text("<device>")
    assert "none of its phones' files can be imported" in str(run("import", "tftp", str(tmp_path)).exception)


def test_what_comes_at_once_has_an_end(running: RunningHub) -> None:
    phone = {"mac": "001B54E1F001", "lines": [{"index": 1, "name": "1"}] * 60_001}
    answer = running.ask("POST", "/phones/bulk", {"phones": [phone], "dry_run": True})
    assert (answer.status, "more than 60,000 lines" in answer.problem.what) == (422, True), answer.data
