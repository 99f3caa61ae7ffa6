"""A hub that moves: to another name, another machine with other ports, another CA; edges and concentrators follow."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.identity.certificates import authority_id, issuer_id, read_certificate
from stack import Stack, free_port, running_stack, wait_for
from support.running_concentrator import RunningConcentrator

pytestmark = pytest.mark.slow  # dozens of commands, and an edge pauses between tries
MAC = "00:1B:54:C2:9B:78"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path) as made:
        made.make_site("Anna", MAC, "9971")
        yield made


def is_connected(stack: Stack) -> bool:
    (row,) = stack.ask("tunnel", "list")
    return bool(row["connected"])


def connected_at(stack: Stack) -> str:
    status = stack.edge_status()
    return str(status["hub_url"]) if status["connected_since"] else ""


def restart_hub(stack: Stack) -> None:
    stack.stop(stack.hub)
    stack.start_hub()


def release_after_an_edit(stack: Stack, label: str) -> None:
    before = int(stack.edge_status()["release"])
    stack.run("line", "set", MAC, "1", "--label", label)
    stack.run("publish")
    wait_for("the release", lambda: int(stack.edge_status()["release"]) == before + 1)


def test_edges_follow_to_another_machine_and_the_old_address_may_go(stack: Stack) -> None:
    old_url, new_port = f"https://127.0.0.1:{stack.device_port}", free_port()
    new_url = f"https://localhost:{new_port}"
    folder = str(stack.hub_folder)
    said = stack.run("hub", "move", folder, "--to", "localhost", "--device-url", new_url)
    assert f"Edges find the hub at {new_url}, then at {old_url}." in said
    assert "0 edges followed, 1 not yet" in said
    assert "systemctl restart" in said
    restart_hub(stack)  # still at the old place: nobody answers at the new one
    wait_for("the edge to have heard", lambda: new_url in stack.edge_log())
    wait_for("the edge at the old place", lambda: connected_at(stack) == old_url)
    wait_for("the word", lambda: f"it reaches the hub at {old_url}" in stack.run("hub", "move", folder))
    assert "1 edge would not find the hub any more" in stack.run("hub", "move", folder, "--end", status=5)

    stack.stop(stack.hub)
    stack.environment["RINGFENCE_BACKUP_PASSPHRASE"] = "correct horse battery staple"
    copy = stack.folder / "copy"
    stack.run("hub", "backup", folder, str(copy))
    new = stack.folder / "new"
    restored = stack.run("hub", "restore", str(copy), str(new), "--keep-tokens")
    assert "new API token" in restored
    config = new / "hub.toml"
    config.write_text(re.sub(r"device_port = \d+", f"device_port = {new_port}", config.read_text()))
    stack.hub_folder = new
    stack.start_hub()
    wait_for("the edge at the new place", lambda: connected_at(stack) == new_url, 90)
    wait_for("the word of it", lambda: "1 edge followed, 0 not yet" in stack.run("hub", "move", str(new)))
    said = stack.run("hub", "move", str(new), "--end")
    assert f"Edges find the hub at {new_url}." in said
    restart_hub(stack)
    wait_for("the edge after the move", lambda: connected_at(stack) == new_url, 60)
    assert stack.ask("hub", "move", str(new))["urls"] == [new_url]


def test_edges_change_to_another_ca_and_the_old_one_means_nothing_then(stack: Stack) -> None:
    folder = str(stack.hub_folder)
    old = read_certificate((stack.hub_folder / "authority.pem").read_text())
    stack.run("hub", "move", folder, "--new-authority")
    assert "is changing its CA already" in stack.run("hub", "move", folder, "--new-authority", status=3)
    restart_hub(stack)
    certificate = stack.edge_folder / "identity" / "certificate.pem"
    wait_for("a certificate of the new CA",
             lambda: issuer_id(read_certificate(certificate.read_text())) != authority_id(old))  # fmt: skip
    wait_for("the word of it", lambda: "1 edge followed, 0 not yet" in stack.run("hub", "move", folder))
    stack.run("hub", "move", folder, "--end")
    new = read_certificate((stack.hub_folder / "authority.pem").read_text())
    assert issuer_id(read_certificate(certificate.read_text())) == authority_id(new)
    assert not list((stack.hub_folder / "keys").glob("next*"))
    restart_hub(stack)
    wait_for("the edge", lambda: connected_at(stack))
    assert "can't be reached" in stack.run("site", "list", status=7), "people pin the CA too, and log in again"
    stack.run("login", stack.people_url, "--ca", str(stack.hub_folder / "authority.pem"), stdin=stack.token + "\n")
    release_after_an_edit(stack, "After the change")
    stack.stop(stack.edge)
    stack.start_edge()
    wait_for("the edge, started again", lambda: connected_at(stack))


def test_an_edge_that_was_away_for_the_whole_move_finds_the_hub_at_its_old_address(stack: Stack) -> None:
    stack.stop(stack.edge)
    folder = str(stack.hub_folder)
    new_url = f"https://localhost:{stack.device_port}"
    stack.run("hub", "move", folder, "--to", "localhost")
    restart_hub(stack)
    straggler = stack.ask("hub", "move", folder)["stragglers"][0]
    assert straggler["why"] == "it has not heard of the newest addresses"
    stack.start_edge()
    wait_for("the edge at the new address", lambda: connected_at(stack) == new_url)
    wait_for("the word of it", lambda: not stack.ask("hub", "move", folder)["stragglers"])
    release_after_an_edit(stack, "Followed")


@pytest.mark.needs("wireguard")
def test_a_concentrator_follows_to_another_address_and_another_ca(stack: Stack, tmp_path: Path) -> None:
    folder = str(stack.hub_folder)
    berlin = RunningConcentrator(tmp_path / "concentrator", stack.ask("tunnel", "token", "Berlin")["token"])
    enrolled_by = berlin.issuer
    with berlin.running():
        wait_for("its first word", lambda: is_connected(stack))
        new_url = f"https://localhost:{stack.device_port}"
        stack.run("hub", "move", folder, "--to", "localhost", "--new-authority")
        restart_hub(stack)
        wait_for("the word of both", lambda: "1 edge and 1 concentrator followed, 0 not yet"
                 in stack.run("hub", "move", folder), 120)  # fmt: skip
        assert berlin.issuer != enrolled_by
        assert any(f"The hub is at {new_url}" in each for each in berlin.said), berlin.said
    stack.run("hub", "move", folder, "--end")
    restart_hub(stack)
    stack.run("login", f"https://localhost:{stack.people_port}", "--ca",
              str(stack.hub_folder / "authority.pem"), stdin=stack.token + "\n")  # fmt: skip
    berlin.said.clear()
    with berlin.running():
        wait_for("it, started again, at the new place by the new CA", lambda: "Connected to the hub." in berlin.said)


@pytest.mark.needs("wireguard")
def test_a_concentrator_that_was_away_for_the_whole_move_is_named_and_left_behind_by_order_alone(
    stack: Stack, tmp_path: Path
) -> None:
    folder = str(stack.hub_folder)
    berlin = RunningConcentrator(tmp_path / "concentrator", stack.ask("tunnel", "token", "Berlin")["token"])
    stack.run("hub", "move", folder, "--new-authority")
    restart_hub(stack)
    wait_for("the edge", lambda: "1 edge followed, 1 not yet" in stack.run("hub", "move", folder))
    (late,) = stack.ask("hub", "move", folder)["stragglers"]
    assert (late["name"], late["why"][:23]) == ("Berlin", "it has not told where i")
    assert "1 concentrator would not find the hub any more: concentrator Berlin" in stack.run(
        "hub", "move", folder, "--end", status=5
    )
    with berlin.running():
        wait_for("its word", lambda: "1 edge and 1 concentrator followed" in stack.run("hub", "move", folder))
