"""``ringfence box seed``: files that cloud-init's own schema takes, whatever is in them, and that enrol one box."""

import json
import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.cli.support.box_seed import NETWORK_CONFIG, USER_DATA, Seed, Wifi, first_start, seed_files
from ringfence.cli.support.errors import BadArgument
from ringfence.identity.tokens import EnrolmentToken
from ringfence.secret import Secret
from support.command_line import CommandLine
from support.running_hub import RunningHub

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRldmVsb3BlcnMgb25seSwgbm90IGEgcmVhbCBrZXkh admin@example.org"
ANNAS = Wifi("Annas Wi-Fi “5 GHz” 🏠", Secret("correct horse: battery #1"), "DE")


def seed(**how: Any) -> Seed:  # noqa: ANN401 - any part of it
    parts: dict[str, Any] = {
        "hostname": "box-anna", "instance": "token-1", "token": Secret("RFE1abc"),
        "requirement": "ringfence[edge]==1.0", "phone_port": "eth0", "uplink": "wlan0", "wifi": ANNAS,
    }  # fmt: skip
    return Seed(**(parts | how))


def user_data(of: Seed) -> Any:  # noqa: ANN401 - JSON
    text = seed_files(of)[USER_DATA]
    assert text.startswith("#cloud-config\n")
    return json.loads(text.partition("\n")[2])


def written(of: Seed, path: str) -> str:
    (found,) = [each["content"] for each in user_data(of)["write_files"] if each["path"] == path]
    return str(found)


def test_the_files_enrol_one_box_and_are_their_owners_alone(
    hub: RunningHub, ringfence: CommandLine, site: str, tmp_path: Path
) -> None:
    key = tmp_path / "key.pub"
    key.write_text(KEY + "\n")
    out = tmp_path / "boot"
    options = ("--out", str(out), "--uplink", "enx0", "--ssh-key", str(key))
    said = ringfence("box", "seed", site, *options)
    assert f"{out / USER_DATA} written." in said
    assert stat.S_IMODE((out / USER_DATA).stat().st_mode) == 0o600
    config = json.loads((out / USER_DATA).read_text().partition("\n")[2])
    (token,) = [each["content"].strip() for each in config["write_files"] if each["path"].endswith("/token")]
    (row,) = ringfence.ask("site", "tokens", site)
    assert row["expires_at"] - row["created_at"] == pytest.approx(14 * 86_400, abs=2)
    ringfence.refused(5, "box", "seed", site, *options)
    assert len(ringfence.ask("site", "tokens", site)) == 1
    made = ringfence.ask("box", "seed", site, *options, "--replace", "--days", "2")
    assert len(made["files"]) == 3
    assert hub.ask_to_enrol(EnrolmentToken.from_text(token).secret).status == 200


def test_a_token_whose_files_could_not_be_written_is_taken_back(
    ringfence: CommandLine, site: str, tmp_path: Path
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    ringfence.refused(7, "box", "seed", site, "--out", str(blocked / "boot"), "--uplink", "eth1")
    assert all(row["revoked_at"] for row in ringfence.ask("site", "tokens", site))


@pytest.mark.parametrize(
    "options",
    [
        ("--uplink", "eth0"),
        ("--uplink", "wlan0"),
        ("--uplink", "eth1", "--phone-port", "eth 0"),
        ("--uplink", "eth1", "--wifi-country", "DE"),
        ("--uplink", "eth1", "--package", "nowhere.whl"),
    ],
)
def test_what_makes_no_box_is_told_before_a_token_is_made(
    ringfence: CommandLine, site: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    ringfence.refused(3, "box", "seed", site, "--out", str(tmp_path / "boot"), *options)
    assert ringfence.ask("site", "tokens", site) == []
    assert not (tmp_path / "boot").exists()


def test_a_wheel_is_copied_along_and_installed(ringfence: CommandLine, site: str, tmp_path: Path) -> None:
    wheel = tmp_path / "ringfence-1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    out = tmp_path / "boot"
    ringfence("box", "seed", site, "--out", str(out), "--uplink", "eth1", "--package", str(wheel))
    assert (out / wheel.name).read_bytes() == b"a wheel"
    assert f"ringfence[edge] @ file:///boot/firmware/{wheel.name}" in (out / USER_DATA).read_text()


@pytest.mark.needs("cloud-init")
@pytest.mark.parametrize("made", [seed(), seed(ssh_keys=(KEY,)), seed(uplink="eth1", wifi=None)])
def test_cloud_inits_own_schema_takes_it(made: Seed, tmp_path: Path) -> None:
    path = tmp_path / USER_DATA
    path.write_text(seed_files(made)[USER_DATA])
    checked = subprocess.run(
        ["cloud-init", "schema", "--config-file", path], capture_output=True, check=False, text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Valid" in checked.stdout


def test_without_a_key_nobody_signs_in_and_ssh_is_off() -> None:
    config = user_data(seed())
    assert [user["shell"] for user in config["users"]] == ["/usr/sbin/nologin"]
    assert config["ssh_pwauth"] is False
    assert "ssh" in config["runcmd"][0]
    with_key = user_data(seed(ssh_keys=(KEY,)))
    assert with_key["users"][1]["ssh_authorized_keys"] == [KEY]
    assert with_key["users"][1]["lock_passwd"] is True
    assert not any("ssh" in command for command in with_key["runcmd"])


@given(
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63),
)
def test_a_wifi_network_comes_out_as_it_was_named(ssid: str, passphrase: str) -> None:
    config = json.loads(seed_files(seed(wifi=Wifi(ssid, Secret(passphrase), "DE")))[NETWORK_CONFIG])
    (network,) = config["wifis"]["wlan0"]["access-points"].items()
    assert network == (ssid, {"password": passphrase})


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=40).filter(str.isprintable))
def test_what_pip_installs_is_one_word_for_the_shell(requirement: str) -> None:
    (line,) = [line for line in first_start(seed(requirement=requirement)).splitlines() if "/pip install" in line]
    assert shlex.split(line)[-1] == requirement


def test_the_first_starts_script_is_one_for_the_shell() -> None:
    checked = subprocess.run(["sh", "-n"], input=first_start(seed()), text=True, check=False, capture_output=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.needs("systemd")
@pytest.mark.parametrize("name", ["ringfence-first-start.service", "ringfence-box.service"])
def test_systemd_takes_its_units(name: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = written(seed(), f"/etc/systemd/system/{name}")
    for there in ("/usr/local/sbin/ringfence-first-start", "/opt/ringfence/bin/ringfence-edge"):
        text = text.replace(there, str(program))
    (tmp_path / name).write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / name], capture_output=True, check=False, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert name not in checked.stderr


@pytest.mark.parametrize(
    "how",
    [
        {"phone_port": "eth0; reboot"},
        {"uplink": "eth0\nevil"},
        {"ssh_keys": ("ssh-ed25519 AAAA\nssh-rsa BBBB",)},
        {"ssh_keys": ("-----BEGIN OPENSSH PRIVATE KEY-----",)},
        {"requirement": "ringfence\nreboot"},
        {"uplink": "eth1"},
        {"wifi": None},
    ],
)
def test_what_is_no_seed_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises(BadArgument):
        seed(**how)


@pytest.mark.parametrize(
    ("ssid", "passphrase", "country"),
    [("", "12345678", "DE"), ("x" * 33, "12345678", "DE"), ("x", "1234567", "DE"), ("x", "1" * 64, "DE"),
     ("x", "passwört1", "DE"), ("x", "12345678", "de"), ("x\n", "12345678", "DE")],
)  # fmt: skip
def test_what_is_no_wifi_network_is_refused(ssid: str, passphrase: str, country: str) -> None:
    with pytest.raises(BadArgument):
        Wifi(ssid, Secret(passphrase), country)
