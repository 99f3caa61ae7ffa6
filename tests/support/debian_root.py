"""A minimal Debian in a folder, with Ringfence's packages installed (scripts/debian_root makes both beforehand)."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack import wait_for

MADE = Path(__file__).parents[2] / "build" / "debian"
OLD, NEW = "0.0.9", "0.1.0"
PACKAGES = ("common", "hub", "edge", "serve", "tunnel")
_INTO = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
"""What runs in a mount namespace of its own: nothing stays mounted after it."""
_RECORDING = '#!/bin/sh\necho "$*" >>/systemctl.log\n[ "$1" != --quiet ] || exec /usr/bin/systemctl "$@"\n'
"""No service manager runs in a folder. This notes what it would be asked; what only changes files is done."""


def is_there() -> bool:
    """Return whether a Debian to install into and packages are there, and this process may use them."""
    return os.geteuid() == 0 and (MADE / "root.tar").exists() and any(MADE.glob("*.deb"))


class DebianRoot:
    """A Debian below one folder; what runs in it ends with ``close``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        tar = ["tar", "-C", str(folder), "--exclude=./dev/*", "-xf", str(MADE / "root.tar")]
        subprocess.run(tar, check=True, capture_output=True)
        (folder / "debs").mkdir()
        self._started: list[subprocess.Popen[str]] = []

    def run(self, *command: str, status: int = 0, environment: Mapping[str, str] | None = None, stdin: str = "") -> str:
        """Run a command inside and return what it printed; AssertionError where its status is another."""
        done = subprocess.run(
            self._command(command), input=stdin, capture_output=True, text=True, env=self._environment(environment),
            check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == status, f"{command}: {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def start(self, log: str, *command: str) -> subprocess.Popen[str]:
        """Start a process inside; what it says goes into a file of the root folder."""
        with (self.folder / log).open("a") as file:
            process = subprocess.Popen(
                self._command(command), stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True,
                env=self._environment(None),
            )  # fmt: skip
        self._started.append(process)
        return process

    def wait_for(self, process: subprocess.Popen[str], log: str, words: str) -> None:
        """Wait until a started process has said something; AssertionError where it ended before."""

        def look() -> bool:
            said = (self.folder / log).read_text()
            assert process.poll() is None, said[-3000:]
            return words in said

        wait_for(words, look)

    def install(self, version: str) -> str:
        """Install or upgrade every package, without a network; return what dpkg said."""
        files = [path for path in sorted(MADE.glob(f"*_{version}_*.deb")) if path.name.split("_")[0][10:] in PACKAGES]
        assert len(files) == len(PACKAGES)
        for path in files:
            os.link(path, self.folder / "debs" / path.name)
        return self.run("dpkg", "--force-unsafe-io", "--install", *(f"/debs/{path.name}" for path in files))

    def pretend_that_systemd_runs(self) -> None:
        """Let maintainer scripts find a service manager that notes what it is asked (``asked``)."""
        (self.folder / "run/systemd/system").mkdir(parents=True)
        program = self.folder / "usr/local/sbin/systemctl"
        program.write_text(_RECORDING)
        program.chmod(0o755)

    def asked(self) -> list[str]:
        """Return what the service manager was asked since it was looked at last."""
        log = self.folder / "systemctl.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def installed(self) -> dict[str, str]:
        """Return the state of each package of ours that dpkg knows, such as ``ii``."""
        listed = self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n")
        return {match[2]: match[1] for match in re.finditer(r"(?m)^(\S+)\s+(ringfence-\w+)$", listed)}

    def close(self) -> None:
        """End what was started here."""
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _command(self, command: tuple[str, ...]) -> list[str]:
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _INTO, str(self.folder), *command]

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "HOME": "/root", "LC_ALL": "C.UTF-8", "COLUMNS": "120", "NO_COLOR": "1", **(more or {})}
