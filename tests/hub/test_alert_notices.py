"""Telling of alerts: what is sent, signed, gathered, tried again and given up; real receivers of mail and webhooks."""

import contextlib
import datetime as dt
import itertools
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import AlertChannelTaken, AlertChannelUnavailable, NameRefused, UnknownSite
from ringfence.hub.fleet import alert_addresses, alert_channels, alert_notices, quiet_hours
from ringfence.hub.fleet.alert_channels import MAIL, NTFY, WEBHOOK, ChannelParts
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.notifying import deadline, delivery, push
from ringfence.secret import Secret
from stack import free_port, wait_for
from support.alert_receivers import (
    Receiver,
    add,
    channel,
    end,
    pass_time,
    prepared,
    raise_one,
    receiving,
    waiting,
)
from support.running_hub import RunningHub


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as there:
        yield there


@pytest.fixture
def hub(idle: Hub) -> Hub:
    return prepared(idle)


def test_a_webhook_hears_of_an_alert_and_of_its_end_signed_as_the_specification_says(
    hub: Hub, receiver: Receiver
) -> None:
    secret = add(hub, "noc", ChannelParts(WEBHOOK, receiver.url)).reveal()
    alert = raise_one(hub)
    assert delivery.go_on(hub) == 1
    raise_one(hub)
    assert delivery.go_on(hub) == 0, "the same alert is told of once"
    end(hub, alert)
    assert delivery.go_on(hub) == 1
    opened, closed = receiver.messages()
    assert (opened["type"], closed["type"]) == ("alert.opened", "alert.closed")
    told = opened["data"]
    assert (told["hub"], told["site"], told["kind"], told["subject"]) == (
        "Ringfence hub",
        "anna",
        "edge-away",
        "edge-1",
    )
    assert (closed["data"]["count"], closed["data"]["closed_by"]) == (2, "Anna")
    ids = set()
    for headers, body in receiver.posts:
        ids.add(headers["webhook-id"])
        Webhook(secret).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" ", headers)
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 44).verify(body, headers)
    assert len(ids) == 2
    row = channel(hub, "noc")
    assert (row.sent, row.problem, row.failing_since) == (2, "", None)
    assert secret.encode() not in row.sealed_secret


def test_each_channel_hears_of_its_site_and_kinds_only(hub: Hub, receiver: Receiver) -> None:
    add(hub, "away", ChannelParts(WEBHOOK, receiver.url, alert_kinds=[alerts.EDGE_AWAY], site_id="berta"))
    raise_one(hub, "edge-1", "anna")
    raise_one(hub, "edge-2", "berta", alerts.EDGE_BEHIND)
    raise_one(hub, "edge-3", "berta")
    assert delivery.go_on(hub) == 1
    assert receiver.messages()[0]["data"]["subject"] == "edge-3"


def test_an_alert_that_ends_before_anybody_heard_of_it_is_not_spoken_of(hub: Hub, receiver: Receiver) -> None:
    add(hub, "noc", ChannelParts(WEBHOOK, receiver.url))
    end(hub, raise_one(hub))
    assert (delivery.go_on(hub), waiting(hub), receiver.posts) == (0, 0, [])


def test_what_is_undone_with_its_change_is_not_told(hub: Hub, receiver: Receiver) -> None:
    add(hub, "noc", ChannelParts(WEBHOOK, receiver.url))

    def raise_and_fail() -> None:
        with hub.change("test") as change:
            alerts.raise_alert(change, "anna", alerts.EDGE_AWAY, "edge-1", "…")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        raise_and_fail()
    assert waiting(hub) == 0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 410, 500, 503])
def test_a_channel_that_takes_nothing_is_asked_ever_more_seldom_and_keeps_no_other_from_hearing(
    hub: Hub, receiver: Receiver, status: int
) -> None:
    with receiving() as broken:
        broken.status = status
        add(hub, "a-broken-one", ChannelParts(WEBHOOK, broken.url))
        add(hub, "noc", ChannelParts(WEBHOOK, receiver.url))
        for number in range(3):
            raise_one(hub, f"edge-{number}")
        assert delivery.go_on(hub) == 3
        assert len(broken.posts) == 1, "after a failure the others wait, and no redirection is followed"
        row = channel(hub, "a-broken-one")
        assert f"answered with status {status}" in row.problem
        assert row.failing_since == hub.clock()
        assert delivery.go_on(hub) == 0
        pass_time(hub, delivery.FIRST_PAUSE_S + 1)
        delivery.go_on(hub)
        assert len(broken.posts) == 2
        pass_time(hub, delivery.FIRST_PAUSE_S + 1)
        delivery.go_on(hub)
        assert len(broken.posts) == 2, "the pauses grow"
        broken.status = 200
        pass_time(hub, delivery.FIRST_PAUSE_S)
        assert delivery.go_on(hub) == 3
        assert channel(hub, "a-broken-one").problem == ""


def test_what_nobody_took_for_three_days_is_given_up_and_counted(hub: Hub) -> None:
    add(hub, "noc", ChannelParts(WEBHOOK, f"http://127.0.0.1:{free_port()}"))
    raise_one(hub)
    delivery.go_on(hub)
    assert "can't be reached" in channel(hub, "noc").problem
    pass_time(hub, delivery.GIVEN_UP_AFTER_S + 1)
    delivery.go_on(hub)
    assert (waiting(hub), channel(hub, "noc").dropped) == (0, 1)


def test_more_than_a_channel_can_be_told_is_counted(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_notices, "MOST_WAITING", 3)
    add(hub, "noc", ChannelParts(WEBHOOK, "https://alerts.example.org"))
    for number in range(5):
        raise_one(hub, f"edge-{number}")
    assert (waiting(hub), channel(hub, "noc").dropped) == (3, 2)


def test_what_a_dying_hub_sent_is_sent_again_later_and_not_at_once(
    hub: Hub, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(hub, "noc", ChannelParts(WEBHOOK, receiver.url))
    raise_one(hub)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(delivery, "_strike_off", die)
        with pytest.raises(KeyboardInterrupt):
            delivery.go_on(hub)
    assert delivery.go_on(hub) == 0, "another process may be at it"
    pass_time(hub, delivery.CLAIMED_FOR_S + 1)
    assert delivery.go_on(hub) == 1
    first, second = (headers["webhook-id"] for headers, _body in receiver.posts)
    assert first == second, "so that a receiver knows it again"


def test_an_answer_that_is_drawn_out_ends(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "LONGEST_S", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            line, _peer = listener.accept()
            with line:
                while not over.wait(0.05):
                    try:
                        line.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        add(hub, "slow", ChannelParts(WEBHOOK, f"http://127.0.0.1:{listener.getsockname()[1]}/"))
        with pytest.raises(AlertChannelUnavailable, match="can't be reached"):
            delivery.send_test(hub, "slow")
        over.set()
        thread.join()


BAD: Sequence[tuple[Callable[[], ChannelParts], type[RingfenceError], str]] = [
    (lambda: ChannelParts("pigeon", "https://a"), NameRefused, "not an address for 'pigeon'"),
    (lambda: ChannelParts(WEBHOOK, "ftp://a"), NameRefused, "not an address"),
    (lambda: ChannelParts(WEBHOOK, "https://a:99999"), NameRefused, "not an address"),
    (lambda: ChannelParts(WEBHOOK, "https://a/" + "b" * 500), NameRefused, "not an address"),
    (lambda: ChannelParts(WEBHOOK, "https://a/\r\nX: y"), NameRefused, "not an address"),
    (lambda: ChannelParts(WEBHOOK, "http://alerts.example.org"), NameRefused, "not encrypted"),
    (lambda: ChannelParts(WEBHOOK, "https://me:secret@a"), NameRefused, "must not hold a password"),
    (lambda: ChannelParts(WEBHOOK, "https://a", ["a@b.org"]), NameRefused, "no mail addresses"),
    (lambda: ChannelParts(WEBHOOK, "https://a", secret=Secret("x")), NameRefused, "made by the hub"),
    (lambda: ChannelParts(WEBHOOK, "https://a", quiet_hours="22-7"), NameRefused, "no quiet hours"),
    (lambda: ChannelParts(WEBHOOK, "https://a", quiet_hours="24:00-07:00"), NameRefused, "no quiet hours"),
    (lambda: ChannelParts(WEBHOOK, "https://a", quiet_hours="07:00-07:00"), NameRefused, "the whole day"),
    (lambda: ChannelParts(WEBHOOK, "https://a", time_zone="Europe/Berlin"), NameRefused, "quiet hours only"),
    *[
        (
            lambda zone=zone: ChannelParts(WEBHOOK, "https://a", quiet_hours="22:00-07:00", time_zone=zone),
            NameRefused,
            "no time zone",
        )
        for zone in ("Europe/Berlim", "Europe", "../../etc/passwd", "/etc/localtime", "A" * 300, "\0")
    ],
    (lambda: ChannelParts(NTFY, "https://a"), NameRefused, "names no topic"),
    (lambda: ChannelParts(NTFY, "https://a/b/c"), NameRefused, "names no topic"),
    (lambda: ChannelParts(NTFY, "https://a/b?auth=c"), NameRefused, "names no topic"),
    (lambda: ChannelParts(NTFY, "http://ntfy.example.org/b"), NameRefused, "not encrypted"),
    (lambda: ChannelParts(NTFY, "https://a/b", secret=Secret("x\r\ny: z")), NameRefused, "access token"),
    (lambda: ChannelParts(NTFY, "https://a/b", user="c"), NameRefused, "no mail addresses"),
    (lambda: ChannelParts(WEBHOOK, "https://a", site_id="nowhere"), UnknownSite, "no site"),
    (lambda: ChannelParts(MAIL, "smtps://a", [], "a@b.org"), NameRefused, "recipients"),
    (lambda: ChannelParts(MAIL, "smtps://a", ["a@b.org"] * 21, "a@b.org"), NameRefused, "recipients"),
    (lambda: ChannelParts(MAIL, "smtps://a", ["a@b.org\r\nBcc: c@d"], "a@b.org"), NameRefused, "not a mail address"),
    (lambda: ChannelParts(MAIL, "smtps://a", ["a@b.org"], ""), NameRefused, "not a mail address"),
    (lambda: ChannelParts(MAIL, "smtps://a", ["nobody"], "a@b.org"), NameRefused, "not a mail address"),
    (lambda: ChannelParts(MAIL, "smtps://a", ["a@b.org"], "a@b.org", "user"), NameRefused, "needs a password"),
]


@pytest.mark.parametrize(("parts", "error", "says"), BAD)
def test_what_is_no_channel_is_refused(
    hub: Hub, parts: Callable[[], ChannelParts], error: type[RingfenceError], says: str
) -> None:
    with pytest.raises(error, match=says):
        add(hub, "x", parts())


def test_there_is_an_end_to_channels(hub: Hub) -> None:
    for number in range(alert_channels.MOST_CHANNELS):
        add(hub, f"c{number}", ChannelParts(WEBHOOK, "https://a"))
    with pytest.raises(AlertChannelTaken, match="32 channels"):
        add(hub, "one-more", ChannelParts(WEBHOOK, "https://a"))
    with hub.change("test") as change:
        alert_channels.remove(change, "c0")
    with pytest.raises(AlertChannelTaken, match="already is a channel c1"):
        add(hub, "c1", ChannelParts(WEBHOOK, "https://a"))


def test_every_kind_of_alert_can_be_asked_for() -> None:
    there = {value for name, value in vars(alerts).items() if name.isupper() and isinstance(value, str)}
    assert there | alerts.SOMEBODY_ELSE == alerts.KINDS


def test_a_push_tells_of_all_that_happened_within_seconds_and_fits(hub: Hub, receiver: Receiver) -> None:
    add(hub, "telephone", ChannelParts(NTFY, receiver.url.partition("/hook")[0] + "/on-call", secret=Secret("tk_1")))
    numbers = [raise_one(hub, f"edge-{number}" + "ä" * 40) for number in range(60)]
    assert delivery.go_on(hub) == 0, "more may be coming"
    pass_time(hub, 11)
    assert delivery.go_on(hub) == 60
    for number in numbers:
        end(hub, number)
    pass_time(hub, 11)
    assert delivery.go_on(hub) == 60
    (headers, body), (_headers, end_of_all) = receiver.posts
    told, over = json.loads(body), json.loads(end_of_all)
    assert headers["Authorization"] == "Bearer tk_1"
    assert (told["topic"], told["title"]) == ("on-call", "[Ringfence hub] 60 alerts at 1 site")
    assert "Edge edge-0" in told["message"]
    assert "more." in told["message"]
    assert len(told["message"].encode()) < 4096
    assert (told["priority"], over["priority"]) == (push.HIGH, push.LOW)


def moment(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(("hours", "zone", "at", "over"), [
    ("22:00-07:00", "Europe/Berlin", "2026-11-29T23:30+01:00", "2026-11-30T07:00+01:00"),
    ("22:00-07:00", "Europe/Berlin", "2026-11-29T22:00+01:00", "2026-11-30T07:00+01:00"),
    ("22:00-07:00", "Europe/Berlin", "2026-11-30T06:59+01:00", "2026-11-30T07:00+01:00"),
    ("22:00-07:00", "Europe/Berlin", "2026-11-30T07:00+01:00", "2026-11-30T07:00+01:00"),
    ("22:00-07:00", "Europe/Berlin", "2026-11-30T12:00+01:00", "2026-11-30T12:00+01:00"),
    ("22:00-07:00", "Europe/Berlin", "2026-03-28T23:00+01:00", "2026-03-29T07:00+02:00"),  # summer time begins
    ("12:00-13:30", "", "2026-11-30T12:15+00:00", "2026-11-30T13:30+00:00"),
    ("12:00-13:30", "", "2026-11-30T11:59+00:00", "2026-11-30T11:59+00:00"),
    ("00:00-02:30", "Europe/Berlin", "2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00"),  # 02:30 does not exist
])  # fmt: skip
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(hours: str, zone: str, at: str, over: str) -> None:
    quiet = quiet_hours.parse(hours, zone)
    assert quiet is not None
    assert quiet.over(moment(at)) == moment(over)


def test_what_happens_in_quiet_hours_is_told_at_their_end(hub: Hub, receiver: Receiver) -> None:
    add(hub, "noc", ChannelParts(WEBHOOK, receiver.url, quiet_hours="22:00-07:00", time_zone="Asia/Tokyo"))
    hub.clock = lambda: moment("2026-11-29T23:00+09:00")
    raise_one(hub, "edge-1")
    end(hub, raise_one(hub, "edge-2"))
    pass_time(hub, 7 * 3600)
    assert (delivery.go_on(hub), waiting(hub)) == (0, 1)
    receiver.status = 503
    pass_time(hub, 3600)
    assert (delivery.go_on(hub), len(receiver.posts)) == (0, 1)
    receiver.status = 200
    pass_time(hub, 60)
    assert delivery.go_on(hub) == 1
    assert receiver.messages()[-1]["data"]["subject"] == "edge-1"


INSIDE = [
    "10.1.2.3", "192.168.1.1", "172.16.0.9", "100.64.0.1", "169.254.169.254", "127.0.0.1", "::1", "fe80::1", "fd00::1",
    "::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1", "0.0.0.0", "224.0.0.1", "255.255.255.255",  # noqa: S104 - nothing is bound
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("kind", [WEBHOOK, NTFY, MAIL])
def test_no_alert_goes_to_an_address_inside(hub: Hub, monkeypatch: pytest.MonkeyPatch, kind: str, address: str) -> None:
    """Neither as it is written nor as what a name stands for, and nothing is connected to."""
    hub.config = hub.config.model_copy(update={"alert_networks": ()})
    url = {WEBHOOK: "https://{}/", NTFY: "https://{}/topic", MAIL: "smtps://{}:4650"}[kind]
    to, sender = (["noc@example.org"], "hub@example.org") if kind == MAIL else ([], "")
    with pytest.raises(NameRefused, match="alert_networks"):
        add(hub, "literal", ChannelParts(kind, url.format(f"[{address}]" if ":" in address else address), to, sender))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_how: found)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_how: pytest.fail("it connects"))
    add(hub, "name", ChannelParts(kind, url.format("alerts.example.org"), to, sender))
    with pytest.raises(AlertChannelUnavailable, match="no alert may go to") as refused:
        delivery.send_test(hub, "name")
    assert "alert_networks" in str(refused.value)


def test_networks_of_the_configuration_and_this_machines_mail_server_may_be_reached() -> None:
    why_not, here = alert_addresses.why_not, ip_address("127.0.0.1")
    assert why_not(ip_address("10.1.2.3"), 443, ["10.0.0.0/8"], is_mail=False) == ""
    assert why_not(ip_address("10.1.2.3"), 443, ["10.2.0.0/16"], is_mail=False)
    assert [why_not(here, port, (), is_mail=True) for port in (25, 465, 587)] == ["", "", ""]
    assert why_not(here, 5432, (), is_mail=True)
    assert why_not(here, 25, (), is_mail=False)
    assert why_not(ip_address("169.254.169.254"), 80, ["169.254.0.0/16"], is_mail=False), "secrets are told there"
    assert why_not(ip_address("9.9.9.9"), 443, (), is_mail=False) == ""
    assert why_not(ip_address("2620:fe::9"), 443, (), is_mail=False) == ""


def test_a_webhook_over_tls_needs_a_certificate_of_its_name(hub: Hub, server_tls: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, server_tls.wrap_socket(listener, server_side=True) as tls:
        asked = list[bytes]()

        def answer() -> None:
            for _ in range(2):
                with contextlib.suppress(OSError), tls.accept()[0] as line, line.makefile("rb") as asking:
                    head = b"".join(itertools.takewhile(lambda part: part != b"\r\n", asking))
                    if (length := re.search(rb"Content-Length: (\d+)", head)) is None:
                        continue  # it went away without a question
                    asking.read(int(length[1]))
                    asked.append(head)
                    line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = tls.getsockname()[1]
        add(hub, "good", ChannelParts(WEBHOOK, f"https://127.0.0.1:{port}/hook"))
        delivery.send_test(hub, "good")
        add(hub, "another", ChannelParts(WEBHOOK, f"https://localhost:{port}/hook"))
        with pytest.raises(AlertChannelUnavailable, match="certificate"):
            delivery.send_test(hub, "another")
        thread.join()
    assert len(asked) == 1
    assert f"Host: 127.0.0.1:{port}\r\n".encode() in asked[0]


def test_a_running_hub_tells_by_itself(
    running: RunningHub, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = running.hub.config.model_copy(update={"alert_networks": ("127.0.0.1/32",)})
    monkeypatch.setattr(running.hub, "config", allowed)
    site = running.site("Told of")
    running.do("POST", "/alert-channels", {"name": "by itself", "kind": "webhook", "url": receiver.url, "site": site})
    with running.hub.change("test") as change:
        alerts.raise_alert(change, site, alerts.EDGE_AWAY, "edge-1", "It is away.")
    wait_for("the webhook", lambda: receiver.posts)
    (row,) = [each for each in running.do("GET", "/alert-channels")["items"] if each["id"] == "by-itself"]
    assert (row["site"], row["problem"]) == (site, "")
    running.do("DELETE", "/alert-channels/by-itself")
