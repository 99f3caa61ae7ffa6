"""The Debian packages in a Debian of their own: installed, used, upgraded, removed and purged, without a network."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import free_port
from support.debian_root import NEW, OLD, PACKAGES, DebianRoot

pytestmark = [pytest.mark.slow, pytest.mark.needs("packages")]
ROOT = Path(__file__).parents[2]
UNITS = sorted(path.name for path in (ROOT / "packaging/systemd").iterdir())
MAC, NAME = "00:1B:54:C2:9A:10", "SEP001B54C29A10.cnf.xml"
NAMES = {f"ringfence-{name}" for name in PACKAGES}


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRoot]:
    """A Debian in which the packages are installed; tests leave nothing in it."""
    made = DebianRoot(tmp_path_factory.mktemp("debian") / "root")
    made.install(NEW)
    yield made
    made.close()


def test_the_commands_are_there_and_run_by_the_packages_own_python(debian: DebianRoot) -> None:
    assert debian.run("ringfence", "--version") == f"ringfence {NEW}\n"
    for name in ("ringfence-edge", "ringfence-gateway", "ringfence-serve"):
        assert "usage" in debian.run(name, "--help")
    program = "import ringfence.server.io._relay, lxml.etree, psycopg, sys; print(sys.prefix)"
    assert debian.run("/usr/lib/ringfence/bin/python", "-I", "-c", program) == "/usr/lib/ringfence\n"


def test_nothing_asks_for_a_library_that_debian_lacks(debian: DebianRoot) -> None:
    said = debian.run("sh", "-c", "find /usr/lib/ringfence -name '*.so*' -type f -exec ldd {} +")
    assert "libc.so.6" in said
    assert [line for line in said.splitlines() if "not found" in line] == []


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_accepts_the_unit_with_what_the_package_adds(debian: DebianRoot, unit: str) -> None:
    said = debian.run("systemd-analyze", "verify", "--man=no", f"/usr/lib/systemd/system/{unit}")
    assert [line for line in said.splitlines() if "ringfence" in line] == []


def test_no_unit_is_enabled(debian: DebianRoot) -> None:
    links = [path.name for path in (debian.folder / "etc/systemd/system").rglob("*") if path.is_symlink()]
    assert [name for name in links if "ringfence" in name] == []


def test_users_and_their_folders_are_there(debian: DebianRoot) -> None:
    for name in ("hub", "edge", "gateway"):
        account = debian.run("getent", "passwd", f"ringfence-{name}").strip().split(":")
        assert account[6].endswith("nologin")
        shown = debian.run("stat", "--format", "%U:%G %a", f"/var/lib/ringfence-{name}")
        assert shown == f"ringfence-{name}:ringfence-{name} 700\n"


def test_pages_completions_and_configuration_are_where_debian_looks(debian: DebianRoot) -> None:
    share = debian.folder / "usr/share"
    for name in ("man/man1/ringfence-hub.1.gz", "man/man1/ringfence-serve.1.gz", "doc/ringfence-common/guard.md"):
        assert (share / name).is_file()
    assert (share / "bash-completion/completions/ringfence").is_file()
    files = [line for name in NAMES for line in debian.run("dpkg-query", "-W", "-f", "${Conffiles}", name).splitlines()]
    conffiles = {line.split()[0] for line in files if line.strip()}
    wanted = {f"/etc/default/ringfence-{name}" for name in ("edge", "box", "gateway", "serve", "tunnel", "vpn")}
    assert conffiles == wanted


def test_a_phone_boots_from_a_hub_and_an_edge_of_the_packages(debian: DebianRoot) -> None:
    people, devices, tftp, http = (str(free_port()) for _ in range(4))
    folder = "/var/lib/ringfence-hub"
    where = ["--address", "127.0.0.1", "--people-port", people, "--device-port", devices]
    printed = debian.run("ringfence", "hub", "init", folder, "--user", "ringfence-hub", *where)
    login = {
        "RINGFENCE_HUB": f"https://127.0.0.1:{people}",
        "RINGFENCE_TOKEN": next(word for word in printed.split() if word.startswith("rft_")),
        "RINGFENCE_CA": f"{folder}/authority.pem",
    }
    hub = debian.start("hub.log", "runuser", "-u", "ringfence-hub", "--", "ringfence", "hub", "run", folder)
    debian.wait_for(hub, "hub.log", people)

    def ringfence(*words: str) -> str:
        return debian.run("ringfence", *words, environment=login)

    site = json.loads(ringfence("site", "add", "Anna", "--json"))["id"]
    ringfence("guard", "policy", site, "--need", "secret=L1,configuration=L1")  # loopback has no wire to look at
    ringfence("set", "organisation", "sip_server=sip.example.org")
    ringfence("phone", "add", MAC, "--site", site, "--model", "9971")
    ringfence("line", "set", MAC, "1", "--name", "201", "--label", "Anna")
    ringfence("publish")
    token = json.loads(ringfence("site", "token", site, "--json"))["token"]
    debian.run("ringfence", "edge", "enrol", "-", "--user", "ringfence-edge", stdin=token)
    edge = debian.start(
        "edge.log", "ringfence-edge", "--folder", "/var/lib/ringfence-edge", "--user", "ringfence-edge",
        "--listen", f"127.0.0.1:{tftp}", "--http", f"127.0.0.1:{http}",
    )  # fmt: skip
    debian.wait_for(edge, "edge.log", "serving phones on")
    phone = debian.start(
        "phone.log", "ringfence", "sim", "phone", "--family", "9971", "--mac", MAC, "--server", f"127.0.0.1:{tftp}",
        "--json",
    )  # fmt: skip
    debian.wait_for(phone, "phone.log", '"holds"')
    debian.close()


def test_upgrading_keeps_data_removing_too_and_purging_leaves_a_hubs(tmp_path: Path) -> None:
    debian = DebianRoot(tmp_path / "root")
    debian.pretend_that_systemd_runs()
    debian.install(OLD)
    assert not [line for line in debian.asked() if "restart" in line], "there was nothing to start anew"
    var, defaults = debian.folder / "var/lib", debian.folder / "etc/default/ringfence-edge"
    kept = [var / "ringfence-hub/hub.toml", var / "ringfence-edge/state.json"]
    for path in kept:
        path.write_text("of people")
    defaults.write_text("LISTEN=192.0.2.1:69\n")
    debian.run("systemctl", "--quiet", "--root=/", "enable", "ringfence-edge.service")
    enabled = debian.folder / "etc/systemd/system/multi-user.target.wants/ringfence-edge.service"
    assert enabled.is_symlink()
    debian.asked()

    debian.install(NEW)
    restarted = [line for line in debian.asked() if line.startswith("try-restart")]
    assert "try-restart ringfence-edge.service" in restarted
    assert "try-restart ringfence-hub.service" in restarted
    assert [path.read_text() for path in kept] == ["of people"] * 2
    assert defaults.read_text() == "LISTEN=192.0.2.1:69\n"
    assert enabled.is_symlink()
    debian.run("dpkg-reconfigure", "--frontend=noninteractive", "ringfence-edge")  # a second run changes nothing
    assert debian.run("dpkg", "--verify", *NAMES).replace("??5?????? c /etc/default/ringfence-edge\n", "") == ""

    debian.asked()
    debian.run("dpkg", "--remove", *NAMES)
    assert any(line.startswith("stop ringfence-edge.service") for line in debian.asked())
    assert not enabled.is_symlink()
    assert [path.read_text() for path in kept] == ["of people"] * 2
    assert defaults.exists()
    assert not (debian.folder / "usr/lib/ringfence").exists(), "no bytecode is left behind"

    said = debian.run("dpkg", "--purge", *NAMES)
    assert "rm -r /var/lib/ringfence-hub" in said
    assert [path.exists() for path in kept] == [True, False]
    assert not defaults.exists()
    assert debian.installed() == {}
    debian.close()
