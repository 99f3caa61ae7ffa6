"""Floods at the hub's listener for phones, and of bundles: what one sender may cost everybody else."""

from itertools import count

import pytest

from ringfence.hub.people import bundle_downloads
from ringfence.hub.phone_listener import told
from ringfence.hub.phone_listener.desk import ListenerDesk
from ringfence.hub.phone_listener.messages import FileAsked
from ringfence.hub.phone_listener.told import MOST_OF_PHONE, MOST_REFUSALS_OF_SITE, ToldOfPhones
from ringfence.hub.source_address import one_caller
from ringfence.wire.messages import Report, ReportKind
from support.running_hub import Json, RunningHub

_numbers = count(0x001B54C2F401)


@pytest.fixture
def site(running: RunningHub) -> str:
    return running.site(f"Flooded {next(_numbers)}")


def reports(running: RunningHub, site: str) -> list[Json]:
    return list(running.do("GET", f"/reports?site={site}&limit=1000")["items"])


def served(running: RunningHub, owner: str, number: int = 0) -> Report:
    return Report(
        0, running.clock(), ReportKind.FILE_SERVED, f"Sent {number}.", name=f"{owner.lower()}.xml", owner=owner,
        peer="203.0.113.7",
    )  # fmt: skip


def refused(running: RunningHub, peer: str) -> Report:
    return Report(
        0, running.clock(), ReportKind.FILE_REFUSED, "Refused.", name="x.xml", owner="001B54C2F4FF", peer=peer,
        finding="unknown-phone",
    )  # fmt: skip


def test_a_phone_that_fetches_without_end_fills_no_log_and_costs_no_other_its_reports(
    running: RunningHub, site: str
) -> None:
    waiting, greedy, other = ToldOfPhones(), f"{next(_numbers):012X}", f"{next(_numbers):012X}"
    with running.clock.stopped():
        waiting.tell(running.hub, site, served(running, other))
        for number in range(told.MOST_WAITING + 50):
            waiting.tell(running.hub, site, served(running, greedy, number))
        waiting.flush(running.clock())
        owners = [row["owner"] for row in reports(running, site)]
        assert (owners.count(greedy), owners.count(other)) == (MOST_OF_PHONE, 1)
    with running.clock.forward(61):
        waiting.flush(running.clock())
        (left,) = [row for row in reports(running, site) if row["kind"] == "reports-dropped"]
        assert left["sentence"].startswith(f"{told.MOST_WAITING + 50 - MOST_OF_PHONE:,} more reports")
        waiting.tell(running.hub, site, served(running, greedy))
        waiting.flush(running.clock())
        assert [row["owner"] for row in reports(running, site)].count(greedy) == MOST_OF_PHONE + 1


def test_refusals_of_many_senders_are_told_by_their_number(running: RunningHub, site: str) -> None:
    waiting = ToldOfPhones()
    with running.clock.stopped():
        for number in range(MOST_REFUSALS_OF_SITE + 100):
            waiting.tell_refusal(running.hub, site, refused(running, f"198.51.{number >> 8}.{number & 255}"))
        waiting.flush(running.clock())
    assert len(reports(running, site)) == MOST_REFUSALS_OF_SITE


def test_a_network_of_ipv6_is_one_sender(running: RunningHub, site: str) -> None:
    waiting = ToldOfPhones()
    with running.clock.stopped():
        for number in range(1, 50):
            waiting.tell_refusal(running.hub, site, refused(running, f"2001:db8::{number:x}"))
        waiting.flush(running.clock())
    assert len(reports(running, site)) == 1


def test_who_guesses_from_many_addresses_of_a_network_gets_nothing_for_a_while(running: RunningHub) -> None:
    desk = ListenerDesk(running.hub)
    for number in range(1, 200):
        host = f"2001:db8:7::{number:x}"
        asked = FileAsked(number, host, 4000, f"/k/{number:032x}/001b54c2f4aa.xml")
        assert desk.on_asked(asked, at_old=False) is None
    assert desk._bans.of(one_caller("2001:db8:7::ffff"), running.clock()) is not None
    assert desk._bans.of(one_caller("2001:db8:8::1"), running.clock()) is None


def test_bundles_that_are_read_slowly_take_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    begins, has_gone = bundle_downloads._begins, bundle_downloads._has_gone
    monkeypatch.setattr(bundle_downloads, "_going_out", type(bundle_downloads._going_out)())
    assert [begins("line-1") for _each in range(3)] == [True, True, False]
    has_gone("line-1")
    assert begins("line-1")
    others = [begins(f"line-{number}") for number in range(2, 40)]
    assert others.count(True) == bundle_downloads.MOST_GOING_OUT - 2
    has_gone("line-2")
    assert begins("line-39")
