"""One hub for all of the command line's tests that a worker runs; each makes sites and phones of its own."""

import io
import itertools
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from ringfence.hub import logs
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.serving_hub import served_hub

_numbers = itertools.count(1)


class _Shared:
    """The hub of the tests that run one after the other; it ends before a test of another folder begins."""

    hub: RunningHub | None = None
    until = ExitStack()


@contextmanager
def _log_of_no_command() -> Iterator[None]:
    """Let what the hub logs be none of what a command prints."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(io.StringIO())
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers = handlers
        root.setLevel(level)


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory) -> RunningHub:
    if _Shared.hub is None:
        _Shared.until.enter_context(_log_of_no_command())
        _Shared.hub = _Shared.until.enter_context(served_hub(tmp_path_factory.mktemp("hub") / "data"))
    return _Shared.hub


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[RunningHub]:
    """A hub for one test, which changes what all sites have: the shared one ends first, for its log's sake."""
    _Shared.hub = None
    _Shared.until.close()
    with _log_of_no_command(), served_hub(tmp_path / "own-hub") as hub:
        yield hub


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or nextitem.path.parent != item.path.parent:
        _Shared.hub = None
        _Shared.until.close()


@pytest.fixture
def ringfence(hub: RunningHub, tmp_path: Path) -> CommandLine:
    """The command line of somebody who is logged in."""
    return CommandLine(
        {
            "RINGFENCE_HUB": hub.people_url,
            "RINGFENCE_TOKEN": hub.token.reveal(),
            "RINGFENCE_CA": str(hub.folder.authority_certificate),
            "XDG_CONFIG_HOME": str(tmp_path / "logged-in"),
        }
    )


@pytest.fixture
def stranger(tmp_path: Path) -> CommandLine:
    """The command line of somebody who never logged in."""
    return CommandLine({"XDG_CONFIG_HOME": str(tmp_path / "config")})


@pytest.fixture
def site(hub: RunningHub) -> str:
    """A site of the test's own."""
    return hub.site(f"Place {next(_numbers)}")


@dataclass(frozen=True, slots=True)
class PhoneThere:
    """A 9971 with line 1, user 201, label Anna."""

    mac: str
    site: str

    @property
    def bare(self) -> str:
        return self.mac.replace(":", "")

    @property
    def file(self) -> str:
        return f"SEP{self.bare}.cnf.xml"


@pytest.fixture
def new_mac() -> str:
    """An address that no phone has yet."""
    number = next(_numbers)
    return f"00:1B:54:CC:{number // 256:02X}:{number % 256:02X}"


@pytest.fixture
def phone(hub: RunningHub, site: str, new_mac: str) -> PhoneThere:
    hub.phone(site, new_mac)
    return PhoneThere(new_mac, site)
