"""What a run of tests says of parts that the machine lacks is the same with workers as without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import conftest
import pytest

conftest.PARTS["a part"] = (lambda: False, "buy one")


@pytest.mark.needs("a part")
def test_with_it():
    raise AssertionError


def test_without_it():
    pass


def test_that_skips():
    pytest.skip("of its own")
"""


def run(folder: Path, *options: str, required: str = "") -> tuple[int, list[str]]:
    """Run the tests; return the exit status and the last lines."""
    (folder / "test_parts.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "conftest",
        *options,
        str(folder),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "RINGFENCE_REQUIRE": required}
    for name in [name for name in environment if name.startswith(("PYTEST", "RINGFENCE_TESTS"))]:
        del environment[name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("options", [("-n", "0"), ("-n", "2")])
def test_what_could_not_run_is_said_and_fails_a_run_that_needs_everything(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    status, said = run(tmp_path, *options)
    assert "not run: the tests that need a part. To enable them: buy one" in said
    assert (status, said[-1].partition(" in ")[0]) == (0, "1 passed, 2 skipped")
    status, said = run(tmp_path, *options, required="all")
    assert (status, said[-1].partition(" in ")[0]) == (1, "1 failed, 1 passed, 1 skipped")
    status, said = run(tmp_path, *options, "-k", "not with_it", required="all")
    assert (status, said[-1].startswith("1 passed, 1 skipped")) == (1, True)
