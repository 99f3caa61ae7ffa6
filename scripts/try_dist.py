"""Tries what ``make dist`` has built: the sdist's and the wheel's files, and the wheel in an empty environment.

Beside the wheel it leaves a bill of materials in CycloneDX's form for an edge and for a hub: what was installed there.
"""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from ringfence.cli.main import GROUPS

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv") or Path(sys.executable).with_name("uv")
BESIDE = (
    "share/man/man1/ringfence-serve.1",
    *(f"share/man/man1/ringfence-{name}.1" for name in (*GROUPS, "login", "publish")),
    "share/man/man1/ringfence.1",
    "share/bash-completion/completions/ringfence",
    "share/zsh/site-functions/_ringfence",
    "share/fish/vendor_completions.d/ringfence.fish",
    "share/ringfence/sysctl.d/ringfence-edge.conf",
    "share/ringfence/sysusers.d/ringfence.conf",
    "share/doc/ringfence/exit-codes.md",
    "share/ringfence/grafana/ringfence.json",
    "share/ringfence/prometheus/ringfence.rules.yml",
    "share/ringfence/proxies/nginx.conf",
    *(f"share/ringfence/systemd/{path.name}" for path in (ROOT / "packaging/systemd").iterdir()),
)
OF_THE_HUB = ("fastapi", "sqlalchemy", "uvicorn", "lxml", "jinja2", "PIL")


class Wrong(SystemExit):
    """What was built is not what it should be."""


def check(holds: object, what: str) -> None:
    """End with a sentence unless it holds."""
    if not holds:
        raise Wrong(f"Not as it should be: {what}")


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed; return what it prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd, check=False)
    check(done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def look_at_sdist(path: Path) -> None:
    """Check that all that building needs is there, and nothing that is not meant."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in ("LICENSE", "README.md", "CHANGELOG.md", "setup.py", "src/ringfence/server/io/_relay.c"):
        check(needed in names, f"{needed} is not in the sdist")
    strays = [
        name for name in names if name.startswith(("tests", "demo", "bench", ".")) or name.endswith((".pyc", ".so"))
    ]
    check(not strays, f"the sdist has {strays}")


def look_at_wheel(path: Path) -> None:
    """Check that every file of the packages is there, and nothing else."""
    names = set(zipfile.ZipFile(path).namelist())
    source = {
        str(file.relative_to(ROOT / "src"))
        for file in (ROOT / "src/ringfence").rglob("*")
        if file.is_file() and file.suffix not in {".pyc", ".c", ".so"}
    }
    check(source <= names, f"not in the wheel: {sorted(source - names)}")
    top = {name.partition("/")[0] for name in names}
    others = [name for name in top if name != "ringfence" and not name.endswith((".dist-info", ".data"))]
    check(not others and not any(name.endswith(".c") for name in names), f"the wheel has {others}, or C sources")


def try_commands(commands: Path, place: Path) -> None:
    """Let the installed commands explain themselves, and serve and fetch a file."""
    for name in ("ringfence", "ringfence-serve", "ringfence-edge", "ringfence-gateway"):
        check("usage" in run(commands / name, "--help", cwd=place).lower(), f"{name} explains nothing")
    print(run(commands / "ringfence", "--version", cwd=place).strip())
    (place / "served").mkdir()
    (place / "served").chmod(0o755)
    place.chmod(0o755)
    (place / "served" / "SEP001122334455.cnf.xml").write_bytes(b"<device/>" * 1000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    serve = [str(commands / "ringfence-serve"), str(place / "served"), "--listen", address]
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True, cwd=place) as server:
        try:
            check(server.stderr and "over TFTP" in server.stderr.readline(), "it does not serve")
            url = f"tftp://{address}/SEP001122334455.cnf.xml"
            run(commands / "ringfence", "tftp", "get", url, "-o", place / "got", cwd=place)
        finally:
            server.terminate()
    check((place / "got").read_bytes() == b"<device/>" * 1000, "other bytes came")


def write_bill(wheel: Path, of: str, environment: Path) -> None:
    """Write down what is in an environment: names, versions, licences, and what needs what."""
    bill = wheel.with_name(f"{wheel.name.split('-cp')[0]}-{of}.cdx.json")
    run(
        sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--pyproject",
        ROOT / "pyproject.toml", "--output-file", bill, environment, cwd=environment,
    )  # fmt: skip
    parts = {part["name"] for part in json.loads(bill.read_text())["components"]}
    check("cryptography" in parts, f"{bill.name} does not name what is there")
    with (wheel.parent / "SHA256SUMS").open("a") as hashes:
        hashes.write(f"{hashlib.sha256(bill.read_bytes()).hexdigest()}  {bill.name}\n")


def try_wheel(wheel: Path, place: Path) -> None:
    """Install the wheel as on an edge, then as on a hub, without the sources anywhere near."""
    there = place / "environment"
    run(UV, "venv", "--quiet", "--python", sys.executable, there, cwd=place)
    python, with_pins = there / "bin" / "python", ("--quiet", "--constraint", ROOT / "constraints.txt")
    install = (UV, "pip", "install", "--python", python, *with_pins)
    run(*install, f"ringfence[edge] @ {wheel.as_uri()}", cwd=place)
    where = run(python, "-I", "-c", "import ringfence.edge.__main__ as m; print(m.__file__)", cwd=place)
    check(str(there) in where, f"it is imported from {where}")
    for library in OF_THE_HUB:
        found = run(python, "-I", "-c", f"import importlib.util as u; print(u.find_spec({library!r}))", cwd=place)
        check(found.strip() == "None", f"an edge has {library}")
    for beside in BESIDE:
        check((there / beside).is_file(), f"{beside} is missing")
    if shutil.which("cc"):
        run(python, "-I", "-c", "import ringfence.server.io._relay", cwd=place)
    try_commands(there / "bin", place)
    write_bill(wheel, "edge", there)
    run(*install, f"ringfence[hub] @ {wheel.as_uri()}", cwd=place)
    run(there / "bin" / "ringfence", "hub", "init", place / "hub", "--address", "127.0.0.1", cwd=place)
    write_bill(wheel, "hub", there)


def main(folder: Path) -> None:
    """Try what is in ``folder``."""
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    look_at_sdist(sdist)
    look_at_wheel(wheel)
    with tempfile.TemporaryDirectory() as place:
        try_wheel(wheel.resolve(), Path(place))
    print(f"{sdist.name} and {wheel.name} hold what they should, and the wheel works by itself.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
