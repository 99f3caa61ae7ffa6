"""``ringfence hub``."""

import json
import re
from contextlib import closing
from pathlib import Path

import pytest

from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import passkeys, passwords, people
from ringfence.hub.fleet.relying_party import NewPasskey
from ringfence.identity.certificates import fingerprint, read_certificate
from stack import wait_for
from support.browsing import PlainBrowser
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.signing_in import CHEAP

EVERY = "0.0.0.0"  # noqa: S104 - what is meant
ALL = "all addresses of this machine"


@pytest.mark.slow
def test_a_hub_is_made_run_and_logged_in_to(stranger: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    ports = ["--people-port", "0", "--device-port", "0"]
    said = stranger("hub", "init", str(folder), "--address", "127.0.0.1", "--name", "Test", *ports)
    token = next(word for word in said.split() if word.startswith("rft_"))
    with stranger.started("hub", "run", str(folder)):
        wait_for("the hub", (folder / "run.json").exists, 60)
        url = json.loads((folder / "run.json").read_text())["people"]
        (login,) = re.findall(r"Log in: +ringfence (.*)", said)
        stranger(*login.replace("https://127.0.0.1:PORT", url).split(), stdin=token + "\n")
        assert stranger.ask("site", "list") == []
    stranger.refused(7, "site", "list")


def test_a_hub_is_made_once(stranger: CommandLine, hub: RunningHub, tmp_path: Path) -> None:
    stranger.refused(5, "hub", "init", str(hub.folder.path), "--address", "127.0.0.1")
    stranger.refused(3, "hub", "init", str(tmp_path / "new"), "--address", "not an address")
    assert stranger.run("hub", "init", str(tmp_path / "new")).status == 2


@pytest.mark.parametrize(
    ("options", "edges", "people", "login"),
    [
        (("--address", "hub.example.org"), ALL, "127.0.0.1", "127.0.0.1"),
        (("--address", "192.0.2.7"), ALL, "127.0.0.1", "127.0.0.1"),  # no address of this machine
        (("--address", "127.0.0.2"), "127.0.0.2", "127.0.0.2", "127.0.0.2"),
        (("--address", "hub.example.org", "--people-listen", EVERY), ALL, ALL, "hub.example.org"),
        (("--address", "hub.example.org", "--people-listen", "192.0.2.7"), ALL, "192.0.2.7", "hub.example.org"),
        (("--address", "hub.example.org", "--listen", "::"), ALL, ALL, "hub.example.org"),
        (("--address", "hub.example.org", "--listen", "192.0.2.7"), "192.0.2.7", "192.0.2.7", "hub.example.org"),
        (("--address", "localhost"), "127.0.0.1", "127.0.0.1", "127.0.0.1"),
        (("--address", "::1"), "::1", "::1", "[::1]"),
    ],
)
def test_a_new_hub_says_where_it_listens_and_how_to_log_in(
    stranger: CommandLine, tmp_path: Path, options: tuple[str, ...], edges: str, people: str, login: str
) -> None:
    folder = tmp_path / "hub"
    said = stranger("hub", "init", str(folder), *options)
    assert f"It listens for edges on {edges}, for people on {people}.\n" in said
    assert f"set `listen` and `people_listen` in {folder / 'hub.toml'}" in said
    pin = fingerprint(read_certificate((folder / "authority.pem").read_text()))
    assert f"ringfence login https://{login}:8443 --fingerprint {pin}\n" in said
    assert DataFolder(folder).config().people_address in ({EVERY, "::"} if people == ALL else {people})


def test_what_is_no_hub_does_not_run(stranger: CommandLine, tmp_path: Path) -> None:
    stranger.refused(4, "hub", "run", str(tmp_path))


def test_a_hub_that_was_never_restored_is_in_doubt_of_nothing(ringfence: CommandLine) -> None:
    assert "in doubt of nothing" in ringfence("hub", "doubts")
    assert ringfence.ask("hub", "doubts") == []


def test_whoever_owns_the_folder_makes_a_token(stranger: CommandLine, hub: RunningHub) -> None:
    said = stranger("hub", "token", str(hub.folder.path), "--name", "the night shift")
    token = next(word for word in said.split() if word.startswith("rft_"))
    assert hub.ask("GET", "/sites", token=token).status == 200
    (newest,) = hub.do("GET", "/audit?limit=1")["items"]
    assert (newest["action"], newest["who"]) == ("api-token.create", "hub token")
    assert stranger.ask("hub", "token", str(hub.folder.path))["token"].startswith("rft_")


def test_a_token_of_another_organisation_is_for_that_one_alone(stranger: CommandLine, hub: RunningHub) -> None:
    hub.do("POST", "/organisations", {"id": "night", "name": "Night"})
    folder = str(hub.folder.path)
    token = stranger.ask("hub", "token", folder, "--organisation", "night")["token"]
    assert hub.ask("GET", "/whoami", token=token).json["organisation"] == "night"
    assert hub.ask("POST", "/sites", {"name": "Shift"}, token=token).json["id"] == "night.shift"
    (newest,) = hub.ask("GET", "/audit?limit=1&action=api-token.create", token=token).json["items"]
    assert newest["who"] == "hub token"
    stranger.refused(4, "hub", "token", folder, "--organisation", "nobody")


def test_a_hub_moves_and_whoever_would_not_find_it_is_named(stranger: CommandLine, tmp_path: Path) -> None:
    folder = str(tmp_path / "hub")
    stranger("hub", "init", folder, "--address", "127.0.0.1", "--device-port", "0")
    assert "--device-url" in stranger.refused(3, "hub", "move", folder, "--to", "hub.example.net")
    file = tmp_path / "hub" / "hub.toml"
    note = "# The port that our firewall lets in\n"
    file.write_text(note + file.read_text())
    told = stranger.ask(
        "hub", "move", folder, "--to", "hub.example.net", "--device-url", "https://hub.example.net:9444"
    )
    assert told == {
        "urls": ["https://hub.example.net:9444"], "changes_authority": False, "followers": 0, "stragglers": [],
        "concentrators": 0, "lost_passkeys": 0,
    }  # fmt: skip
    stranger("hub", "move", folder, "--also", "https://inside.example.net:8444")
    stranger("hub", "move", folder, "--to", "2001:db8::1")
    told = stranger.ask("hub", "move", folder)
    assert told["urls"] == [
        "https://[2001:db8::1]:9444", "https://hub.example.net:9444", "https://inside.example.net:8444",
    ]  # fmt: skip
    said = stranger("hub", "move", folder, "--end", "--keep", "https://inside.example.net:8444")
    assert "at https://[2001:db8::1]:9444, then at https://inside.example.net:8444." in said
    for wrong in (
        ("--to", "not a host"),
        ("--also", "http://plain.example.net:1"),
        ("--end", "--keep", "https://no:1"),
    ):
        stranger.refused(3, "hub", "move", folder, *wrong)
    for mixed in (("--end", "--to", "a"), ("--keep", "https://a:1"), ("--device-url", "https://a:1")):
        assert stranger.run("hub", "move", folder, *mixed).status == 2


def test_a_move_says_that_passkeys_stay_behind(stranger: CommandLine, tmp_path: Path) -> None:
    folder = str(tmp_path / "hub")
    stranger("hub", "init", folder, "--address", "hub.example.org", "--people-listen", EVERY)
    with closing(open_hub(DataFolder(Path(folder)))) as opened, opened.change("test") as change:
        row = people.add(change, "anna", "", "owner", is_hubwide=True)
        passkeys.add(change, row, "hub.example.org", NewPasskey(b"id", b"key", 0, is_synced=False), "Laptop")
    assert "passkey" not in stranger("hub", "move", folder)
    said = stranger("hub", "move", folder, "--to", "hub.example.net")
    assert "1 passkey was made at another address for people: there alone it works." in said
    DataFolder(Path(folder)).edit_config(people_url="https://hub.example.org")
    assert stranger.ask("hub", "move", folder)["lost_passkeys"] == 0, "people's address may stay"


@pytest.mark.slow
def test_a_hub_gets_its_first_person_and_a_lost_one_back(
    stranger: CommandLine, own_hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)
    folder, words = str(own_hub.folder.path), "four words of hers"

    def path_of(said: str) -> str:
        link = next(word for word in said.split() if word.startswith("https://"))
        assert link.startswith(own_hub.people_url)
        return link.removeprefix(own_hub.people_url)

    stranger.refused(4, "hub", "recover", folder, "--yes")
    first = PlainBrowser(own_hub)
    shown = first.get(path_of(stranger("hub", "sign-in-link", folder)))
    came = first.submit(shown, name="anna", display_name="Anna", password=words, again=words)
    assert first.follow(came).status == 200
    assert own_hub.do("GET", "/people/anna")["is_hubwide"] is True
    assert "Name one" in stranger.refused(3, "hub", "sign-in-link", folder)
    again = PlainBrowser(own_hub)
    assert again.follow(again.submit(path_of(stranger("hub", "sign-in-link", folder, "anna")))).status == 200
    assert again.get("/account").status == 200
    stranger.refused(4, "hub", "sign-in-link", folder, "nobody")
    stranger.refused(4, "hub", "sign-in-link", folder, "anna", "--of", "nowhere")
    with own_hub.hub.change("test") as change:
        owner = people.get(change.session, "anna", hubwide_too=True)
        made = NewPasskey(b"id of a stolen one", b"key", 0, is_synced=False)
        passkeys.add(change, owner, "old.example.org", made, "Stolen")
    lost = stranger.ask("hub", "recover", folder, "--yes")
    assert own_hub.do("GET", "/people/anna/passkeys")["items"] == []
    assert lost["person"] == "anna"
    assert again.get("/account").status == 303
    back = PlainBrowser(own_hub)
    words = "four other words"
    assert back.follow(back.submit(path_of(lost["link"]), password=words, again=words)).status == 200
    rows = own_hub.do("GET", "/audit?limit=20")["items"]
    assert ("person.recover", "whoever owns the hub's folder") in {(row["action"], row["who"]) for row in rows}
