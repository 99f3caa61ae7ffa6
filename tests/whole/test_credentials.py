"""Hub and edge as real processes: a phone whose place proves nothing fetches its file by its credential."""

import subprocess
from pathlib import Path

import pytest

from stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.slow
MAC, NAME = "80:5E:C0:12:34:56", "805ec0123456.cfg"


def fetched(stack: Stack, user: str, password: str) -> tuple[int, str]:
    done = subprocess.run(
        ["curl", "-q", "-s", "-m", "20", "-w", "\n%{http_code}", "--noproxy", "*", "--digest", "-u",
         f"{user}:{password}", f"http://127.0.0.1:{stack.http_port}/{NAME}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    body, _line, status = done.stdout.rpartition("\n")
    return int(status), body


def credential(stack: Stack) -> tuple[str, str]:
    shown = stack.ask("guard", "credential", "password", MAC)
    return shown["user"], shown["password"]


def proved(stack: Stack) -> list[tuple[int, bool]]:
    good = stack.ask("guard", "credential", "show", MAC)["good"]
    return [(each["serial"], each["proved_at"] is not None) for each in good]


def test_a_phone_fetches_by_its_credential_and_goes_on_with_a_new_one(tmp_path: Path) -> None:
    with running_stack(tmp_path) as stack:
        stack.make_site("Behind a router", MAC, "T46U")
        site = stack.ask("phone", "list")[0]["site"]
        stack.run("guard", "policy", site, "--need", "secret=L3,configuration=L3")
        stack.run("guard", "credential", "create", MAC)
        stack.ask("publish")
        user, first = credential(stack)
        wait_for("the file by its credential", lambda: first in fetched(stack, user, first)[1])
        wait_for("the hub hears of it", lambda: proved(stack) == [(1, True)])
        assert fetched(stack, user, first[::-1])[0] == 401

        stack.run("guard", "credential", "create", MAC)
        stack.ask("publish")
        _user, second = credential(stack)
        wait_for("the old one brings the new one", lambda: second in fetched(stack, user, first)[1])
        assert [serial for serial, _is_proved in proved(stack)] == [2, 1]
        wait_for("the new one", lambda: fetched(stack, user, second)[0] == 200)
        wait_for("the old one ends", lambda: proved(stack) == [(2, True)])
        wait_for("at the edge too", lambda: fetched(stack, user, first)[0] == 401)

        log = stack.edge_log() + (stack.folder / "hub.log").read_text()
        assert first not in log
        assert second not in log
        told = stack.run("guard", "log", "--site", site, "--refused")
        assert "the credential that it gave is not that phone's" in told
