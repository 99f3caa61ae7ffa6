"""What people order: a nod, a block, windows, bans, an edge that moved; each reaches the edges and is audited."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringfence.cli.main import make_app
from ringfence.guard.rules import read_rules
from ringfence.hub.fleet import edges
from ringfence.hub.fleet.guard import edge_networks, rules_for_edges
from ringfence.wire.messages import GuardNetwork
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:B2:{:02X}"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


def newest_action(running: RunningHub) -> tuple[str, str]:
    (newest,) = running.do("GET", "/audit?limit=1")["items"]
    return newest["action"], newest["object"]


def stands_at(running: RunningHub, edge: ReportingEdge, host: str) -> str:
    """Let an edge connect from an address, and return why it holds files back then."""
    edge_id = edge.hand.response.edge_id
    with running.hub.change(edge_id) as change:
        edge_networks.note(change, edges.get(change.session, edge_id), host)
    with running.hub.database.reading() as session:
        return rules_for_edges.compile_rules(session, edges.get(session, edge_id), running.clock()).held


def test_a_known_phone_is_let_in_by_a_nod(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Nod")
    running.phone(site, MAC.format(1))
    running.do("PATCH", f"/sites/{site}/guard", {"first_contact": "hold"})
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.asks("file-held-back", bare(1), "new-phone")
    assert edge.rules().never_admitted == (bare(1),)
    running.do("POST", f"/phones/{bare(1)}/accept", {})
    assert newest_action(running) == ("guard.accept", MAC.format(1))
    assert edge.rules().never_admitted == ()
    assert alerts(running, site) == []
    assert running.ask("POST", f"/phones/{bare(1)}/accept", {"model": "9971"}).json["kind"] == "bad-selection"


def test_a_new_phone_takes_the_place_of_another_with_all_that_it_had(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Replace")
    group = running.do("POST", "/groups", {"name": "Front desk"})["id"]
    running.phone(site, MAC.format(2), label="Reception desk")
    running.do("PATCH", f"/phones/{bare(2)}", {"description": "Reception", "group": group})
    running.do("PUT", f"/settings/phones/{bare(2)}/ssh_password", {"value": "hunter2hunter2"})
    reveal = "/phones/{}/lines/1/password/reveal"
    password = running.do("POST", reveal.format(bare(2)))["password"]
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.asks("file-refused", bare(3), "unknown-phone")
    phone = running.do("POST", f"/phones/{bare(3)}/accept", {"instead_of": "reception"})
    assert (phone["site"], phone["group"], phone["description"]) == (site, group, "Reception")
    assert [line["label"] for line in phone["lines"]] == ["Reception desk"]
    assert running.do("POST", reveal.format(bare(3)))["password"] == password
    assert running.do("GET", f"/settings/phones/{bare(3)}/ssh_password")["secret"] is True
    assert running.ask("GET", f"/phones/{bare(2)}").json["kind"] == "unknown-phone"
    assert alerts(running, site) == []
    published = running.publish(sites=[site])
    names = {file["name"] for file in published["sites"][0]["files"]}
    assert f"SEP{bare(3)}.cnf.xml" in names
    assert f"SEP{bare(2)}.cnf.xml" not in names


def test_a_nod_that_says_too_little_says_what_is_missing(running: RunningHub) -> None:
    site = running.site("Too little")
    for number in (4, 5):
        running.phone(site, MAC.format(number))
        running.do("PATCH", f"/phones/{bare(number)}", {"description": "Twin"})
    accept = f"/phones/{bare(6)}/accept"
    assert "--as" in running.ask("POST", accept, {}).json["to_do"]
    both = running.ask("POST", accept, {"instead_of": "twin"})
    assert (both.status, MAC.format(4) in both.json["to_do"]) == (422, True)
    assert running.ask("POST", accept, {"instead_of": "nobody"}).json["kind"] == "bad-selection"
    assert running.ask("POST", accept, {"instead_of": MAC.format(99)}).json["kind"] == "unknown-phone"
    assert running.ask("GET", f"/phones/{bare(6)}").status == 404
    made = running.do("POST", accept, {"model": "9971", "site": site, "description": "New"})
    assert (made["model"], made["lines"]) == ("9971", [])


def test_a_blocked_phone_is_shut_out_until_it_is_let_in(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Block")
    running.phone(site, MAC.format(7))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    running.do("PUT", f"/phones/{bare(7)}/window", {})
    running.do("POST", f"/phones/{bare(7)}/block")
    assert (edge.rules().blocked, edge.rules().windows) == ((bare(7),), ())
    assert "unban" in running.ask("PUT", f"/phones/{bare(7)}/window", {}).json["to_do"]
    assert "unban" in running.ask("POST", f"/phones/{bare(7)}/accept", {}).json["to_do"]
    running.do("DELETE", f"/phones/{bare(7)}/block")
    assert newest_action(running) == ("guard.unban", MAC.format(7))
    assert edge.rules().blocked == ()
    assert running.ask("DELETE", f"/phones/{bare(7)}/block").json["kind"] == "nothing-to-end"


def test_a_window_is_bound_used_and_makes_its_address_known(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Window")
    running.phone(site, MAC.format(8))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    window = running.do("PUT", f"/phones/{bare(8)}/window", {"lasts_s": 600})
    (told,) = edge.rules().windows
    assert (told.id, told.mac, told.who, told.used) == (window["id"], bare(8), "administrator", False)
    edge.report("window-bound", name=window["id"], owner=bare(8), peer="203.0.113.5")
    assert edge.rules().windows[0].bound_to == "203.0.113.5"
    assert edge.rules().learned == ()
    edge.report("window-used", name=window["id"], owner=bare(8), peer="203.0.113.5")
    rules = edge.rules()
    assert rules.windows[0].used
    (known,) = rules.learned
    assert known.network == "203.0.113.5/32"
    assert 29 * 86_400 < known.until - running.clock() <= 30 * 86_400
    assert read_rules(rules).why_known("203.0.113.5", running.clock())
    with running.clock.forward(31 * 86_400):
        assert edge.rules().learned == ()


def test_an_ipv6_address_makes_its_household_known_and_no_days_make_none(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Window six")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    for number, days in ((9, 0), (10, 5)):
        running.phone(site, MAC.format(number))
        running.do("PATCH", f"/sites/{site}/guard", {"learned_days": days})
        window = running.do("PUT", f"/phones/{bare(number)}/window", {})
        edge.report("window-used", name=window["id"], owner=bare(number), peer="2001:db8:1:2::77")
    (known,) = edge.rules().learned
    assert isinstance(known, GuardNetwork)
    assert known.network == "2001:db8:1:2::/64"
    assert MAC.format(10) in known.why


def test_another_sites_edge_can_not_use_a_window_up(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Window here"), running.site("Window there")
    running.phone(here, MAC.format(11))
    own, liar = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "liar")
    window = running.do("PUT", f"/phones/{bare(11)}/window", {})
    liar.report("window-used", name=window["id"], owner=bare(11), peer="203.0.113.5")
    assert [(each.used, each.bound_to) for each in own.rules().windows] == [(False, "")]
    assert liar.rules().learned == ()


def test_a_window_ends_by_hand_by_another_and_by_itself(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Window ends")
    running.phone(site, MAC.format(12))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    path = f"/phones/{bare(12)}/window"
    first, second = running.do("PUT", path, {}), running.do("PUT", path, {})
    assert first["id"] != second["id"]
    assert [each.id for each in edge.rules().windows] == [second["id"]]
    running.do("DELETE", path)
    assert edge.rules().windows == ()
    assert running.ask("DELETE", path).json["kind"] == "nothing-to-end"
    running.do("PUT", path, {"lasts_s": 60})
    with running.clock.forward(61):
        assert edge.rules().windows == ()
    for lasts_s in (0, -5, 1e9):
        assert running.ask("PUT", path, {"lasts_s": lasts_s}).json["kind"] == "bad-selection"


def test_an_address_is_banned_at_one_site_or_everywhere(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Bans here"), running.site("Bans there")
    own, other = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "other")
    running.do("POST", "/guard/bans", {"address": "192.0.2.66", "site": here, "why": "asks for others' files"})
    running.do("POST", "/guard/bans", {"address": "2001:DB8::1", "lasts_s": 60, "why": "so"})
    assert {ban.host for ban in own.rules().bans} == {"192.0.2.66", "2001:db8::1"}
    assert [ban.host for ban in other.rules().bans] == ["2001:db8::1"]
    with running.clock.forward(61):
        assert other.rules().bans == ()
    running.do("DELETE", "/guard/bans/192.0.2.66")
    assert [ban.host for ban in own.rules().bans] == ["2001:db8::1"]
    running.do("DELETE", "/guard/bans/2001:db8::1")
    for order in (
        {"address": "example.org", "why": "x"},
        {"address": "192.0.2.1", "why": ""},
        {"address": "192.0.2.1", "why": "x", "lasts_s": 0},
    ):
        assert running.ask("POST", "/guard/bans", order).json["kind"] == "bad-selection"


def test_a_ban_that_a_gateway_made_is_lifted_too(running: RunningHub, tmp_path: Path) -> None:
    edge = ReportingEdge(running, running.site("Own bans"), tmp_path / "edge")
    answer = running.ask("DELETE", "/guard/bans/192.0.2.67")
    assert (answer.status, answer.json["kind"]) == (404, "nothing-to-end")
    at = running.clock()
    edge.report("banned", "Shut 192.0.2.67 out until 12:00 UTC.", peer="192.0.2.67", duration_s=600.0)
    running.do("DELETE", "/guard/bans/192.0.2.67")
    (lifted,) = [ban for ban in edge.rules().lifted if ban.host == "192.0.2.67"]
    assert lifted.until >= at
    assert "192.0.2.67" not in {ban.host for ban in edge.rules().bans}


def test_an_edge_that_moves_is_told_of_by_default_and_serves_on(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Moves")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    assert edge.rules().held == ""
    assert alerts(running, site) == [], "the first network is where it belongs"
    assert stands_at(running, edge, "198.51.100.7") == ""
    ((kind, subject, _count),) = alerts(running, site)
    assert (kind, subject) == ("edge-moved", edge.hand.response.edge_id)
    assert stands_at(running, edge, "127.0.0.1") == ""
    assert stands_at(running, edge, "198.51.100.250") == ""
    assert [count for _kind, _subject, count in alerts(running, site)] == [1], "the same /24 is no news"


def test_a_stolen_edge_gives_no_phones_file_until_a_person_accepts_it(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Stolen")
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})
    edge, spare = ReportingEdge(running, site, tmp_path / "edge"), ReportingEdge(running, site, tmp_path / "spare")
    assert (edge.rules().held, spare.rules().held) == ("", "")
    version = edge.rules().version
    edge_id = edge.hand.response.edge_id
    held = stands_at(running, edge, "2001:db8:77::5")
    assert "2001:db8:77::/56" in held
    assert edge_id in held
    with running.hub.database.reading() as session:
        other = edges.get(session, spare.hand.response.edge_id)
        told = rules_for_edges.compile_rules(session, other, running.clock())
    assert told.held == "", "the spare one stands where it stood"
    assert told.version > version, "so that the edge is told"
    assert stands_at(running, edge, "127.0.0.1") == "", "it is back"
    assert stands_at(running, edge, "2001:db8:77::5"), "and that network is still not accepted"
    assert running.do("POST", f"/edges/{edge_id}/accept")["networks"] == ["2001:db8:77::/56"]
    assert newest_action(running) == ("edge.accept", edge_id)
    assert stands_at(running, edge, "2001:db8:77::5") == ""
    assert alerts(running, site) == []
    with running.clock.forward(91 * 86_400):
        assert stands_at(running, edge, "127.0.0.1"), "after 90 days nobody remembers it"


def test_edge_moves_can_be_ignored(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Ignored")
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "ignore"})
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.rules()
    assert stands_at(running, edge, "198.51.100.7") == ""
    assert alerts(running, site) == []


@pytest.fixture
def command(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> "Command":
    monkeypatch.setenv("RINGFENCE_HUB", running.people_url)
    monkeypatch.setenv("RINGFENCE_TOKEN", running.token.reveal())
    monkeypatch.setenv("RINGFENCE_CA", str(running.folder.authority_certificate))
    monkeypatch.setenv("COLUMNS", "400")
    return Command()


class Command:
    def __call__(self, *arguments: str) -> str:
        done = CliRunner().invoke(make_app("guard"), ["guard", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output


def test_the_commands_tell_the_whole_story(running: RunningHub, tmp_path: Path, command: Command) -> None:
    site = running.site("Commands")
    running.phone(site, MAC.format(20))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    shown = command("policy", site, "--need", "secret=L1,configuration=L4", "--first-contact", "hold")
    assert "which can be forged" in shown
    assert "Nobody reaches L4 today" in shown
    assert "a person's nod" in shown
    edge.asks("file-held-back", bare(20), "new-phone", sentence="Held back.", decision="")
    edge.asks("file-refused", bare(21), "unknown-phone")
    assert MAC.format(21) in command("waiting", "--site", site)
    assert "Held back." in command("log", "--site", site, "--refused")
    assert "let in" in command("accept", MAC.format(20))
    assert "whose address is gone" in command("accept", MAC.format(21), "--as", MAC.format(20))
    assert command("alerts", "--site", site).strip() == "Nothing to look at."
    assert "new-phone" in command("alerts", "--site", site, "--all")
    opened = command("open", MAC.format(21), "--for", "5m")
    assert "It does not protect against" in opened
    assert "closed" in command("close", MAC.format(21))
    assert "everywhere" in command("ban", "192.0.2.99", "--for", "2h", "--why", "noise")
    assert "192.0.2.99" in command("bans")
    assert "let in again" in command("unban", "192.0.2.99")
    assert "shut out" in command("block", MAC.format(21))
    assert "let in again" in command("unban", MAC.format(21))
    assert edge.hand.response.edge_id in command("accept-edge", edge.hand.response.edge_id)
    assert '"kind"' in command("alerts", "--all", "--json")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["policy", "x", "--need", "secret"], "secret=L3"),
        (["ban", "192.0.2.1", "--for", "soon", "--why", "x"], "10m"),
        (["log", "--phone", "nonsense"], "00:11:22:33:44:55"),
    ],
)
def test_an_argument_that_means_nothing_is_told_at_once(command: Command, arguments: list[str], says: str) -> None:
    with pytest.raises(Exception, match=says):
        command(*arguments)
