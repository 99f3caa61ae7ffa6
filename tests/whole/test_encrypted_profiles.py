"""Hub, edge and an SPA phone as processes: from its first profile to an edge's disk without a secret, and new keys."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from stack import RINGFENCE, Stack, running_stack, wait_for

pytestmark = pytest.mark.slow
MAC = "00:0E:08:AA:BB:01"
OWN = "000e08aabb01.cfg"
PASSWORD = "s3cretOfTheDesk42"
_FOLDER = re.compile(r"[0-9a-f]{12}/")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("whole")) as made:
        made.make_site("Anna", MAC, "SPA504G")
        made.run("line", "set", MAC, "1", "--name", "201", stdin=f"{PASSWORD}\n")
        yield made


def publish(stack: Stack) -> None:
    """Publish, and wait until the edge serves that."""
    (site,) = stack.ask("publish")["sites"]
    wait_for("the release at the edge", lambda: stack.edge_status().get("release") == site["release"])


def boot(stack: Stack, status: int = 0) -> list[dict[str, Any]]:  # Any: what the command prints with --json
    """Power the phone on, whose flash is a folder, and return what it did."""
    server = f"127.0.0.1:{stack.tftp_port}"
    command = [*RINGFENCE, "sim", "phone", "--family", "SPA504G", "--mac", MAC, "--server", server, "--json", "--once"]
    done = subprocess.run(
        [*command, "--memory", str(flash(stack))], capture_output=True, text=True, env=stack.environment, check=False
    )
    assert done.returncode == status, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def flash(stack: Stack) -> Path:
    return stack.folder / "flash"


def fetched(events: list[dict[str, Any]]) -> list[str]:
    return [event["name"].lstrip("/") for event in events if event["event"] == "fetched"]


def state(stack: Stack) -> dict[str, Any]:
    (row,) = stack.ask("trust", "status")
    return dict(row)


def wait_for_key(stack: Stack) -> None:
    wait_for("the edge's report", lambda: state(stack)["has_newest_key"])


def on_disk(stack: Stack, secret: str) -> list[Path]:
    """Return the files of the edge that hold a secret in clear."""
    files = [path for path in stack.edge_folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    return [path for path in files if secret.encode() in path.read_bytes()]


def phrase(stack: Stack) -> str:
    """Return the key that the phone keeps."""
    found = re.search(r"<GPP_SA[^>]*>([^<]+)<", (flash(stack) / "configuration-0").read_text())
    assert found is not None
    return found[1]


def test_a_phone_from_its_first_profile_to_another_key_a_reset_and_back(stack: Stack) -> None:
    assert on_disk(stack, PASSWORD) == []  # it is not published yet
    stack.run("set", "phone", MAC, "trust=encrypted")
    publish(stack)
    events = boot(stack)
    first, own, sealed = fetched(events)
    assert (first, own) == ("spa504G.cfg", OWN)
    assert _FOLDER.match(sealed)
    assert "decrypted" in {event["event"] for event in events}
    wait_for_key(stack)

    publish(stack)  # the first profile goes

    key = phrase(stack)
    wait_for("the edge's disk without the key", lambda: not on_disk(stack, key))
    assert on_disk(stack, PASSWORD) == []
    with pytest.raises(FileRefused):
        fetch(stack.tftp, OWN)
    assert fetch(stack.tftp, sealed).startswith(b"Salted__")
    assert fetched(boot(stack)) == [sealed]

    stack.run("trust", "rekey", MAC, "--yes")
    publish(stack)
    before, after = fetched(boot(stack))
    assert before == sealed
    assert after != sealed
    assert phrase(stack) != key
    wait_for_key(stack)
    publish(stack)
    with pytest.raises(FileRefused):
        fetch(stack.tftp, sealed)
    assert fetched(boot(stack)) == [after]

    shutil.rmtree(flash(stack))  # somebody resets it
    boot(stack, status=4)
    wait_for("the hub to hear of it", lambda: "ringfence trust adopt" in state(stack)["next_step"])
    stack.run("trust", "adopt", MAC)
    publish(stack)
    assert fetched(boot(stack))[0] == OWN  # it kept the rule that leads there
    wait_for_key(stack)
    publish(stack)
    wait_for("the edge's disk without the key", lambda: not on_disk(stack, phrase(stack)))

    kept = flash(stack) / "configuration-0"
    kept.write_text(kept.read_text().replace(phrase(stack), "x" * 32))
    held = kept.read_text()
    assert "file-distrusted" in {event["event"] for event in boot(stack, status=8)}
    assert kept.read_text() == held  # it keeps its settings
