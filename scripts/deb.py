"""Builds the Debian packages, the same bytes from the same commit: ``python scripts/deb.py FOLDER``.

The packages share one Python environment in /usr/lib/ringfence (docs/adr/0065): ringfence-common has what an edge
needs, ringfence-hub adds the hub's libraries. What is in which package, packaging/debian/packages.toml says. Libraries
come from constraints.txt, by hash. They are built for this machine's architecture and Debian's own Python.
Sources: deb(5), deb-control(5), Debian Policy 4.6.2.
"""

import argparse
import gzip
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import dist
import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = dist.ROOT
DEBIAN = ROOT / "packaging" / "debian"
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
HOME = "usr/lib/ringfence"
LIBRARIES = f"{HOME}/lib/{PYTHON}/site-packages"
MAINTAINER = "Ringfence's operators <root@localhost>"
"""Whoever builds the packages for their machines; ``--maintainer`` names them."""
COMMON = "ringfence-common"
OF_AN_INSTALLER = ("RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")
"""What says how and from where something was installed here, which dpkg knows and nobody else needs."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package as packages.toml has it."""

    name: str
    summary: str
    description: str
    extras: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    state: Mapping[str, str] = field(default_factory=dict)
    purged: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def packages() -> Iterator[Package]:
    """Yield the packages, in the order in which they are installed."""
    with (DEBIAN / "packages.toml").open("rb") as file:
        for name, told in tomllib.load(file).items():
            yield msgspec.convert({"name": name, **told}, Package)


def run(*command: str | Path, at: int = 0) -> str:
    """Run a command that must succeed; return what it prints.

    Raises:
        SystemExit: It failed; the message has what it printed.
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(at), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False, umask=0o022)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def needed(extras: Iterable[str]) -> set[str]:
    """Return the names of the libraries that Ringfence needs with these extras, as this environment has them."""
    to_do, seen = [("ringfence", frozenset(extras))], set()
    while to_do:
        name, wanted = to_do.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        for line in importlib.metadata.requires(name) or ():
            needs = Requirement(line)
            if needs.marker is None or any(needs.marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                to_do.append((canonicalize_name(needs.name), frozenset(needs.extras)))
    return {name for name, _ in seen} - {"ringfence"}


def pinned(names: set[str]) -> str:
    """Return the lines of constraints.txt that pin these libraries, with their hashes.

    Raises:
        SystemExit: One of them is not pinned.
    """
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / "constraints.txt").read_text())
    found = {str(canonicalize_name(re.split(r"[=\s\[]", each, maxsplit=1)[0])): each for each in blocks if "==" in each}
    if missing := names - found.keys():
        raise SystemExit(f"constraints.txt does not pin {sorted(missing)}: run 'make constraints'")
    return "".join(found[name] for name in sorted(names))


def install(into: Path, *what: str | Path) -> None:
    """Install with uv into a folder, from wheels alone, without what says where that happened."""
    run(
        UV, "pip", "install", "--quiet", "--python", sys.executable, "--target", into, "--no-deps",
        "--link-mode", "copy", "--only-binary", ":all:", *what,
    )  # fmt: skip
    for name in OF_AN_INSTALLER:
        for path in into.glob(f"*.dist-info/{name}"):
            path.unlink()
    for path in into.glob("*.dist-info/INSTALLER"):
        path.write_text("dpkg\n")
    for path in [into / ".lock", *into.rglob(".gitignore"), *into.rglob("__pycache__"), into / "bin"]:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def command_file(path: Path, wheel: Path, name: str) -> None:
    """Write the program of one of the wheel's commands."""
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = (each for each in archive.namelist() if each.endswith(".dist-info/entry_points.txt"))
        module, _, function = dict(
            line.split(" = ") for line in archive.read(entry).decode().splitlines() if " = " in line
        )[name].partition(":")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/{HOME}/bin/python\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n")
    path.chmod(0o755)


def fill_with_libraries(root: Path, package: Package, others: set[str], place: Path, wheel: Path) -> None:
    """Install what a package brings of the environment, without what packages that it needs have."""
    names = needed(package.extras) - others
    requirements = place / f"{package.name}.txt"
    requirements.write_text(pinned(names))
    libraries = root / LIBRARIES
    install(libraries, "--require-hashes", "--requirement", requirements)
    for path in libraries.glob("share"):  # manual pages of libraries' own commands, which are not installed
        shutil.rmtree(path)
    if package.name != COMMON:
        return
    (root / HOME / "bin").mkdir(parents=True)
    (root / HOME / "bin" / "python").symlink_to(f"/usr/bin/{PYTHON}")
    (root / HOME / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    install(libraries, wheel)
    shutil.move(libraries / "share", root / "usr" / "share")
    share = root / "usr" / "share"
    for beside in ("systemd", "sysusers.d"):
        shutil.rmtree(share / "ringfence" / beside)  # each package has its own
    (share / "man/man1/ringfence-serve.1").unlink()  # in ringfence-serve
    shutil.move(share / "doc" / "ringfence", share / "doc" / COMMON)
    (root / "etc/ringfence").mkdir(parents=True)


def fill_with_units(root: Path, package: Package) -> None:
    """Install a package's units, what the package adds to them, their users and their configuration."""
    units = root / "usr/lib/systemd/system"
    for unit in package.units:
        units.mkdir(parents=True, exist_ok=True)
        text = (ROOT / "packaging/systemd" / unit).read_text().replace("/opt/ringfence/bin/", "/usr/bin/")
        (units / unit).write_text(re.sub(r"(?m)\A(#.*\n)+\n?", "", text))  # how to copy it by hand
        if (added := DEBIAN / "dropins" / f"{unit}.conf").exists():
            (units / f"{unit}.d").mkdir()
            shutil.copy(added, units / f"{unit}.d" / "package.conf")
        if (defaults := DEBIAN / "default" / unit.removesuffix(".service")).exists():
            (root / "etc/default").mkdir(parents=True, exist_ok=True)
            shutil.copy(defaults, root / "etc/default")
    if package.users:
        users = (ROOT / "packaging/sysusers.d/ringfence.conf").read_text().splitlines(keepends=True)
        (root / "usr/lib/sysusers.d").mkdir(parents=True)
        mine = [line for line in users if line.split()[1] in package.users]
        (root / "usr/lib/sysusers.d" / f"{package.name}.conf").write_text("".join(mine))


def scripts(package: Package) -> Iterator[tuple[str, str]]:
    """Yield the package's maintainer scripts."""
    create = [f"systemd-sysusers {package.name}.conf"] if package.users else []
    create += [f"install -d -m 0700 -o {user} -g {user} {folder}" for folder, user in package.state.items()]
    words = {
        "PACKAGE": package.name, "CREATE": "\n".join(create), "RESTARTED": " ".join(package.restarted),
        "TAG": sys.implementation.cache_tag, "UNITS": " ".join(package.units),
        "PURGED": " ".join(package.purged), "KEPT": " ".join(package.kept),
    }  # fmt: skip
    for name in ("postinst", "prerm", "postrm"):
        text = (DEBIAN / name).read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        yield name, text


def compressed(path: Path, text: bytes) -> None:
    """Write a text as gzip, without a time or a name in it (Debian Policy 12.1, 12.3)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text, 9, mtime=0))


def fill_with_documents(root: Path, package: Package, version: str, maintainer: str, at: int) -> None:
    """Install what every package has: who may copy it, what changed, and its pages compressed."""
    documents = root / "usr/share/doc" / package.name
    documents.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEBIAN / "copyright", documents)
    entry = f"ringfence ({version}) unstable; urgency=medium\n\n  * Release {version}.\n\n"
    entry += f" -- {maintainer}  {format_datetime(datetime.fromtimestamp(at, UTC))}\n"
    compressed(documents / "changelog.gz", entry.encode())
    if "ringfence-serve" in package.commands:
        compressed(
            root / "usr/share/man/man1/ringfence-serve.1.gz", (dist.ROOT / "docs/man/ringfence-serve.1").read_bytes()
        )
    for page in (root / "usr/share/man").glob("man1/*.1"):
        compressed(page.with_suffix(".1.gz"), page.read_bytes())
        page.unlink()
    overrides = root / "usr/share/lintian/overrides" / package.name
    overrides.parent.mkdir(parents=True)
    overrides.write_text((DEBIAN / "lintian-overrides").read_text().replace("@PACKAGE@", package.name))


def control(package: Package, root: Path, version: str, maintainer: str, architecture: str) -> str:
    """Return the package's control file."""
    depends = list(package.depends)
    if package.name == COMMON:
        depends += [PYTHON, "libc6", "libgcc-s1", "systemd"]
    else:
        depends += [f"{COMMON} (= {version})", "systemd"]
        depends += ["libc6", "libgcc-s1"] if package.extras else []
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file()) // 1024
    lines = [
        f"Package: {package.name}", f"Version: {version}", f"Architecture: {architecture}",
        f"Maintainer: {maintainer}", f"Installed-Size: {size}", f"Depends: {', '.join(sorted(depends))}",
        *([f"Suggests: {', '.join(package.suggests)}"] if package.suggests else []),
        "Section: net", "Priority: optional", f"Description: {package.summary}",
        *textwrap.wrap(package.description, 78, initial_indent=" ", subsequent_indent=" "),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def md5(path: Path) -> str:
    """Return a file's MD5, which ``dpkg --verify`` compares; it guards against damage, not against people."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def finish(root: Path, package: Package, text: str, at: int) -> None:
    """Write what dpkg reads, and settle modes and times."""
    meta = root / "DEBIAN"
    meta.mkdir()
    (meta / "control").write_text(text)
    for name, script in scripts(package):
        (meta / name).write_text(script)
        (meta / name).chmod(0o755)
    configuration = sorted(str(path)[len(str(root)) :] for path in (root / "etc").rglob("*") if path.is_file())
    if configuration:
        (meta / "conffiles").write_text("".join(f"{path}\n" for path in configuration))
    files = sorted(path for path in root.rglob("*") if path.is_file() and meta not in path.parents)
    sums = (f"{md5(path)}  {path.relative_to(root)}\n" for path in files if not path.is_symlink())
    (meta / "md5sums").write_text("".join(sums))
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            is_program = path.parent in {meta, root / "usr/bin"} and path.stat().st_mode & 0o100
            path.chmod(0o755 if path.is_dir() or is_program else 0o644)
        os.utime(path, (at, at), follow_symlinks=False)


def built(place: Path, at: int, versions: Iterable[str], maintainer: str, compression: str) -> list[Path]:
    """Build every package in a place of its own, once for each version; return the files."""
    wheel = dist.made(place, at)[1]
    architecture = run("dpkg", "--print-architecture").strip()
    common: set[str] = set()
    files = []
    for package in packages():
        root = place / "trees" / package.name
        root.mkdir(parents=True)
        if package.extras:
            fill_with_libraries(root, package, common, place, wheel)
            common = common or needed(package.extras)
        fill_with_units(root, package)
        for name in package.commands:
            command_file(root / "usr/bin" / name, wheel, name)
        for version in versions:
            fill_with_documents(root, package, version, maintainer, at)
            finish(root, package, control(package, root, version, maintainer, architecture), at)
            file = place / f"{package.name}_{version}_{architecture}.deb"
            run("dpkg-deb", "--root-owner-group", f"-Z{compression}", "--threads-max=1", "--build", root, file, at=at)
            shutil.rmtree(root / "DEBIAN")
            shutil.rmtree(root / "usr/share/lintian", ignore_errors=True)
            files.append(file)
    return files


def check_python() -> None:
    """Refuse a Python that Debian here does not have, whose libraries would not fit.

    Raises:
        SystemExit: This environment's Python is none of Debian's.
    """
    if not Path("/usr/bin", PYTHON).exists():
        raise SystemExit(
            f"Debian here has no {PYTHON}, for which the packages would be built."
            " Make the environment with Debian's own: rm -r .venv, then PYTHON=/usr/bin/python3 make deb"
        )


def main() -> None:
    """Build the packages into a folder, with their hashes beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--version", action="append", help="the packages' version; more than one builds each")
    parser.add_argument("--maintainer", default=MAINTAINER, help="who builds them, as NAME <MAIL>")
    parser.add_argument("--compression", default="xz", help="xz, gzip or none")
    parser.add_argument("--once", action="store_true", help="build once, and do not compare")
    asked = parser.parse_args()
    check_python()
    at = dist.moment()
    versions = asked.version or [importlib.metadata.version("ringfence")]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory(suffix="-elsewhere") as other:
        files = built(Path(one), at, versions, asked.maintainer, asked.compression)
        if not asked.once:
            for left, right in zip(
                files, built(Path(other), at, versions, asked.maintainer, asked.compression), strict=True
            ):
                if left.read_bytes() != right.read_bytes():
                    raise SystemExit(f"{left.name} came out differently the second time")
        asked.folder.mkdir(parents=True, exist_ok=True)
        for old in asked.folder.glob("*.deb"):
            old.unlink()
        sums = ""
        for file in files:
            shutil.copy(file, asked.folder)
            sums += f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        (asked.folder / dist.HASHES).write_text(sums)
    print(f"{'Built' if asked.once else 'Built twice with the same bytes'}:\n{sums}", end="")


if __name__ == "__main__":
    main()
