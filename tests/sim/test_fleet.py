"""A fleet in one thread: every phone boots, and what fails is counted by its reason."""

import socket
from functools import partial

import pytest

from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.secret import Secret
from ringfence.sim import fleet
from ringfence.sim.fleet import (
    BOOTED,
    MISSING,
    REJECTED,
    SILENT,
    Fleet,
)
from ringfence.tftp.receiving import Receiver
from ringfence.tftp.retransmission import RetransmissionPolicy
from support.small_tftp import SmallTftp

pytestmark = pytest.mark.slow

FIRST = Mac("001B54000001")


def files(count: int, kind: str = "9971") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for at in range(count):
        mac = Mac(f"{int(FIRST.bare, 16) + at:012X}")
        line = LineAccount(1, f"Desk {at}", str(200 + at), "", "", Secret("s3cr3t"))
        phone = PhoneToRender(mac, kind, "", {"sip_server": "192.0.2.10"}, (line,))
        found |= {file.name: file.data for file in Renderer().render(phone)}
    return found


@pytest.mark.parametrize("kind", ["9971", "SPA504G", "7960"])
def test_every_phone_of_a_fleet_boots(kind: str) -> None:
    with SmallTftp(files(40, kind)) as server:
        progress: list[int] = []
        report = Fleet(
            ("127.0.0.1", server.port),
            kind,
            FIRST,
            40,
            at_once=10,
            sources=("127.0.0.2", "127.0.0.3"),
            on_progress=progress.append,
        ).run()
    assert report.outcomes == {BOOTED: 40}
    assert report.files >= 40
    assert len(report.boots_s) == 40
    assert progress == list(range(1, 41))
    said = report.as_document()
    assert said["boot_p50_s"] is not None
    assert said["size_bytes"] == report.size_bytes > 0


def test_what_fails_is_counted_by_its_reason() -> None:
    held = files(3)
    held[f"SEP{FIRST.bare}.cnf.xml"] = b"<device>"
    del held["SEP001B54000002.cnf.xml"]
    with SmallTftp(held) as server:
        report = Fleet(("127.0.0.1", server.port), "9971", FIRST, 3).run()
    assert report.outcomes == {BOOTED: 1, MISSING: 1, REJECTED: 1}


def test_a_silent_server_ends_a_fleet_too(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = RetransmissionPolicy(first_timeout_s=0.02, shortest_timeout_s=0.02, longest_timeout_s=0.05)
    monkeypatch.setattr(fleet, "Receiver", partial(Receiver, policy=soon))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        report = Fleet(silent.getsockname(), "9971", FIRST, 5).run()
    assert report.outcomes == {SILENT: 5}
    assert report.as_document()["boot_p50_s"] is None


def test_phones_begin_spread_over_the_time_that_was_asked() -> None:
    with SmallTftp(files(5)) as server:
        report = Fleet(("127.0.0.1", server.port), "9971", FIRST, 5, over_s=1.0).run()
    assert report.duration_s >= 0.8
    assert report.outcomes == {BOOTED: 5}
