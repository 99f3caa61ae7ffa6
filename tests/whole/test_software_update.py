"""An edge updates itself: a real one out of slots, which serves a phone while a newer version is tried."""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import RingfenceError
from ringfence.server.tftp.client import fetch
from stack import Stack, free_port, running_stack, wait_for
from support.software_archives import SoftwareMaker

pytestmark = pytest.mark.slow
MAC, NAME = "00:1B:54:C2:9A:5D", "SEP001B54C29A5D.cnf.xml"
LIBRARIES = (
    "_cffi_backend",
    "cachetools",
    "cffi",
    "cryptography",
    "h11",
    "msgspec",
    "securesystemslib",
    "tuf",
    "urllib3",
)
NOT_AN_EDGES = ("hub", "sim", "portable", "__pycache__")


def filled(folder: Path, version: str) -> Path:
    """Return a folder with an edge's software of a version, and what it needs, as pip would fill it."""
    packages, source = Path(sysconfig.get_path("purelib")), Path(__file__).parents[2] / "src" / "ringfence"
    for name in LIBRARIES:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        if found.submodule_search_locations:
            shutil.copytree(packages / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(found.origin, folder)
    for path in packages.glob("*.dist-info"):
        if path.name.partition("-")[0] in LIBRARIES:
            shutil.copytree(path, folder / path.name)
    shutil.copytree(source, folder / "ringfence", ignore=shutil.ignore_patterns(*NOT_AN_EDGES))
    (folder / "ringfence" / "__init__.py").write_text(f'"""A version."""\n\n__version__ = "{version}"\n')
    return folder


class AskingPhone:
    """Asks for a phone's file again and again, and knows the longest time in which none came."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._over = stack, threading.Event()
        self.longest_gap_s = 0.0
        self.fetched = 0
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        last = time.monotonic()
        while not self._over.is_set():
            try:
                fetch(self._stack.tftp, NAME)
            except (OSError, RingfenceError):
                self._over.wait(0.05)
                continue
            now = time.monotonic()
            self.longest_gap_s, last = max(self.longest_gap_s, now - last), now
            self.fetched += 1
            self._over.wait(0.05)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> SoftwareMaker:
    return SoftwareMaker.new(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def folder_of_software(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("software") / "edge", "0.1.0")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path) as made:
        made.make_hub()
        site = made.ask("site", "add", "Anna")["id"]
        made.trust_loopback(site)
        made.run("set", "organisation", "sip_server=sip.example.org")
        made.run("phone", "add", MAC, "--site", site, "--model", "9971")
        made.run("line", "set", MAC, "1", "--name", "201", "--label", "Anna")
        made.run("set", "phone", MAC, f"sip_listen_port={free_port()}")
        made.ask("publish")
        made.enrol_edge(site)
        yield made


def test_an_edge_goes_on_with_a_newer_version_and_back_from_one_that_breaks(
    stack: Stack, maker: SoftwareMaker, folder_of_software: Path, tmp_path: Path
) -> None:
    slots, key = tmp_path / "slots", tmp_path / "key.pub"
    key.write_text(maker.key.public_pem)

    def archive(version: str) -> str:
        (folder_of_software / "ringfence" / "__init__.py").write_text(
            f'"""A version."""\n\n__version__ = "{version}"\n'
        )
        out = tmp_path / f"edge-{version}.zip"
        stack.run("software", "pack", str(folder_of_software), str(out))
        return str(maker.sign(out, version))

    def state() -> Any:  # noqa: ANN401 - what the command prints
        return stack.ask("edge", "software", "status", str(slots))

    stack.run("edge", "software", "install", str(slots), archive("0.1.0"), "--key", str(key))
    where = ["--folder", str(stack.edge_folder), "--listen", f"127.0.0.1:{stack.tftp_port}"]
    where += ["--https-port", str(stack.https_port)]
    with (tmp_path / "edge.log").open("a") as log:
        running = subprocess.Popen([sys.executable, "-I", str(slots / "launcher.py"), *where], stdout=log, stderr=log)
    try:
        wait_for("the first release", lambda: stack.edge_status().get("release"))
        phone = AskingPhone(stack)
        try:
            stack.run("edge", "software", "update", str(slots), archive("0.2.0"), "--within", "600")
            wait_for("the new version", lambda: state()["current"] == "b", patience_s=300, pause_s=0.5)
            so_far = phone.fetched
            wait_for("a file by the new version", lambda: phone.fetched > so_far)
        finally:
            phone.end()
        print(f"longest time without a file: {phone.longest_gap_s:.1f} s")  # noqa: T201 - the figure, with -s
        assert state()["said"] == "Version 0.2.0 was tried and is well."
        wait_for("the hub to know", lambda: stack.ask("edge", "list")[0]["version"] == "0.2.0", pause_s=0.5)

        broken = folder_of_software / "ringfence" / "edge" / "agent" / "agent.py"
        text = broken.read_text()
        broken.write_text("import nothing_of_that_name\n")
        try:
            stack.run("edge", "software", "update", str(slots), archive("0.3.0"))
        finally:
            broken.write_text(text)
        wait_for("the way back", lambda: "0.3.0" in state()["failed"], patience_s=300, pause_s=0.5)
        assert state()["current"] == "b"
        wait_for("the edge before", lambda: stack.edge_status().get("connected_since"))
        assert b"<featureLabel>Anna<" in fetch(stack.tftp, NAME)
    finally:
        stack.stop(running)  # type: ignore[arg-type] # a process of bytes ends as one of text does
