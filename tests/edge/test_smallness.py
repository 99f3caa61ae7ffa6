"""What runs for months on a small machine loads no library that it does not need."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

HEAVY = {
    "fastapi", "starlette", "uvicorn", "uvloop", "sqlalchemy", "alembic", "pydantic", "jinja2", "lxml", "typer", "rich",
    "boto3", "requests",
}  # fmt: skip
ROOT = Path(__file__).parent.parent.parent


def loaded_by(module: str) -> set[str]:
    return {name.partition(".")[0] for name in modules_of(module)}


def modules_of(module: str) -> set[str]:
    code = f"import {module}, sys; print(*(name for name, module in sys.modules.items() if module is not None))"
    return set(
        subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


def test_the_agent_loads_no_web_framework_no_orm_and_no_command_line_library() -> None:
    assert loaded_by("ringfence.edge.__main__") & HEAVY == set()


def test_the_agent_checks_metadata_and_loads_nothing_that_signs_it() -> None:
    assert "ringfence.content.trust" in modules_of("ringfence.edge.__main__")
    assert "ringfence.content.signing" not in modules_of("ringfence.edge.__main__")


def test_the_agent_loads_no_library_for_hardware_keys_where_a_hub_has_one() -> None:
    assert "pkcs11" in loaded_by("securesystemslib.signer")
    assert loaded_by("ringfence.edge.__main__") & {"asn1crypto"} == set()


def test_the_agent_loads_no_library_for_archives_that_nobody_asks_it_for() -> None:
    assert modules_of("shutil") >= {"_bz2", "_lzma"}
    assert modules_of("ringfence.edge.__main__") & {"_bz2", "_lzma"} == set()


def test_the_agent_reads_what_is_installed_only_if_somebody_asks() -> None:
    assert modules_of("ringfence.edge.__main__") & {"zipfile", "csv"} == set()
    code = (
        "import ringfence.edge.__main__, importlib.metadata as m; print(m.version('urllib3'), len(m.files('urllib3')))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == version("urllib3")


def test_the_worker_loads_no_key_no_tls_and_no_http_either() -> None:
    assert (
        loaded_by("ringfence.server.processes.worker")
        & (HEAVY | {"cryptography", "tuf", "securesystemslib", "urllib3", "ssl", "asyncio"})
        == set()
    )


@pytest.mark.parametrize("extra", ["edge", ""])
def test_installing_an_edge_asks_for_nothing_heavy(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {*project["dependencies"], *project["optional-dependencies"].get(extra, [])}
    assert asked & (HEAVY - {"typer", "rich"}) == set()


def test_the_network_helper_which_stays_root_loads_no_key_no_tls_and_no_http() -> None:
    loaded = loaded_by("ringfence.edge.network.helper") | loaded_by("ringfence.edge.network.tunnel.service")
    assert loaded & (HEAVY | {"cryptography", "tuf", "securesystemslib", "urllib3", "ssl", "asyncio"}) == set()
