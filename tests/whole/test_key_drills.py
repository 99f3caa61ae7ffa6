"""docs/keys.md, what to do when a key has leaked: the commands that it names, and what the thief has afterwards."""

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from ringfence.content.errors import BadSignature
from ringfence.content.signing import renew_timestamp
from ringfence.content.trust import TrustedMetadata
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.fleet import lines, phones
from ringfence.hub.store.models import LineRow
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.phones.mac import Mac
from stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.slow  # dozens of commands, each a process of its own
PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
MAC = "00:1B:54:C2:9B:77"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path) as made:
        made.make_site("Anna", MAC, "9971")
        yield made


def do(stack: Stack, section: str) -> None:
    """Do what a section says, command by command; wait where it says until."""
    text = PAGE.partition(f"### {section}\n")[2].partition("\n### ")[0]
    commands = re.findall(r"^    (ringfence|systemctl) (.*)$", text, re.MULTILINE)
    assert commands, section
    for program, line in commands:
        words = shlex.split(line.replace("/var/lib/ringfence-hub", str(stack.hub_folder)))
        if program == "systemctl":
            stack.stop(stack.hub)
            stack.start_hub()
        elif words == ["hub", "keys", "list"]:
            wait_for("nothing to wait", lambda: nothing_waits(stack), 120)
        elif words == ["hub", "move", str(stack.hub_folder)]:
            wait_for("all to follow", lambda: not stack.ask("hub", "move", str(stack.hub_folder))["stragglers"], 120)
        else:
            stack.run(*words)


def nothing_waits(stack: Stack) -> bool:
    return not any(row["waiting"] for row in stack.ask("hub", "keys", "list"))


def password(hub: Hub) -> str:
    with hub.database.reading() as session:
        return lines.open_password(hub.sealer, lines.get(phones.get(session, Mac.parse(MAC)), 1)).reveal()


def test_a_stolen_copy_of_the_hub_is_worth_nothing_after_the_drill(stack: Stack, tmp_path: Path) -> None:
    stack.environment["RINGFENCE_BACKUP_PASSPHRASE"] = "correct horse battery staple"
    copy, stolen = tmp_path / "copy", tmp_path / "stolen"
    stack.run("hub", "backup", str(stack.hub_folder), str(copy))
    stack.run("hub", "restore", str(copy), str(stolen), "--keep-tokens")
    with closing(open_hub(DataFolder(stolen))) as thief:
        known = password(thief)
        stack.stop(stack.edge)  # it is away while the keys below the root change
        do(stack, "A stolen copy of the hub")
        stack.start_edge()
        do(stack, "A stolen sealing key and a copy of the database")
        wait_for("the edge", lambda: stack.edge_status()["connected_since"], 120)
        do(stack, "A stolen CA key")
        stack.run("login", stack.people_url, "--ca", str(stack.hub_folder / "authority.pem"), stdin=stack.token + "\n")
        wait_for("the edge with its new release", lambda: (stack.edge_status().get("release") or 0) > 1, 120)
        with closing(open_hub(DataFolder(stack.hub_folder))) as hub:
            assert password(hub) != known
            with hub.database.reading() as session:
                row = session.get_one(LineRow, (Mac.parse(MAC).bare, 1))
                with pytest.raises(SealBroken):
                    lines.open_password(thief.sealer, row)
            roots, timestamp = metadata_of(hub)
        trusted = TrustedMetadata("anna", roots[-1])
        with pytest.raises(BadSignature):
            trusted.update_timestamp(renew_timestamp(timestamp, thief.signers.timestamp, time.time()), time.time())
        assert thief.authority.pem not in trusted.hub.authorities, "no edge believes him to be the hub"


def metadata_of(hub: Hub) -> tuple[list[bytes], bytes]:
    """The site's roots, the oldest first, and its timestamp."""
    chosen = select(RoleMetadataRow.role, RoleMetadataRow.body).order_by(RoleMetadataRow.version)
    with hub.database.reading() as session:
        found = session.execute(chosen).all()
    return [body for role, body in found if role == "root"], next(body for role, body in found if role == "timestamp")
