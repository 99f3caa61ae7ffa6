"""What the hub says to PBXes, and what it makes of their answers: AMI as Asterisk documents it, JSON-RPC gone wrong."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ringfence.hub.errors import PbxRefused, PbxUnavailable
from ringfence.hub.fleet import pbxes
from ringfence.hub.telephony import links
from ringfence.hub.telephony.pbx.asterisk import _NEEDED, Asterisk
from ringfence.hub.telephony.pbx.connection import PbxAccess
from ringfence.hub.telephony.pbx.kamailio import Kamailio
from ringfence.hub.telephony.pbx.port import Contact, Credential
from ringfence.phones.family import ReloadEvent
from ringfence.secret import Secret
from support.json_rpc import answering

Action = dict[str, list[str]]

HERE = PbxAccess(("127.0.0.0/8",))


class Manager:
    """A stand-in for Asterisk's manager: knows one login, answers by a table, keeps what it was asked."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.greeting = b"Asterisk Call Manager/7.0.3\r\n"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _peer = self._listener.accept()
            except OSError:
                return
            with link, link.makefile("rwb") as stream:
                stream.write(self.greeting)
                stream.flush()
                action: Action = {}
                for raw in stream:
                    line = raw.decode().rstrip("\r\n")
                    if line:
                        key, _colon, value = line.partition(": ")
                        action.setdefault(key, []).append(value)
                        continue
                    self.actions.append(action)
                    stream.write(self._answer(action).replace("\n", "\r\n").encode())
                    stream.flush()
                    action = {}

    def _answer(self, action: Action) -> str:
        number = action["ActionID"][0]
        match action["Action"][0]:
            case "Login" if action["Secret"] != ["m4nager"]:
                return f"Response: Error\nActionID: {number}\nMessage: Authentication failed\n\n"
            case "CoreSettings":
                return f"Response: Success\nActionID: {number}\nAsteriskVersion: 20.5.0\n\n"
            case "ListCommands":
                return f"Response: Success\nActionID: {number}\n" + "".join(f"{each}: x\n" for each in _NEEDED) + "\n"
            case "GetConfig":
                rows = "Category-000000: 201\nLine-000000-000000: type=endpoint\n"
                return f"Response: Success\nActionID: {number}\n{rows}\n"
            case "PJSIPShowContacts":
                contact = "Uri: sip:201@192.168.1.7:5060;transport=tcp\nEndpoint: 201\nViaAddr: 203.0.113.7:49152\n"
                return (
                    f"Response: Success\nActionID: {number}\n\nEvent: SomethingElse\n\n"
                    f"Event: ContactList\nActionID: {number}\n{contact}"
                    "CallId: abc@phone\nUserAgent: Cisco-CP9971/9.4.2\n\n"
                    f"Event: ContactListComplete\nActionID: {number}\n\n"
                )
        return f"Response: Success\nActionID: {number}\nMessage: Done\n\n"


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager()
    yield made
    made.close()


def asterisk(manager: Manager, secret: str = "m4nager") -> Asterisk:
    return Asterisk(f"ami://127.0.0.1:{manager.port}", "ringfence", Secret(secret), HERE)


def test_asterisk_says_its_version_and_its_contacts(manager: Manager) -> None:
    assert asterisk(manager).check() == "20.5.0"
    (contact,) = asterisk(manager).contacts("201")
    assert contact == Contact(
        "sip:201@192.168.1.7:5060;transport=tcp", "sip:203.0.113.7:49152", "abc@phone", "Cisco-CP9971/9.4.2"
    )
    assert asterisk(manager).contacts("202") == []


def test_asterisk_is_asked_to_notify_with_the_registers_call_id(manager: Manager) -> None:
    contact = Contact("sip:201@192.168.1.7:5060", "", "abc@phone")
    asterisk(manager).reload("201", contact, ReloadEvent.SERVICE_CONTROL)
    order = manager.actions[-1]
    assert order["Action"] == ["PJSIPNotify"]
    assert order["Endpoint"] == ["201"]
    assert "Event=service-control" in order["Variable"]
    assert "Content=action=restart" in order["Variable"]
    assert "Content=RegisterCallId={abc@phone}" in order["Variable"]
    asterisk(manager).reload("201", contact, ReloadEvent.SERVICE_CONTROL, "check-version")
    assert "Content=action=check-version" in manager.actions[-1]["Variable"]
    asterisk(manager).reload("201", contact, ReloadEvent.CHECK_SYNC)
    assert manager.actions[-1]["Variable"] == ["Event=check-sync", "Subscription-State=active"]
    asterisk(manager).reload("201", contact, ReloadEvent.CHECK_SYNC_IN_USE)
    assert manager.actions[-1]["Variable"] == ["Event=check-sync;reboot=false", "Subscription-State=active"]


def test_what_asterisk_refuses_or_is_not_is_said(manager: Manager) -> None:
    with pytest.raises(PbxRefused, match="Asterisk refuses Login: Authentication failed"):
        asterisk(manager, "wrong").check()
    with pytest.raises(PbxRefused, match="can't carry"):
        asterisk(manager).accept("", [Credential("anna", ("201",), (Secret("a\r\nAction: Command"),))])
    manager.greeting = b"SSH-2.0-OpenSSH\r\n"
    with pytest.raises(PbxUnavailable, match="other than an Asterisk manager"):
        asterisk(manager).check()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"ami://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(PbxUnavailable, match="can't be reached"):
            Asterisk(nobody, "ringfence", Secret("x"), HERE).check()


@contextmanager
def kamailio_that(answer: bytes) -> Iterator[Kamailio]:
    with answering(lambda _order: answer) as url:
        yield Kamailio(url, Secret(""), HERE)


@pytest.mark.parametrize(
    ("answer", "fault", "says"),
    [
        (b"<html>not found</html>", PbxUnavailable, "other than JSON-RPC"),
        (b'{"error": {"code": 500, "message": "broken"}}', PbxRefused, "refuses ul.lookup: broken"),
        (b'{"result": {"Contacts": [{"Contact": {"Address": "javascript:x"}}]}}', PbxRefused, "not a SIP URI"),
    ],
)
def test_what_kamailio_answers_wrongly_is_said(answer: bytes, fault: type[Exception], says: str) -> None:
    with kamailio_that(answer) as kamailio, pytest.raises(fault, match=says):
        kamailio.contacts("201")


def test_a_user_that_is_not_registered_has_no_contact() -> None:
    with kamailio_that(b'{"error": {"code": 404, "message": "AOR not found"}}') as kamailio:
        assert kamailio.contacts("201") == []


def test_every_kind_of_pbx_that_is_taken_has_what_speaks_to_it() -> None:
    assert pbxes.SCHEMES.keys() == links.ADAPTERS.keys()
