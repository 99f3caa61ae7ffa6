"""Every awkward input through the real command: one clear error, in bounded time and memory, and nothing written.

``files`` holds what can be kept, ``awkward_inputs.MADE`` makes the rest, and ``expected.toml`` says what each one's
command must answer: its exit status, and what it prints (the beginning of that, where nothing is wrong).
"""

import os
import resource
import shutil
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import ringfence.cli.asset_cmd
import ringfence.cli.firmware_cmd
import ringfence.cli.import_tftp_cmd
import ringfence.phones.assets.kinds
import ringfence.phones.importing.folder  # noqa: F401 - all of it here, so that each forked command starts at once
from ringfence.cli.main import main
from stack import Stack, running_stack
from support.awkward_inputs import MADE

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
EXPECTED: Mapping[str, Mapping[str, object]] = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
FILES = {str(path.relative_to(HERE / "files")) for path in (HERE / "files").glob("*/*")}
CUT = sorted(name for name in MADE if "/cut-" in name)
CPU_S = 15
MEMORY_KIB = 100 << 10
"""At most so much more is resident than where the command was forked; the largest input unpacks to a gigabyte."""
CRASHED = 99

COMMANDS: Mapping[str, Callable[[Path], list[str]]] = {
    "phones": lambda path: ["import", "tftp", "--dry-run", str(path.parent)],
    "tables": lambda path: ["import", "csv", "--dry-run", str(path)],
    "firmware": lambda path: ["firmware", "inspect", str(path)],
    "assets": lambda path: ["asset", "import", "--dry-run", str(path)],
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    said: str
    grown_kib: int


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("awkward")) as made:
        made.make_hub()
        yield made


def put(name: str, folder: Path) -> Path:
    """Put an input into ``folder``, under a name that its reader looks for."""
    at = folder / ("SEP001B54E00000.cnf.xml" if name.startswith("phones/") else Path(name).name)
    if name in MADE:
        at.write_bytes(MADE[name]())
    else:
        shutil.copy(HERE / "files" / name, at)
    return at


def run(arguments: list[str], out: Path, environment: Mapping[str, str]) -> Ended:
    """Run the command in a fork of this process, under limits."""
    sys.stdout.flush()
    before_kib = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024
    pid = os.fork()
    if pid == 0:
        _be_the_command(arguments, out, environment)
    _pid, status, used = os.wait4(pid, 0)
    return Ended(os.waitstatus_to_exitcode(status), out.read_text(encoding="utf-8"), used.ru_maxrss - before_kib)


def _be_the_command(arguments: list[str], out: Path, environment: Mapping[str, str]) -> None:
    status = CRASHED
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        descriptor = os.open(out, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))
        os.environ.clear()
        os.environ.update(environment)
        os.environ["COLUMNS"] = "400"
        sys.argv = ["ringfence", *arguments]
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001 - a fork must never come back into the test
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def ended(name: str, stack: Stack, folder: Path) -> Ended:
    """Run the command that reads an input; what it says names the folder ``DIR``."""
    inside = folder / "in"
    inside.mkdir()
    path = put(name, inside)
    before = tree(folder)
    done = run(COMMANDS[name.partition("/")[0]](path), folder / "out", stack.environment)
    assert tree(folder) - {folder / "out"} == before
    return Ended(done.status, done.said.replace(str(inside), "DIR").strip(), done.grown_kib)


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_every_input_has_what_is_expected_of_it_and_the_other_way_round() -> None:
    assert {name for name in MADE if name not in CUT} | FILES == EXPECTED.keys()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_awkward_input_gets_one_clear_answer(name: str, stack: Stack, tmp_path: Path) -> None:
    done = ended(name, stack, tmp_path)
    says = EXPECTED[name]["says"]
    assert (done.status, done.said[: len(str(says))] if done.status == 0 else done.said) == (
        EXPECTED[name]["status"],
        says,
    )
    assert "Traceback" not in done.said
    assert " object at 0x" not in done.said
    assert done.grown_kib < MEMORY_KIB


@pytest.mark.parametrize("name", CUT[:: len(CUT) // 8] + CUT[-1:])
def test_a_signed_list_that_is_cut_anywhere_in_its_header_is_refused(name: str, stack: Stack, tmp_path: Path) -> None:
    done = ended(name, stack, tmp_path)
    assert done.status == 3
    assert done.said.startswith("ringfence: ")
    assert "\n" not in done.said
