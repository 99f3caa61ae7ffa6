"""What is beside the program for who installs it: units, manual page, advice for those who come from elsewhere."""

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.server.standalone.options import ServeOptions, make_parser, read_options

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging" / "systemd"
MANUAL = ROOT / "docs" / "man" / "ringfence-serve.1"
MIGRATING = (ROOT / "docs" / "migrating.md").read_text()
# in.tftpd(8) of tftpd-hpa 5.2, section OPTIONS.
TFTPD_HPA = [
    "-l",
    "--listen",
    "-L",
    "--foreground",
    "-a",
    "--address",
    "-4",
    "--ipv4",
    "-6",
    "--ipv6",
    "-s",
    "--secure",
    "-u",
    "--user",
    "-p",
    "--permissive",
    "-c",
    "--create",
    "-U",
    "--umask",
    "-P",
    "--pidfile",
    "-t",
    "--timeout",
    "-T",
    "--retransmit",
    "-m",
    "--mapfile",
    "-v",
    "--verbose",
    "--verbosity",
    "-r",
    "--refuse",
    "-B",
    "--blocksize",
    "-R",
    "--port-range",
    "-V",
    "--version",
]


class _Unit(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(name: str) -> configparser.RawConfigParser:
    read = _Unit(strict=False, comment_prefixes=("#",))  # lines of SystemCallFilter= add up
    read.read_string((UNITS / name).read_text())
    return read


def options_of_the_program() -> set[str]:
    actions = make_parser()._actions
    return {text for action in actions for text in action.option_strings}


def test_the_service_starts_what_reads_its_command_line() -> None:
    program, *arguments = shlex.split(unit("ringfence-serve.service")["Service"]["ExecStart"])
    assert Path(program).name == "ringfence-serve"
    assert read_options(arguments) == ServeOptions("/srv/tftp", metrics="/run/ringfence-serve/metrics")
    runtime = unit("ringfence-serve.service")["Service"]["RuntimeDirectory"]
    assert f"/run/{runtime}/metrics" in arguments[0]


def test_service_and_socket_belong_together() -> None:
    service, ports = unit("ringfence-serve.service"), unit("ringfence-serve.socket")
    assert service["Unit"]["Requires"] == service["Unit"]["After"] == service["Install"]["Also"]
    assert ports["Socket"]["ListenDatagram"] == "69"
    assert service["Service"]["Type"] == "notify"


@pytest.mark.needs("systemd")
def test_systemd_can_read_the_units(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("ringfence-serve")
    for path in UNITS.iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/ringfence/bin/ringfence-serve", str(program)))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "ringfence-serve.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in ended.stderr.splitlines() if "ringfence-serve" in line]
    assert complaints == []


def test_the_manual_page_has_every_option_and_no_other() -> None:
    text = MANUAL.read_text().replace("\\-", "-")
    section = text.partition(".SH OPTIONS")[2].partition("\n.SH")[0]
    headings = re.findall(r"^\.TP\n(.*)$", section, re.MULTILINE)
    named = {option for heading in headings for option in re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", heading)}
    assert named == options_of_the_program()
    for action in make_parser()._actions:
        if isinstance(action.metavar, str) and action.option_strings:
            assert any(f"{action.option_strings[0]} =\\fI{action.metavar}\\fR" in heading for heading in headings)


@pytest.mark.needs("groff")
def test_the_manual_page_can_be_shown() -> None:
    ended = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", str(MANUAL)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "ringfence-serve - serve a folder over TFTP and HTTP" in ended.stdout


def options_in(heading: str) -> tuple[list[str], list[str]]:
    """Return the options that a table of migrating.md replaces, and what it says of them that is ours."""
    table = MIGRATING.partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    assert all(len(row) == 2 and row[1].strip() for row in rows)
    theirs = [option for row in rows for option in re.findall(r"`(--?[\w-]+)`", row[0])]
    ours = [option for row in rows for option in re.findall(r"`(--[\w-]+)", row[1])]
    return theirs, ours


def test_each_option_of_tftpd_hpa_has_its_line() -> None:
    theirs, _ = options_in("tftpd-hpa")
    assert sorted(theirs) == sorted(TFTPD_HPA)


@pytest.mark.needs("dnsmasq")
def test_each_option_of_dnsmasq_has_its_line() -> None:
    shown = subprocess.run(["dnsmasq", "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"--[\w-]*tftp[\w-]*", shown))
    theirs, _ = options_in("dnsmasq")
    assert set(theirs) == known
    assert len(known) > 10


@pytest.mark.parametrize("heading", ["tftpd-hpa", "dnsmasq"])
def test_what_is_named_instead_exists(heading: str) -> None:
    _, ours = options_in(heading)
    elsewhere = {"--version"}  # of `ringfence` itself
    theirs, _ = options_in(heading)
    mentioned = set(ours) - set(theirs) - elsewhere
    assert mentioned <= options_of_the_program()
    assert mentioned
