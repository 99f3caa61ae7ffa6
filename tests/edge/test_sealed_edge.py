"""A sealed edge with a hub in memory and a real worker: the switch, restarts with and without the hub, and back."""

import base64
import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from ringfence.edge.agent import backoff
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.secret import Secret
from ringfence.server.errors import FileRefused
from ringfence.wire import codec
from ringfence.wire.messages import (
    EdgeMode,
    Event,
    GuardCredential,
    GuardCredentialKey,
    GuardNeed,
    GuardRules,
    StatePart,
    StorageOrder,
)
from stack import wait_for
from support.memory_hub import MemoryHub
from support.running_agent import NAME, Running, enrolled_agent
from support.signed_repository import NOW

ONE, TWO = b"<device>s3cret-of-anna</device>", b"<device>another-s3cret</device>"
"""Alike in what must stand nowhere in the clear."""
KEY, OTHER = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
RULES = GuardRules(
    1,
    needs=(GuardNeed("secret", "L1"),),
    credentials=(GuardCredential("001122334455", (GuardCredentialKey(1, Secret("5ec7e7" * 5 + "aa")),)),),
)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.05)
    with enrolled_agent(tmp_path / "edge") as made:
        made.hub.repository.publish(1, {NAME: ONE})
        yield made


def order(running: Running, *, sealed: bool, key: str = KEY) -> None:
    """Have the hub order it, and tell the edge that there is news."""
    message = StorageOrder(sealed, Secret(key))
    running.hub.other_parts[StatePart.STORAGE] = Raw(codec.to_json(message))
    running.hub.hints.put(Event("state", NOW))


def in_clear(running: Running) -> set[str]:
    """Names of files in which a secret of the site stands."""
    found = set()
    for path in running.folder.path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a file that is just getting its name
            data = path.read_bytes() if path.is_file() else b""
            found |= {path.name for word in (b"s3cret", b"5ec7e7", KEY.encode(), base64.b64decode(KEY)) if word in data}
    return found


def told(running: Running, mode: EdgeMode) -> None:
    wait_for(f"the hub to hear {mode}", lambda: running.hub.healths and running.hub.healths[-1].mode == mode)


def is_refused(running: Running) -> bool:
    try:
        running.get()
    except FileRefused:
        return True
    return False


def begin(running: Running) -> None:
    """Serve release 1, sealed."""
    running.start(RULES)
    wait_for("release 1", running.serves(ONE))
    wait_for("its rules on the disk", running.folder.state_file.exists)
    assert in_clear(running) >= {"state.json"}
    order(running, sealed=True)
    wait_for("the seal", lambda: running.folder.vault.is_sealed and not in_clear(running))
    wait_for("what it has, for after a restart", running.folder.standing_file.exists)


def start_again(running: Running, *, away: bool = False) -> None:
    running.stop()
    before, running.folder = running.hub, EdgeFolder(running.folder.path, Disk())  # a process knows no key at first
    running.hub = MemoryHub(before.repository, away=away, other_parts=before.other_parts)
    running.start(RULES)


def test_a_sealed_edge_goes_on_serving_and_nothing_is_in_the_clear_after_any_step(running: Running) -> None:
    begin(running)
    assert running.get() == ONE
    told(running, EdgeMode.SEALED)
    running.publish(2, {NAME: TWO})
    wait_for("release 2", running.serves(TWO))
    assert in_clear(running) == set()
    assert any("after a restart it needs the hub's key" in text for text in running.log)


def test_after_a_restart_it_serves_nothing_until_the_hub_gives_the_key(running: Running) -> None:
    begin(running)
    start_again(running, away=True)
    assert is_refused(running)
    assert any("serves its phones once the hub has given it the key" in text for text in running.log)
    assert in_clear(running) == set()
    running.hub.away = False
    wait_for("its phones' files", running.serves(ONE))
    assert running.hub.standings[0].release == 1, "it says what it has before it can read it"
    assert not [asked for asked in running.hub.asked if "@" in asked], "it fetched what it had"
    assert in_clear(running) == set()
    told(running, EdgeMode.SEALED)


def test_one_that_is_held_back_stays_locked_and_says_why(running: Running) -> None:
    begin(running)
    order(running, sealed=True, key="")
    start_again(running)
    told(running, EdgeMode.LOCKED)
    wait_for("the reason", lambda: any("gives it no key" in text for text in running.log))
    assert is_refused(running)
    order(running, sealed=True)
    wait_for("its phones' files", running.serves(ONE))


def test_what_another_key_sealed_is_given_up_and_fetched_again(running: Running) -> None:
    begin(running)
    order(running, sealed=True, key=OTHER)
    start_again(running)
    wait_for("its phones' files", running.serves(ONE))
    assert any("sealed with another key" in text for text in running.log)
    start_again(running)
    wait_for("its phones' files", running.serves(ONE))


def test_a_hub_that_knows_of_no_key_gets_an_open_edge(running: Running) -> None:
    begin(running)
    del running.hub.other_parts[StatePart.STORAGE]
    start_again(running)
    wait_for("its phones' files", running.serves(ONE))
    told(running, EdgeMode.OPEN)


def test_back_in_the_clear_it_starts_without_the_hub(running: Running) -> None:
    begin(running)
    order(running, sealed=False)
    wait_for("the files", lambda: "state.json" in in_clear(running))
    told(running, EdgeMode.OPEN)
    start_again(running, away=True)
    assert running.get() == ONE


@pytest.mark.parametrize("key", ["AAAA", "not base64!", "A" * 10_000])
def test_a_key_of_another_form_is_refused_and_seals_nothing(running: Running, key: str) -> None:
    running.start(RULES)
    wait_for("release 1", running.serves(ONE))
    order(running, sealed=True, key=key)
    running.publish(2, {NAME: TWO})
    wait_for("release 2", running.serves(TWO))
    assert not running.folder.vault.is_sealed


def test_a_wipe_takes_what_is_sealed_too(running: Running) -> None:
    begin(running)
    running.hub.hints.put(Event("revoked", NOW, wipe=True))
    wait_for("the wipe", lambda: not running.folder.key_file.exists())
    running.stop()
    assert {path.name for path in running.folder.path.rglob("*") if path.is_file()} <= {"lock"}
