"""The virtual phone registers with what its file says: at a real Kamailio over UDP and TCP, wrong secrets refused."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.phones.families import model
from ringfence.phones.mac import Mac
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.phones.sip.pbx_accounts import PbxKind, SipAccount, export
from ringfence.secret import Secret
from ringfence.sim.sip_side import SipHabits, SipSide
from ringfence.sim.steps import Registered, RegisterFailed, Step
from stack import free_port
from support.kamailio_server import REALM, Kamailio, running_kamailio
from support.phone_reading import read_configuration

pytestmark = [pytest.mark.slow, pytest.mark.needs("kamailio")]

ANNA = Mac("001B54C2F001")
RIGHT, OLD = Secret("R1ghtS3cretOfAnna"), Secret("0ldS3cretOfAnna")


@pytest.fixture(scope="module")
def kamailio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    accounts = [
        SipAccount(ANNA, 1, "201", "Anna", "anna-auth", RIGHT, OLD),
        SipAccount(ANNA, 2, "202", "Anna 2", "anna-auth", RIGHT, OLD),
        SipAccount(ANNA, 3, "203", "Anna 3", "anna-auth", RIGHT, OLD),  # for sipp, which does not end what it registers
    ]
    with running_kamailio(tmp_path_factory.mktemp("kamailio"), export(accounts, PbxKind.KAMAILIO, REALM)) as server:
        yield server


def held(kind: str, kamailio: Kamailio, password: Secret, transport: str, lines: int = 2) -> HeldConfiguration:
    """What a phone holds after it took the file that the renderer makes."""
    settings: dict[str, Value] = {"sip_server": "127.0.0.1", "sip_port": kamailio.port, "sip_listen_port": 5099}
    if "sip_transport" in model(kind)[1].settings:
        settings["sip_transport"] = transport
    accounts = tuple(
        LineAccount(index, f"Line {index}", f"20{index}", "Anna", "anna-auth", password)
        for index in range(1, lines + 1)
    )
    files = Renderer().render(PhoneToRender(ANNA, kind, "", settings, accounts))
    return read_configuration(files[-1].data, kind)


def take(configuration: HeldConfiguration, kind: str = "9971") -> tuple[list[Step], SipSide]:
    steps: list[Step] = []
    family, found = model(kind)
    side = SipSide(ANNA, family, found, SipHabits(registers=True), steps.append)
    side.take(configuration, "127.0.0.1", "power-on")
    return steps, side


@pytest.mark.parametrize(("kind", "transport"), [("9971", "udp"), ("9971", "tcp"), ("7960", "udp"), ("SPA504G", "tcp")])
def test_a_phone_registers_every_line_with_what_its_file_says(kamailio: Kamailio, kind: str, transport: str) -> None:
    steps, side = take(held(kind, kamailio, RIGHT, transport), kind)
    try:
        registered = [step for step in steps if isinstance(step, Registered)]
        assert [(step.user, step.transport) for step in registered] == [("201", transport), ("202", transport)], steps
        (contact,) = kamailio.contacts("201")
        assert contact["Address"].startswith("sip:201@127.0.0.1:5099")
        assert f"SEP{ANNA.bare}" in str(contact) or ANNA.bare.lower() in str(contact)
    finally:
        side.close()
    assert kamailio.contacts("201") == []


def test_during_a_rotation_the_old_secret_is_taken_too(kamailio: Kamailio) -> None:
    steps, side = take(held("9971", kamailio, OLD, "udp"))
    side.close()
    assert sum(isinstance(step, Registered) for step in steps) == 2, steps


def test_a_wrong_secret_is_refused_and_said(kamailio: Kamailio) -> None:
    steps, side = take(held("9971", kamailio, Secret("wr0ng"), "udp"))
    side.close()
    (failed,) = [step for step in steps if isinstance(step, RegisterFailed)]
    assert "refused line 201 with 401" in str(failed.fault)
    assert "its name or password is wrong at the server" in str(failed.fault)
    assert "wr0ng" not in str(failed.fault)
    assert kamailio.contacts("201") == []


def test_a_server_that_is_not_there_is_said(kamailio: Kamailio) -> None:
    nobody = Kamailio(1, kamailio.folder, kamailio.process)
    steps, side = take(held("9971", nobody, RIGHT, "tcp"))
    side.close()
    (failed,) = [step for step in steps if isinstance(step, RegisterFailed)]
    assert "does not accept connections" in str(failed.fault)


@pytest.mark.needs("sipp")
def test_sipp_is_refused_without_the_secret(kamailio: Kamailio, tmp_path: Path) -> None:
    """An independent client sees the same door: no REGISTER without a right answer."""
    assert sipp(tmp_path, kamailio, RIGHT.reveal()) == 0
    kamailio.call("ul.rm", "location", "201")
    assert kamailio.contacts("201") == []
    assert sipp(tmp_path, kamailio, "wr0ng") != 0


SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
  <send retrans="500"><![CDATA[
REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:203@[remote_ip]>;tag=[call_number]
To: <sip:203@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 REGISTER
Contact: <sip:203@[local_ip]:[local_port]>
Expires: 30
Content-Length: 0

  ]]></send>
  <recv response="401" auth="true"/>
  <send retrans="500"><![CDATA[
REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:203@[remote_ip]>;tag=[call_number]
To: <sip:203@[remote_ip]>
Call-ID: [call_id]
CSeq: 2 REGISTER
Contact: <sip:203@[local_ip]:[local_port]>
[authentication username=anna-auth password=PASSWORD]
Expires: 30
Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
"""


def sipp(folder: Path, kamailio: Kamailio, password: str) -> int:
    scenario = folder / "register.xml"
    scenario.write_text(SCENARIO.replace("PASSWORD", password))
    command = ["sipp", f"127.0.0.1:{kamailio.port}", "-sf", str(scenario), "-m", "1", "-i", "127.0.0.1"]
    command += ["-p", str(free_port()), "-timeout", "8", "-timeout_error", "-nostdin"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120, cwd=folder, stdin=subprocess.DEVNULL)
    return done.returncode
