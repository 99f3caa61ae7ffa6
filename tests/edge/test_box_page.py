"""The box's own page: it shows how the box is, sets the Wi-Fi, and nothing else, whoever asks however."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import urllib3

from ringfence.edge.agent import box_page
from ringfence.edge.agent.box_page import LONGEST_BODY, MOST_AT_ONCE, MOST_TRIES, TRIES_WITHIN_S, BoxPage
from ringfence.edge.errors import WifiRefused
from ringfence.wire.network_messages import NetworkWifi

PASSPHRASE = "Known-Secret-4471"
SENTENCE = "The phone's port eth0 has a link <b>."


class Shown:
    """A page that is served on loopback, and what it was asked to join."""

    def __init__(self, *, wireless: bool = True) -> None:
        self.joined: list[NetworkWifi] = []
        self.refuses = ""
        self.said: list[str] = []
        self.now = 1000.0
        listening = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = listening.getsockname()
        self.page = BoxPage(
            listening, lambda: [SENTENCE], self.join if wireless else None,
            lambda _level, text: self.said.append(text), lambda: self.now,
        )  # fmt: skip
        self.page.start()
        self.http = urllib3.PoolManager(retries=False, timeout=60)

    def join(self, wifi: NetworkWifi) -> None:
        if self.refuses:
            raise WifiRefused(self.refuses, to_do="Do that.")
        self.joined.append(wifi)

    def get(self, path: str = "/", host: str = "") -> tuple[int, str]:
        answer = self.http.request("GET", f"http://127.0.0.1:{self.port}{path}", headers={"Host": host} if host else {})
        return answer.status, answer.data.decode()

    def post(self, path: str = "/wifi", **form: str) -> tuple[int, str]:
        answer = self.http.request(
            "POST", f"http://127.0.0.1:{self.port}{path}", body=urlencode(form),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        return answer.status, answer.data.decode()

    @property
    def word(self) -> str:
        (word,) = re.findall(r'name="word" value="([^"]+)"', self.get()[1])
        return str(word)


@pytest.fixture
def shown() -> Iterator[Shown]:
    made = Shown()
    yield made
    made.page.close()


def test_it_says_how_the_box_is_and_may_do_nothing_in_a_browser_but_its_form(shown: Shown) -> None:
    answer = shown.http.request("GET", f"http://127.0.0.1:{shown.port}/")
    text = answer.data.decode()
    assert "The phone&#x27;s port eth0 has a link &lt;b&gt;." in text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "Python" not in answer.headers["Server"]
    assert shown.get("/anything")[0] == 404


def test_the_wifi_network_is_tried_and_its_passphrase_is_not_shown(shown: Shown) -> None:
    status, text = shown.post(word=shown.word, ssid="Söhne & Co", passphrase=PASSPHRASE)
    assert status == 200
    assert "The box tries Söhne &amp; Co." in text
    assert PASSPHRASE not in text
    (joined,) = shown.joined
    assert (joined.ssid, joined.passphrase.reveal()) == ("Söhne & Co", PASSPHRASE)
    assert shown.said == ["Somebody at the box has set the Wi-Fi network 'Söhne & Co'."]


def test_what_is_refused_says_why_and_keeps_the_name(shown: Shown) -> None:
    shown.refuses = "the box's uplink is not there"
    status, text = shown.post(word=shown.word, ssid="Home", passphrase=PASSPHRASE)
    assert status == 422
    assert "The box&#x27;s uplink is not there. Do that." in text
    assert 'value="Home"' in text
    assert PASSPHRASE not in text


def test_another_page_in_a_browser_can_neither_read_it_nor_send_its_form(shown: Shown) -> None:
    for word in ("", "x", "é"):
        assert shown.post(word=word, ssid="Evil", passphrase=PASSPHRASE)[0] == 403
    assert shown.post(ssid="Evil", passphrase=PASSPHRASE)[0] == 403
    assert shown.get(host="evil.example.org")[0] == 421
    assert shown.get(host="169.254.77.1")[0] == 421
    assert shown.get(host=f"127.0.0.1:{shown.port}")[0] == 200
    assert shown.joined == []


def test_networks_are_tried_a_few_times(shown: Shown) -> None:
    word = shown.word
    for number in range(MOST_TRIES):
        assert shown.post(word=word, ssid=f"Home {number}", passphrase=PASSPHRASE)[0] == 200
    status, text = shown.post(word=word, ssid="Once more", passphrase=PASSPHRASE)
    assert (status, "Wait 10 minutes" in text or "Wait 11 minutes" in text) == (429, True)
    shown.now += TRIES_WITHIN_S
    assert shown.post(word=word, ssid="Later", passphrase=PASSPHRASE)[0] == 200
    assert len(shown.joined) == MOST_TRIES + 1


def test_where_the_uplink_is_a_cable_there_is_no_form() -> None:
    shown = Shown(wireless=False)
    text = shown.get()[1]
    assert "<form" not in text
    assert shown.post(ssid="Home", passphrase=PASSPHRASE)[0] == 404
    shown.page.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /wifi HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"POST /wifi HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n",
        b"POST /wifi HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /wifi HTTP/1.1\r\nHost: {host}\r\nContent-Length: " + str(LONGEST_BODY + 1).encode() + b"\r\n\r\n",
        b"POST /wifi HTTP/1.1\r\nHost: {host}\r\nContent-Length: 40\r\n\r\n" + b"&".join([b"a=1"] * 10) + b"=",
        b"PUT / HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01garbage\r\n\r\n",
    ],
)
def test_what_is_no_request_of_a_browser_changes_nothing(shown: Shown, sent: bytes) -> None:
    host = f"{shown.host}:{shown.port}".encode()
    with socket.create_connection((shown.host, shown.port), timeout=60) as connection:
        connection.sendall(sent.replace(b"{host}", host))
        answered = connection.recv(100)
    assert not answered.startswith(b"HTTP/1.0 200")
    assert shown.joined == []
    assert shown.get()[0] == 200


def test_whoever_holds_connections_open_is_cut_off(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_page, "LONGEST_REQUEST_S", 0.5)
    held = [socket.create_connection((shown.host, shown.port), timeout=60) for _ in range(MOST_AT_ONCE + 2)]
    for connection in held:
        connection.sendall(b"GET / HTTP/1.1\r\n")
    for connection in held:
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b"", "it is cut off, or was not let in"
        connection.close()
    until = time.monotonic() + 60
    while not serves(shown):
        assert time.monotonic() < until, "nobody is served afterwards"
        time.sleep(0.05)


def serves(shown: Shown) -> bool:
    try:
        return shown.get()[0] == 200
    except urllib3.exceptions.HTTPError:
        return False
