"""An edge's default addresses, from another machine on a wire: port 69 over TFTP, port 6970 over HTTP."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from ringfence.content.release import TargetKind
from ringfence.edge.process.addresses import http_addresses
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from support.namespaces import Wire, entered

EDGE = "192.0.2.1"
NAME = "SEP001122334455.cnf.xml"
CONTENT = b"<device>" + b"x" * 20_000 + b"</device>"

pytestmark = [pytest.mark.needs("root"), pytest.mark.needs("netns"), pytest.mark.needs("curl")]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire([f"{EDGE}/24"], ["192.0.2.9/24"]) as wire:
        yield wire


def serve(wire: Wire, *http: str) -> WorkerSupervisor:
    listen = [(EDGE, 69)]
    with entered(wire.server):
        supervisor = WorkerSupervisor(
            listen=listen, http=http_addresses(list(http), listen), site="Home", on_event=lambda _event: None
        )
        supervisor.start()
    fd = os.memfd_create(NAME)
    os.write(fd, CONTENT)
    supervisor.offer(1, [Offer(NAME, fd, len(CONTENT), TargetKind.CONFIGURATION, "001122334455")])
    os.close(fd)
    return supervisor


def curl(wire: Wire, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    with entered(wire.client):
        return subprocess.run(["curl", "-sS", "-m", "10", *arguments], capture_output=True, check=False)


def test_a_phone_gets_the_same_file_over_both_protocols(wire: Wire) -> None:
    supervisor = serve(wire)
    try:
        assert supervisor.http_addresses == ((EDGE, 6970),)
        got = curl(wire, f"http://{EDGE}:6970/{NAME}")
        assert (got.returncode, got.stdout) == (0, CONTENT)
        head = curl(wire, "-I", f"http://{EDGE}:6970/{NAME}").stdout
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert b"Content-Length: %d" % len(CONTENT) in head
        missing = curl(wire, "-o", "/dev/null", "-w", "%{http_code}", f"http://{EDGE}:6970/SEPAABBCCDDEEFF.cnf.xml")
        assert missing.stdout == b"404"
        with entered(wire.client):
            assert fetch((EDGE, 69), NAME) == CONTENT
    finally:
        supervisor.stop()


def test_where_http_is_off_a_phone_is_refused_at_once_and_goes_on_with_tftp(wire: Wire) -> None:
    supervisor = serve(wire, "off")
    try:
        refused = curl(wire, f"http://{EDGE}:6970/{NAME}")
        assert refused.returncode == 7  # curl(1): failed to connect
        with entered(wire.client):
            assert fetch((EDGE, 69), NAME) == CONTENT
    finally:
        supervisor.stop()
