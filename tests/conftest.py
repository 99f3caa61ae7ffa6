"""What every test may ask of the machine: a missing part is a skip that says how to enable it, or a failure."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import typing_extensions  # noqa: F401 - loaded before a test imports a process's module, which leaves it out
from hypothesis import settings

from ringfence.server.io.relay import is_accelerated
from support import debian_root, former_version, ocserv_server, pebble_ca, postgresql_server, slapd_server

pytest_plugins = ["support.side_by_side"]
# No example has a deadline: others use the machine, too.
settings.register_profile("thorough", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)  # for `make check`
settings.load_profile("thorough")
REQUIRED = os.environ.get("RINGFENCE_REQUIRE") == "all"


def _namespaces_work() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"rf-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        return False
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=True)
    return True


_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PARTS: dict[str, tuple[Callable[[], bool], str]] = {
    "root": (lambda: os.geteuid() == 0, "run as root"),
    "netns": (_namespaces_work, "run as root with iproute2 (apt install iproute2)"),
    "tftp": (lambda: shutil.which("tftp") is not None, "apt install tftp-hpa"),
    "atftp": (lambda: shutil.which("atftp") is not None, "apt install atftp"),
    "compiler": (is_accelerated, "apt install gcc python3-dev, remove .venv and run 'make env'"),
    "chromium": (lambda: shutil.which("chromium") is not None, "apt install chromium"),
    "curl": (lambda: shutil.which("curl") is not None, "apt install curl"),
    "dnsmasq": (lambda: shutil.which("dnsmasq") is not None, "apt install dnsmasq-base"),
    "chrony": (lambda: shutil.which("chronyd") is not None, "apt install chrony"),
    "kamailio": (lambda: shutil.which("kamailio") is not None, "apt install kamailio"),
    "kamailio-tls": (
        lambda: any(Path("/usr/lib").glob("*/kamailio/modules/tls.so")),
        "apt install kamailio kamailio-tls-modules",
    ),
    "slapd": (slapd_server.is_there, "apt install slapd"),
    "sipp": (lambda: shutil.which("sipp") is not None, "apt install sip-tester"),
    "groff": (lambda: shutil.which("groff") is not None, "apt install groff-base"),
    "softhsm": (lambda: shutil.which("softhsm2-util") is not None, "apt install softhsm2"),
    "systemd": (lambda: shutil.which("systemd-analyze") is not None, "apt install systemd"),
    "nft": (lambda: shutil.which("nft") is not None, "apt install nftables"),
    "openssl": (lambda: shutil.which("openssl") is not None, "apt install openssl"),
    "ocserv": (ocserv_server.is_there, "apt install ocserv openconnect iputils-ping"),
    "hostapd": (
        lambda: all(map(shutil.which, ("hostapd", "wpa_supplicant", "openssl"))),
        "apt install hostapd wpasupplicant openssl",
    ),
    "tshark": (lambda: shutil.which("tshark") is not None, "apt install tshark"),
    "postgresql": (postgresql_server.is_there, "apt install postgresql"),
    "wireguard": (
        lambda: shutil.which("wg") is not None and shutil.which("wireguard-go") is not None,
        "apt install wireguard-tools wireguard-go",
    ),
    "nginx": (lambda: shutil.which("nginx", path=_PATH) is not None, "apt install nginx"),
    "haproxy": (lambda: shutil.which("haproxy", path=_PATH) is not None, "apt install haproxy"),
    "pebble": (pebble_ca.is_there, "apt install pebble"),
    "promtool": (lambda: shutil.which("promtool") is not None, "apt install prometheus"),
    "cloud-init": (lambda: shutil.which("cloud-init") is not None, "apt install cloud-init"),
    "history": (former_version.is_there, "install git, and in a clone that is not whole: git fetch --unshallow --tags"),
    "packages": (debian_root.is_there, "as root: apt install mmdebstrap, and run scripts/debian_root"),
    "busybox": (lambda: shutil.which("busybox") is not None, "apt install busybox"),
}


def missing_parts() -> dict[str, str]:
    """Each part that this machine lacks, with how to enable it."""
    return {part: how for part, (is_there, how) in PARTS.items() if not is_there()}


@pytest.fixture(scope="session", autouse=True)
def chosen_databases() -> Iterator[None]:
    """The server of the hubs' databases, where they are not to be SQLite (support/chosen_database.py)."""
    if os.environ.get("RINGFENCE_TEST_DATABASE", "sqlite") == "sqlite":
        yield
        return
    from support import chosen_database  # noqa: PLC0415 - what it loads, other tests must be able to leave out

    with chosen_database.for_the_session():
        yield


_MISSING: pytest.StashKey[dict[str, str]] = pytest.StashKey()
_OF_A_WORKER = "ringfence_missing_parts"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = {marker.args[0] for item in items for marker in item.iter_markers("needs")}
    unknown = wanted - PARTS.keys()
    if unknown:
        raise pytest.UsageError(f"unknown parts in `needs` markers: {sorted(unknown)}")
    missing = missing_parts() if wanted else {}
    config.stash[_MISSING] = {part: how for part, how in missing.items() if part in wanted}
    if REQUIRED:
        return  # the test runs and fails where its part is missing
    for item in items:
        for marker in item.iter_markers("needs"):
            if (how := missing.get(marker.args[0])) is not None:
                item.add_marker(pytest.mark.skip(reason=f"needs {marker.args[0]}: {how}"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is required, a skipped test is a failed run."""
    config = session.config
    if (told := getattr(config, "workeroutput", None)) is not None:  # what a worker tells who started it
        told[_OF_A_WORKER] = config.stash.get(_MISSING, {})
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRED and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class _Worker(Protocol):
    """A worker as the process that started it sees it; xdist exports no type for it."""

    config: pytest.Config
    workeroutput: dict[str, dict[str, str]]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: _Worker) -> None:
    output = getattr(node, "workeroutput", {})  # one that crashed has told nothing
    node.config.stash.setdefault(_MISSING, {}).update(output.get(_OF_A_WORKER, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for part, how in config.stash.get(_MISSING, {}).items():
        terminalreporter.write_line(f"not run: the tests that need {part}. To enable them: {how}")
