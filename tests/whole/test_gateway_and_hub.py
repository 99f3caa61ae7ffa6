"""A real hub and gateway: a person opens a window, a phone far away takes its file once, and the hub knows who."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from stack import RINGFENCE, Stack, wait_for

pytestmark = pytest.mark.slow
MAC, OWN = "00:1B:54:C2:9A:10", "SEP001B54C29A10.cnf.xml"
HOME, STRANGER = "127.10.0.5", "127.66.0.6"


class WithGateway(Stack):
    """A hub and a gateway at one site."""

    def make(self) -> None:
        self.make_hub()
        self.run("site", "add", "Far away")
        self.run("set", "organisation", "sip_server=sip.example.org")
        self.run("phone", "add", MAC, "--site", "far-away", "--model", "9971")
        self.run("line", "set", MAC, "1", "--name", "201", "--label", "Anna")
        token = self.ask("site", "token", "far-away")["token"]
        self.run("gateway", "enrol", "-", "--folder", str(self.edge_folder), stdin=token)
        listen = ["--listen", f"127.0.0.1:{self.tftp_port}", "--http", f"127.0.0.1:{self.http_port}", "--no-firewall"]
        command = [*RINGFENCE, "gateway", "run", "--folder", str(self.edge_folder), *listen]
        gateway = self._start("gateway.log", command)
        wait_for(
            "the gateway", lambda: self._alive(gateway, "gateway.log") and "serving phones on" in self.gateway_log()
        )

    def gateway_log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def takes(self, host: str = HOME) -> bytes:
        try:
            return fetch(self.tftp, OWN, source_host=host)
        except FileRefused:
            return b""

    def publish(self, release: int) -> None:
        self.ask("publish")
        wait_for("the release", lambda: f"Received release {release}" in self.gateway_log())


@pytest.fixture
def far(tmp_path: Path) -> Iterator[WithGateway]:
    stack = WithGateway(tmp_path)
    try:
        stack.make()
        yield stack
    finally:
        stack.close()


def test_a_window_from_the_persons_word_to_the_hubs_log(far: WithGateway) -> None:
    far.publish(1)
    assert far.takes() == b"", "a gateway serves nobody whose site does not allow it"
    far.run("guard", "policy", "far-away", "--gateway", "stubs")
    far.publish(2)
    wait_for("the rules", lambda: "of the site's state; changed: guard" in far.gateway_log())
    assert far.takes() == b"", "and no secret without a window"
    far.run("guard", "open", MAC, "--for", "5m")
    password = far.ask("line", "password", MAC, "1")["password"].encode()
    taken = wait_for("the window", far.takes)
    assert password in taken
    assert password not in far.takes(), "once"
    assert far.takes(STRANGER) == b""
    log = wait_for("the log", lambda: [row for row in far.ask("report", "list") if row["kind"] == "window-used"])
    assert HOME in log[0]["sentence"]
    explained = wait_for("why", lambda: text if STRANGER in (text := far.run("guard", "explain", MAC)) else "")
    assert "inside a window" in explained
    # The address that used the window is known now: the phone's form without secrets goes there, if it behaves.
    stub = wait_for("the network", lambda: _boots(far), pause_s=1)
    assert b"<device>" in stub
    assert password not in stub


def _boots(far: WithGateway) -> bytes:
    bare = OWN[3:15]
    for name in (f"CTLSEP{bare}.tlv", f"ITLSEP{bare}.tlv", "ITLFile.tlv"):
        with pytest.raises(FileRefused):
            fetch(far.tftp, name, source_host=HOME)
    return far.takes()
