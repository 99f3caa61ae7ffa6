"""Builds what is given away, the same bytes from the same commit: an sdist, a wheel, and their hashes.

Both hold the manual pages and the shells' completions, which scripts/manual.py makes from the commands' own help.

Times inside are the commit's, or SOURCE_DATE_EPOCH where that is set
(https://reproducible-builds.org/specs/source-date-epoch/). Both are built twice, in two places, and compared.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
HASHES = "SHA256SUMS"


def moment() -> int:
    """Return when the sources are from, in Unix seconds."""
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    if git := shutil.which("git"):
        done = subprocess.run([git, "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
        if not done.returncode:
            return int(done.stdout)
    raise SystemExit("Here is no Git history to take the time from: set SOURCE_DATE_EPOCH to the release's time.")


def build(kind: str, source: Path, to: Path, at: int) -> Path:
    """Build an ``sdist`` or a ``wheel`` and return it."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(to), str(source)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(at), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, umask=0o022)
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}")
    return next(to.glob("*.tar.gz" if kind == "sdist" else "*.whl"))


def settle(sdist: Path, at: int) -> None:
    """Write an sdist anew without what its machine adds: order, times, owners and modes."""
    with tarfile.open(sdist) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        contents = {each.name: archive.extractfile(each) for each in members if each.isfile()}
        with (
            sdist.with_suffix(".new").open("wb") as file,
            gzip.GzipFile("", "wb", 9, file, mtime=at) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as settled,
        ):
            for member in members:
                member.mtime, member.uid, member.gid, member.uname, member.gname = at, 0, 0, "", ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                member.pax_headers = {}
                settled.addfile(member, contents.get(member.name))
    sdist.with_suffix(".new").replace(sdist)


def made(place: Path, at: int) -> list[Path]:
    """Build both in a place of their own; the wheel from the sdist, as whoever gets that does."""
    sources = place / "sources"  # no file that an earlier build left is among them
    out = place / "out"
    shutil.copytree(
        ROOT, sources, ignore=shutil.ignore_patterns(".git", ".venv*", "build", "dist", "*.egg-info", "*.so")
    )
    command = [sys.executable, str(ROOT / "scripts" / "manual.py"), str(sources)]
    subprocess.run(command, env={**os.environ, "SOURCE_DATE_EPOCH": str(at)}, check=True, umask=0o022)
    sdist = build("sdist", sources, out, at)
    settle(sdist, at)
    with tarfile.open(sdist) as archive:
        archive.extractall(place)  # noqa: S202 - it was written above
    return [sdist, build("wheel", place / sdist.name.removesuffix(".tar.gz"), out, at)]


def main(folder: Path) -> None:
    """Build into ``folder``, which is emptied before."""
    at = moment()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory(suffix="-elsewhere") as other:
        first, second = made(Path(one), at), made(Path(other), at)
        for left, right in zip(first, second, strict=True):
            if left.read_bytes() != right.read_bytes():
                raise SystemExit(f"{left.name} came out differently the second time")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        hashes = ""
        for each in first:
            shutil.copy(each, folder)
            hashes += f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n"
        (folder / HASHES).write_text(hashes)
    print(f"Built twice with the same bytes:\n{hashes}", end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
