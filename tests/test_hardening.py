"""docs/hardening.md says what the units say, what systemd counts of them, and which tests there are."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.cli.support.box_seed import Seed, box_unit
from ringfence.edge.concentrator import main as concentrator
from ringfence.edge.network import handle
from ringfence.edge.process.privileges import FOR_SOCKETS
from ringfence.secret import Secret
from ringfence.server.confinement.capabilities import Capability
from ringfence.server.confinement.steps import MOST_MEMORY_BYTES, TO_BE_NOBODY

ROOT = Path(__file__).parents[1]
UNITS = ROOT / "packaging" / "systemd"
USERS = ROOT / "packaging" / "sysusers.d" / "ringfence.conf"
PAGE = (ROOT / "docs" / "hardening.md").read_text()
NAMES = ("hub", "edge", "gateway", "serve", "box", "tunnel", "vpn")
OWN_USERS = ("hub", "edge", "gateway")
NOTHING = "\u2013"
HOW_IT_RUNS = {
    "Type", "ExecStart", "User", "Restart", "RestartSec", "RestartPreventExitStatus", "TimeoutStopSec",
    "StateDirectory", "RuntimeDirectory", "Environment", "EnvironmentFile", "KillMode",
}  # fmt: skip
"""What says how a unit runs, and takes nothing away."""
COUNTED_WITH = "252"
"""The version of systemd whose figures the page has; another one may count otherwise."""


def service(name: str) -> dict[str, list[str]]:
    """Return a unit's settings of [Service], each with its lines."""
    return unit_of((UNITS / f"ringfence-{name}.service").read_text())


def unit_of(written: str) -> dict[str, list[str]]:
    """Return the settings of [Service] in a unit's text."""
    text = written.partition("[Service]\n")[2].partition("\n[")[0]
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


def rows_of(heading: str) -> Iterator[list[str]]:
    """Yield the cells of a table's rows, below the heading that is named."""
    table = re.split(r"\n#+ ", PAGE.partition(f"# {heading}\n")[2])[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len(lines) > 2, heading
    for line in lines[2:]:
        cells = re.split(r"(?<!\\)\|", line.strip("|"))
        yield [cell.strip().strip("`").replace("\\|", "|") for cell in cells]


def figures_of(name: str) -> tuple[float, dict[str, str]]:
    """Return what systemd counts of a unit: in all, and for each setting that it finds fault with."""
    path = str(UNITS / f"ringfence-{name}.service")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    counted = json.loads(subprocess.run([*command, "--json=short", path], capture_output=True, check=True).stdout)
    in_words = subprocess.run([*command, path], capture_output=True, text=True, check=True).stdout
    whole = re.search(r"Overall exposure level for .*: ([\d.]+)", in_words)
    assert whole is not None
    faults = {one["name"]: one["exposure"] for one in counted if one["exposure"] and float(one["exposure"]) > 0}
    return float(whole[1]), faults


def version() -> str:
    shown = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    return shown.split()[1]


@pytest.mark.needs("systemd")
def test_the_page_has_the_figures_that_systemd_counts() -> None:
    documented = {row[0]: float(row[1]) for row in rows_of("The units")}
    left: dict[str, dict[str, str]] = {name: {} for name in NAMES}
    for setting, *figures, why in rows_of("What is left, and why"):
        assert why
        for name, figure in zip(NAMES, figures, strict=True):
            if figure != NOTHING:
                left[name][setting] = figure
    assert set(documented) == {f"ringfence-{name}.service" for name in NAMES}
    for name in NAMES:
        whole, faults = figures_of(name)
        if version() == COUNTED_WITH:
            assert documented[f"ringfence-{name}.service"] == whole
            assert left[name] == faults
        else:
            assert whole <= documented[f"ringfence-{name}.service"] + 0.5


def test_the_page_has_every_line_of_every_unit_and_no_other() -> None:
    documented: dict[str, dict[str, str]] = {name: {} for name in NAMES}
    for setting, *values, what in rows_of("What each line takes away"):
        assert what
        for name, value in zip(NAMES, values, strict=True):
            if value != NOTHING:
                documented[name][setting.removesuffix("=")] = value
    for name in NAMES:
        lines = {key: "; ".join(values) or "none" for key, values in service(name).items() if key not in HOW_IT_RUNS}
        assert documented[name] == lines, name


def test_the_page_names_tests_that_there_are() -> None:
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = [row[3] for row in rows_of("The worker, step by step")]
    assert len(named) > 10
    for test in named:
        assert f"def {test}(" in written, test
    assert f"{MOST_MEMORY_BYTES >> 20} MiB of its own" in PAGE


@pytest.mark.needs("systemd")
@pytest.mark.parametrize("name", [*OWN_USERS, "box", "tunnel", "vpn"])
def test_systemd_can_read_the_unit(name: str, tmp_path: Path) -> None:
    unit = f"ringfence-{name}.service"
    program = service(name)["ExecStart"][0].split()[0]
    here = Path(sys.executable).with_name(Path(program).name)
    assert here.exists()
    (tmp_path / unit).write_text((UNITS / unit).read_text().replace(program, str(here)))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in ended.stderr.splitlines() if "ringfence" in line] == []


def test_the_edges_unit_gives_the_rights_that_its_start_takes_and_no_other() -> None:
    settings = service("edge")
    needed = {f"CAP_{Capability(right).name}" for right in FOR_SOCKETS | TO_BE_NOBODY}
    for key in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert set(settings[key][0].split()) == needed


def test_the_units_of_boxes_and_concentrators_give_the_rights_that_their_processes_keep_and_no_other() -> None:
    for name, needed in (("box", handle.KEPT | FOR_SOCKETS | TO_BE_NOBODY), ("tunnel", concentrator.KEPT)):
        assert set(service(name)["CapabilityBoundingSet"][0].split()) == {
            f"CAP_{Capability(each).name}" for each in needed
        }
        assert service(name)["KillMode"] == ["process"], "calls go on: wireguard-go is left running"


def test_a_box_from_a_card_runs_as_the_boxs_unit() -> None:
    seed = Seed("box", "box", Secret("x"), "ringfence", "eth1", "enx1")
    of_card = unit_of(box_unit(seed))
    packaged = service("box")
    program, *words = shlex.split(
        packaged.pop("ExecStart")[0].replace("${PHONE_PORT}", "eth1").replace("${UPLINK}", "enx1")
    )
    packaged.pop("Environment")
    assert shlex.split(of_card.pop("ExecStart")[0]) == [program, *words]
    assert of_card == packaged


def test_the_gateways_unit_is_the_edges_without_what_a_wire_needs() -> None:
    edge, gateway = service("edge"), service("gateway")
    on_a_wire = {"CAP_NET_RAW", "AF_PACKET"}
    for key, lines in edge.items():
        if key not in HOW_IT_RUNS:
            assert gateway[key] == [" ".join(word for word in line.split() if word not in on_a_wire) for line in lines]


@pytest.mark.parametrize(("name", "module"), [("edge", "ringfence.edge"), ("gateway", "ringfence.edge.gateway.main")])
def test_the_unit_starts_what_reads_its_command_line(name: str, module: str) -> None:
    program, *arguments = shlex.split(service(name)["ExecStart"][0])
    assert Path(program).name == f"ringfence-{name}"
    assert f"/var/lib/{service(name)['StateDirectory'][0]}" in arguments
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--user", "no-such-user"],  # read before anything is done
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "there is no such user" in ended.stderr) == (3, True)


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.glob("*.service")))
def test_every_unit_bounds_memory_processes_and_descriptors_and_leaves_no_core(unit: str) -> None:
    settings = service(unit.removeprefix("ringfence-").removesuffix(".service"))
    assert settings["LimitCORE"] == ["0"]
    assert re.fullmatch(r"\d+[MG]", settings["MemoryMax"][0])
    assert int(settings["TasksMax"][0]) <= 256
    assert int(settings["LimitNOFILE"][0]) <= 65536


@pytest.mark.needs("systemd")
def test_the_users_of_the_units_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    config = tmp_path / "ringfence.conf"
    shutil.copy(USERS, config)
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", str(config)], check=True, capture_output=True)
    made = {line.split(":")[0]: line.split(":") for line in (tmp_path / "etc" / "passwd").read_text().splitlines()}
    for name in OWN_USERS:
        assert service(name)["User"] == [f"ringfence-{name}"]
        _, _, number, _, _, home, shell = made[f"ringfence-{name}"]
        assert 0 < int(number) < 1000
        assert (home, shell.rpartition("/")[2]) == (f"/var/lib/ringfence-{name}", "nologin")
