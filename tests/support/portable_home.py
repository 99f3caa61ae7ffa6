"""Bundles as a hub writes them, without a hub; and a portable that runs as a person at home has it."""

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyrage

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import Target, TargetKind
from ringfence.content.signing import ROLES
from ringfence.hub.data.authority import new_metadata_key, read_signers
from ringfence.hub.publishing import bundle_file, portable_program
from ringfence.hub.publishing.bundle_file import BundleContent, BundleLock
from ringfence.portable.age_identity import Identity
from ringfence.portable.manifest import BundledPhone

MAC, OTHER_MAC = "001B54C29A10", "001B54C29A11"
NAME = f"SEP{MAC}.cnf.xml"
SECRET = "Anna's-SIP-secret-3197"
CONFIGURATION = f"<device><authPassword>{SECRET}</authPassword></device>\n".encode() * 60
FIRMWARE = bytes(range(256)) * 1100
SHARED = b"<DIALTEMPLATE/>"
_DAY_S = 86_400.0
_WITHIN_S = 60.0


@dataclass
class BundlingHub:
    """The parts of a hub that write bundles, with keys of its own."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        signers = read_signers({role: new_metadata_key() for role in ROLES})
        # Any: it stands in for a Hub, of which only these parts are used
        self.hub: Any = SimpleNamespace(
            signers=signers,
            blobs=self,
            config=SimpleNamespace(people_certificate=""),
            authority=SimpleNamespace(pem=""),
        )
        self.key = bundle_file.signing_key(cast("Any", self.hub))

    def open_range(self, digest: Digest, start: int, length: int) -> Iterator[bytes]:
        yield self.blobs[digest][start : start + length]

    def target(self, name: str, data: bytes, kind: TargetKind, owner: str | None = None) -> Target:
        self.blobs[digest := sha256_hex(data)] = data
        return Target(name, digest, len(data), kind, owner)

    def content(self, number: int = 1, *, now: float | None = None, days: float = 30.0, **parts: Any) -> BundleContent:  # noqa: ANN401 - of any of its fields
        now = time.time() if now is None else now
        files = sorted((
            self.target(NAME, CONFIGURATION, TargetKind.CONFIGURATION, MAC),
            self.target("dialplan.xml", SHARED, TargetKind.SHARED),
            self.target("SCCP45.9-4-2SR3-1S.loads", FIRMWARE, TargetKind.FIRMWARE),
        ), key=lambda file: file.name)  # fmt: skip
        told: dict[str, Any] = {
            "bundle": "bundle-3f9c0a7b21de", "number": number, "site": "anna", "release": number, "made_at": now,
            "expires_at": now + days * _DAY_S, "watch": "https://hub.example.org:8443/portable.rfb",
            "phones": (BundledPhone(MAC, "Anna's phone", "CP-7945G"),), "files": files,
        }  # fmt: skip
        return BundleContent(**{**told, **parts})

    def write(self, file: Path, lock: BundleLock, content: BundleContent | None = None) -> Path:
        with file.open("wb") as opened:
            bundle_file.write(self.hub, content or self.content(), lock, opened)
        return file

    def program(self, file: Path) -> Path:
        file.write_bytes(portable_program.make(self.hub))
        return file


def new_identity() -> tuple[Identity, BundleLock, str]:
    """An identity, the lock that it opens, and how age writes it."""
    made = pyrage.x25519.Identity.generate()
    return Identity.parse(str(made)), BundleLock(str(made.to_public())), str(made)


def pythons() -> Sequence[str]:
    """Every interpreter at hand that the portable is for."""
    found = [sys.executable, *(shutil.which(f"python3.{minor}") or "" for minor in range(11, 20))]
    found += [str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python3")]
    by_version: dict[str, str] = {}
    for path in filter(None, found):
        told = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-I", "-S", "-c", told], capture_output=True, text=True, check=False)
        if done.returncode == 0 and tuple(map(int, done.stdout.split("."))) >= (3, 11):
            by_version.setdefault(done.stdout.strip(), os.path.realpath(path))
    return [path for _version, path in sorted(by_version.items())]


@dataclass
class Portable:
    """A portable that runs; ``said`` has what it printed so far."""

    process: subprocess.Popen[bytes]
    said: str = ""

    def until(self, holds: Callable[[str], bool]) -> str:
        """Wait until what it has printed satisfies a condition."""
        out = self.process.stdout
        assert out is not None
        ends = time.monotonic() + _WITHIN_S
        while not holds(self.said):
            ready, _, _ = select.select([out], [], [], max(0.0, ends - time.monotonic()))
            data = os.read(out.fileno(), 65536) if ready else b""
            assert data, f"it did not come: {self.said}"
            self.said += data.decode()
        return self.said

    @property
    def port(self) -> int:
        said = self.until(lambda said: "Waiting" in said or "Warten" in said)
        found = re.search(r"(?:At port|Am Anschluss) ([0-9]+) ", said)
        assert found is not None
        return int(found[1])

    def end(self) -> str:
        self.process.terminate()
        out, _ = self.process.communicate(timeout=_WITHIN_S)
        self.said += out.decode()
        return self.said


@contextlib.contextmanager
def started(
    program: Path, *words: str, home: Path, python: str = sys.executable, variables: Mapping[str, str] | None = None
) -> Iterator[Portable]:
    """Start a portable in an empty environment: no library but its own, no variable but a home."""
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "TMPDIR": str(home), **(variables or {})}
    with subprocess.Popen(
        [python, "-I", "-S", "-X", "utf8", str(program), "--no-browser", "--port", "0", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=home, env=environment,
    ) as process:  # fmt: skip
        try:
            yield Portable(process)
        finally:
            process.kill()


def refused(program: Path, *words: str, home: Path, python: str = sys.executable) -> tuple[int, str]:
    """How a portable ends that serves nothing, and what it says."""
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [python, "-I", "-S", "-X", "utf8", str(program), *words], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, cwd=home, env={"HOME": str(home), "TMPDIR": str(home)}, timeout=_WITHIN_S,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
