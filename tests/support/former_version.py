"""Another version of Ringfence beside this one: the release before, as an interpreter of its own.

Its sources come from the repository's history, so that nothing is asked of a network; the libraries are this
environment's. Where nothing was released yet, the former version is a commit that speaks the same device API.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEFORE_RELEASES = "81b01f3646e12c4f0c2c241407cce3b83bc23e8b"
"""The former version until there are two releases: hub, edge and phones by TFTP, without boxes and keys of phones."""


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A checkout may belong to somebody else than who runs its tests.
    return subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def former_commit() -> str:
    """Return the commit of the newest release before this commit; BEFORE_RELEASES where there is none."""
    found = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
    return found.stdout.strip() if not found.returncode else BEFORE_RELEASES


def is_there() -> bool:
    """Return whether the repository's history has the former version."""
    try:
        return not _git("cat-file", "-e", f"{former_commit()}^{{commit}}").returncode
    except FileNotFoundError:
        return False


def interpreter(folder: Path) -> str:
    """Make an environment below ``folder`` that has the former version, and return its interpreter."""
    tree, environment = folder / "tree", folder / "environment"
    tree.mkdir()
    packed = folder / "former.tar"
    made = _git("archive", f"--output={packed}", former_commit(), "src/ringfence")
    assert not made.returncode, made.stderr
    subprocess.run(["tar", "--extract", "--file", str(packed), "--directory", str(tree)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python3*/site-packages")
    # Folders that a .pth file names have no .pth files of theirs read: this tree's own sources stay out.
    (packages / "former.pth").write_text(f"{tree / 'src'}\n{sysconfig.get_path('purelib')}\n")
    where = [str(python), "-I", "-c", "import ringfence; print(ringfence.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(tree)), found
    return str(python)
