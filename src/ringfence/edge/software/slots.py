"""Two slots for the edge's own software below one folder, and how a version comes into one of them.

    launcher.py     starts one of them (``launcher``); a copy, so that it depends on no slot
    pinned.json     the public key that software must be signed with, and the oldest version that may be installed
    a/, b/          each a whole environment: its interpreter, its packages, and slot.json, which says what it is
    state/          what the launcher knows; it belongs to the user that the edge runs as

All but ``state`` belongs to who installs, usually root: the edge runs it and can't change it. A version is copied,
compared with what was signed, unpacked beside its slot, synced, and only then put in the slot's place. The slot in use
is never touched. A cut of the power at any moment leaves it as it is (``tests/edge/software/test_slots.py``).
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ringfence.content.errors import Malformed
from ringfence.content.software import (
    LARGEST_STATEMENT_BYTES,
    SoftwareRelease,
    read_public_key,
    verify_software,
    version_numbers,
)
from ringfence.edge.errors import DiskFull
from ringfence.edge.software import launcher
from ringfence.edge.software.archive import unpack
from ringfence.edge.software.errors import NoSlots, SlotsBusy, SoftwareRefused
from ringfence.edge.storage.disk import Disk, disk_faults

STATEMENT = ".json"
"""What an archive's name is followed by in the name of the file that says what it is."""
_COMPILE_WITHIN_S = 900.0
_CHUNK_BYTES = 1 << 20
_KEPT = "What is installed stays."
_ROOM = 6
"""How many times an archive's size an installation may take: its copy, its files, and these compiled."""


@dataclass(frozen=True, slots=True)
class _Pinned:
    """What belongs to who installed the slots; the edge can't change it."""

    public_pem: str
    minimum: str


@dataclass(frozen=True, slots=True)
class SlotsStatus:
    """What is installed: the slot in use, each slot's version (empty: none), what is tried and what failed."""

    current: str
    versions: dict[str, str]
    trial: str
    failed: dict[str, str]
    minimum: str
    said: str


class SoftwareSlots:
    """The slots below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._disk = Disk()
        self._state = self.folder / "state"
        self._pinned = self.folder / "pinned.json"

    def install(self, archive: Path, public_pem: str, owner: tuple[int, int] | None = None) -> SoftwareRelease:
        """Make the slots, with a release in the first; ``owner`` is the user and group that the edge runs as.

        Raises:
            SlotsBusy: There are slots already.
            MetadataRefused, SoftwareRefused: It is not signed by this key, or not for this machine.
            DiskFull, DiskFault: It can't be written.
        """
        if self._pinned.exists():
            raise SlotsBusy(
                "software is installed here already",
                where=str(self.folder),
                to_do="Update it: ringfence edge software update SLOTS FILE.",
            )
        read_public_key(public_pem)
        release = _read_statement(archive, public_pem)
        _check_machine(release)
        with disk_faults(self.folder):
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._state.mkdir(mode=0o700, exist_ok=True)
            if owner is not None:
                os.chown(self._state, *owner)
            self._fill("a", archive, release)
            shutil.copyfile(Path(launcher.__file__), self.folder / "launcher.py")
            (self.folder / "launcher.py").chmod(0o644)
            launcher.write_state(self._state, launcher.first_state())
            os.sync()
            self._pin(_Pinned(public_pem, release.minimum))
        return release

    def update(
        self, archive: Path, *, again: bool = False, older: bool = False, within_s: int = launcher.WITHIN_S
    ) -> SoftwareRelease:
        """Put a release into the slot that is not in use, and have the launcher try it.

        Args:
            archive: Its file; the statement lies beside it.
            again: Try a version that was given up once.
            older: Take one that is not newer than the one in use; never one below the minimum.
            within_s: How long it has for being well.

        Raises:
            NoSlots: Nothing is installed here.
            SlotsBusy: A version is being tried.
            MetadataRefused, SoftwareRefused: The release is not to be installed; nothing changes.
            DiskFull, DiskFault: It can't be written; nothing changes.
        """
        release = _read_statement(archive, self._pins().public_pem)
        _check_machine(release)
        self._raise_minimum()
        state = launcher.read_state(self._state)
        self._check_state(state, release, again=again, older=older)
        slot = next(each for each in launcher.SLOTS if each != state["current"])
        with disk_faults(self.folder), _held():
            self._fill(slot, archive, release)
            with launcher.changing(self._state) as now:
                self._check_state(now, release, again=again, older=older)
                if now["current"] == slot:
                    raise SlotsBusy("the slots have changed meanwhile", to_do="Try again.")
                now["failed"].pop(release.version, None)
                now["trial"] = {"slot": slot, "version": release.version, "begun": False, "within_s": within_s}
                now["said"] = f"Version {release.version} waits for its trial."
        return release

    def status(self) -> SlotsStatus:
        """Return what is installed. NoSlots."""
        minimum = self._pins().minimum
        state = launcher.read_state(self._state)
        versions = {slot: self._version(slot) for slot in launcher.SLOTS}
        trial = state["trial"]["version"] if state["trial"] else ""
        return SlotsStatus(state["current"], versions, trial, state["failed"], minimum, state["said"])

    def _check_state(self, state: launcher.State, release: SoftwareRelease, *, again: bool, older: bool) -> None:
        if state["trial"] is not None:
            raise SlotsBusy(
                f"version {state['trial']['version']} is being tried",
                to_do="Wait for its end: ringfence edge software status SLOTS.",
            )
        current = self._version(state["current"]) or "0.0.0"
        minimum = self._pins().minimum
        if version_numbers(release.version) < version_numbers(minimum):
            raise SoftwareRefused(
                f"version {release.version} is below {minimum}, the oldest that may still be installed",
                to_do=_KEPT,
            )
        if version_numbers(release.version) <= version_numbers(current) and not older:
            raise SoftwareRefused(
                f"version {release.version} is not newer than {current}, which is in use",
                to_do=f"{_KEPT} With --older it is installed all the same.",
            )
        if release.version in state["failed"] and not again:
            raise SoftwareRefused(
                f"version {release.version} was given up before: {state['failed'][release.version]}",
                to_do=f"{_KEPT} With --again it is tried once more.",
            )

    def _pins(self) -> "_Pinned":
        try:
            told: dict[str, Any] = json.loads(self._disk.read(self._pinned) or b"")  # Any: JSON
            version_numbers(str(told["minimum"]))
            return _Pinned(str(told["public_pem"]), str(told["minimum"]))
        except (ValueError, KeyError, TypeError, Malformed):
            raise NoSlots(
                "no software of an edge is installed here",
                where=str(self.folder),
                to_do="Install it: ringfence edge software install SLOTS FILE --key KEY.",
            ) from None

    def _pin(self, pins: "_Pinned") -> None:
        self._disk.replace(self._pinned, json.dumps(asdict(pins)).encode())

    def _raise_minimum(self) -> None:
        """Have what the version in use was signed with count for all that follow it."""
        pins, current = self._pins(), self.folder / launcher.read_state(self._state)["current"] / "slot.json"
        try:
            told = str(json.loads(self._disk.read(current) or b"")["minimum"])
            if version_numbers(told) > version_numbers(pins.minimum):
                self._pin(_Pinned(pins.public_pem, told))
        except (ValueError, KeyError, TypeError, Malformed):
            return  # a slot that was damaged says nothing

    def _version(self, slot: str) -> str:
        try:
            told: dict[str, Any] = json.loads(self._disk.read(self.folder / slot / "slot.json") or b"")  # Any: JSON
            return ".".join(map(str, version_numbers(str(told["version"]))))
        except (ValueError, KeyError, TypeError, Malformed):
            return ""

    def _fill(self, slot: str, archive: Path, release: SoftwareRelease) -> None:
        new, copy = self.folder / f"{slot}.new", self.folder / "archive.new"
        for left in (new, copy):
            self._remove(left)
        free = self._disk.free_bytes(self.folder)
        if free < _ROOM * release.size_bytes:
            raise DiskFull(
                f"the disk has {free / 1e6:.0f} MB free, and {_ROOM * release.size_bytes / 1e6:.0f} MB are needed",
                where=str(self.folder),
                to_do=f"Free some space. {_KEPT}",
            )
        try:
            with _readable(archive) as source, copy.open("w+b") as file:
                _copy(source, file, release)
                unpack(file, new / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages")
            _make_environment(new)
            (new / "slot.json").write_text(json.dumps(asdict(release)))
            os.sync()
            self._remove(self.folder / slot)
            new.rename(self.folder / slot)
            self._disk.sync_folder(self.folder)
        finally:
            self._remove(copy)
            self._remove(new)

    def _remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _held() -> Iterator[None]:
    try:
        yield
    except TimeoutError as fault:
        raise SlotsBusy(str(fault), to_do="Try again.") from None


def _read_statement(archive: Path, public_pem: str) -> SoftwareRelease:
    path = archive.with_name(archive.name + STATEMENT)
    try:
        with path.open("rb") as file:
            return verify_software(file.read(LARGEST_STATEMENT_BYTES + 1), public_pem)
    except OSError as fault:
        raise SoftwareRefused(
            f"the file that says what this archive is can't be read: {fault.strerror}",
            where=str(path),
            to_do="It is made beside the archive: ringfence software sign FILE --key KEY --version 1.2.0.",
        ) from None


def check_archive(archive: Path, public_pem: str) -> SoftwareRelease:
    """Return what an archive is, once its signature and its bytes were checked.

    Raises:
        MetadataRefused, SoftwareRefused: It is not what this key has signed.
    """
    release = _read_statement(archive, public_pem)
    with _readable(archive) as source, Path(os.devnull).open("w+b") as nowhere:
        _copy(source, nowhere, release)
    return release


def _readable(archive: Path) -> BinaryIO:
    try:
        return archive.open("rb")
    except OSError as fault:
        raise SoftwareRefused(
            f"the archive can't be read: {fault.strerror}", where=str(archive), to_do="Copy it here again."
        ) from None


def _check_machine(release: SoftwareRelease) -> None:
    here = (python_tag(), platform.machine().lower())
    if (release.python, release.machine) != here:
        raise SoftwareRefused(
            f"this archive is for {release.python} on {release.machine}, and here is {here[0]} on {here[1]}",
            to_do=_KEPT,
        )


def python_tag() -> str:
    """Return the tag of the interpreter that runs this, such as cp311."""
    return f"cp{sys.version_info[0]}{sys.version_info[1]}"


def _copy(source: BinaryIO, file: BinaryIO, release: SoftwareRelease) -> None:
    """Copy an archive, so that what is unpacked is what was compared with the statement."""
    digest, left = hashlib.sha256(), release.size_bytes
    while chunk := source.read(min(_CHUNK_BYTES, left + 1)):
        left -= len(chunk)
        if left < 0:
            break
        digest.update(chunk)
        file.write(chunk)
    if left or digest.hexdigest() != release.digest:
        raise SoftwareRefused("the archive is not the one that was signed", to_do=f"{_KEPT} Copy it here again.")
    file.seek(0)


def _make_environment(folder: Path) -> None:
    """Make a folder with packages an environment (PEP 405), and compile them, as the edge can't write there."""
    base = Path(sys._base_executable).resolve()  # type: ignore[attr-defined] # noqa: SLF001 - venv reads it likewise
    version = ".".join(map(str, sys.version_info[:3]))
    (folder / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    (folder / "bin").mkdir(mode=0o755)
    (folder / "bin" / "python").symlink_to(base)
    with contextlib.suppress(subprocess.TimeoutExpired):  # without, it starts all the same, more slowly
        subprocess.run(  # noqa: S603 - Python's own module
            [str(base), "-I", "-m", "compileall", "-q", "-s", str(folder), str(folder / "lib")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_COMPILE_WITHIN_S, check=False,
        )  # fmt: skip
    for path, folders, names in os.walk(folder):
        for name in (*folders, *names):
            each = Path(path, name)
            if not each.is_symlink():
                each.chmod(0o755 if each.is_dir() else 0o644)
    folder.chmod(0o755)
