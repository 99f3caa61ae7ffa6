"""The machine that a world's hub runs on, and what people do there."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ringfence.cli.support.api import Login, PeoplesApi
from ringfence.secret import Secret
from stack import RINGFENCE, StoryBroken, wait_for
from support.namespaces import entered
from world.machines import Machine

_TOLD = 3000
"""How many characters of each log are told where something failed."""


class AtHub:
    """A hub on a machine, below a world's folder.

    Args:
        folder: The world's.
        address: By which edges and people know the hub.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.hub = Machine("hub")
        self.secret = Secret("")
        """The hub's first API token."""
        self._address = address
        self.environment = {
            **os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "NO_COLOR": "1", "COLUMNS": "120",
        }  # fmt: skip
        """That of what people run here."""

    @property
    def hub_folder(self) -> Path:
        """The hub's."""
        return self.folder / "hub"

    def ringfence(self, *words: str, text: str = "") -> str:
        """Run a ringfence command at the hub's machine; return what it printed."""
        done = self.hub.run(*RINGFENCE, *words, text=text, environment=self.environment)
        if done.returncode:
            raise StoryBroken(f"ringfence {' '.join(words[:3])} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def hub_refuses(self, *words: str) -> str:
        """Run a ringfence command that has to fail; return what it says."""
        done = self.hub.run(*RINGFENCE, *words, environment=self.environment)
        if not done.returncode:
            raise StoryBroken(f"ringfence {' '.join(words[:3])} was not refused")
        return (done.stdout + done.stderr).strip()

    def ask(self, *words: str) -> Any:  # noqa: ANN401 - what the command prints with --json
        """Run a ringfence command with --json; return what it printed."""
        return json.loads(self.ringfence(*words, "--json"))

    @contextmanager
    def people(self) -> Iterator[PeoplesApi]:
        """Give the hub's people's API, for what must not wait for a command to start."""
        with entered(self.hub.namespace):
            yield PeoplesApi(Login(self._people_url, self.secret, (self.hub_folder / "authority.pem").read_text()))

    def start_hub(self) -> None:
        """Create the hub, start it, and log the command line in."""
        printed = self.ringfence("hub", "init", str(self.hub_folder), "--address", self._address)
        self.secret = Secret(next(word for word in printed.split() if word.startswith("rft_")))
        with (self.folder / "hub.log").open("w") as log:
            words = [*RINGFENCE, "hub", "run", str(self.hub_folder)]
            process = self.hub.start(*words, log=log, environment=self.environment)
        wait_for("the hub", lambda: self.is_up(process, "hub.log") and (self.hub_folder / "run.json").exists())
        self.ringfence(
            "login", self._people_url, "--ca", str(self.hub_folder / "authority.pem"), text=self.secret.reveal() + "\n"
        )

    def is_up(self, process: "subprocess.Popen[str]", log: str) -> bool:
        """Return True while a program runs; StoryBroken with the end of its log if it has ended."""
        if process.poll() is not None:
            raise StoryBroken(f"it ended with {process.returncode}: {(self.folder / log).read_text()[-2000:]}")
        return True

    @property
    def _people_url(self) -> str:
        return f"https://{self._address}:8443"


class _Built(Protocol):
    def __init__(self, folder: Path) -> None: ...

    def build(self, stack: ExitStack) -> None: ...


B = TypeVar("B", bound=_Built)


@contextmanager
def built(kind: type[B]) -> Iterator[B]:
    """Give a world whose machines, processes and files end with the block; what they logged is told if it fails."""
    with tempfile.TemporaryDirectory(prefix="ringfence-world-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        world = kind(folder)
        world.build(stack)
        try:
            yield world
        except BaseException:
            for path in sorted(folder.rglob("*log")):
                if path.is_file() and (said := path.read_text(errors="replace")[-_TOLD:]):
                    sys.stderr.write(f"--- {path.relative_to(folder)}\n{said}\n")
            raise
