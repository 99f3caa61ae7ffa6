"""``ringfence phone web``: a phone's own page at a port of this machine, for nobody but who opened it."""

import http.client
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import PhoneThere
from ringfence.cli import phone_web_cmd
from ringfence.cli.support.output import Row
from ringfence.cli.support.phone_page import PhonePageRelay, PhonePageServer
from stack import wait_for
from support.command_line import CommandLine
from support.edge_with_phone import EdgeWithPhone
from support.phones_page import PhonePages, phone_pages
from support.running_hub import RunningHub

_numbers = itertools.count(1)
WAIT_S = 60


@pytest.fixture
def pages() -> Iterator[PhonePages]:
    with phone_pages() as found:
        yield found


@pytest.fixture
def edge(hub: RunningHub, phone: PhoneThere, pages: PhonePages, tmp_path: Path) -> Iterator[EdgeWithPhone]:
    hub.do("PUT", f"/settings/phones/{phone.mac}/web_access", {"value": "read-only"})
    found = EdgeWithPhone(hub.enrol(phone.site, tmp_path / "edge"), pages.port)
    found.start()
    yield found
    found.stop()


class Browser:
    """A browser of this machine, which names the host that it was given."""

    def __init__(self, host: str) -> None:
        self.host, self.port = host, int(host.rpartition(":")[2])

    def ask(
        self, path: str = "/", method: str = "GET", body: bytes | None = None, /, **headers: str
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in {"host": self.host, **headers}.items():
            if name != "host" or "host" in headers:
                connection.putheader(name.replace("_", "-"), value)
        if "host" not in headers:
            connection._buffer[1] = f"Host: {self.host}".encode()  # type: ignore[attr-defined]
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()


class FakeHub:
    """Answers of a phone, as the people's API would bring them."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.answer: dict[str, object] = {"status": 200, "headers": [["content-type", "text/html"]], "body": "eQ=="}

    def post(self, _path: str, body: dict[str, object] | None) -> dict[str, object]:
        if body is not None:
            self.asked.append(body)
            return {"number": len(self.asked)}
        return {"answered": True, "problem": "", "leads_to_tls": False, **self.answer}


@pytest.fixture
def fake() -> FakeHub:
    return FakeHub()


@pytest.fixture
def browser(fake: FakeHub) -> Iterator[Browser]:
    server = PhonePageServer(PhonePageRelay(fake.post, "/edge-jobs/job-1"))
    yield Browser(server.host)
    server.close()


def test_a_page_is_opened_read_and_closed(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, edge: EdgeWithPhone, pages: PhonePages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    shown: list[str] = []
    is_open, ended = threading.Event(), phone_web_cmd._ended

    def noted(job: str) -> Row:
        is_open.set()
        return ended(job)

    monkeypatch.setattr(phone_web_cmd, "_ended", noted)
    running = threading.Thread(
        target=lambda: shown.append(
            ringfence("phone", "web", phone.mac, "--why", "the clock", "--edge", edge.id, "--wait-for", "1h", "--json")
        ),
        daemon=True,
    )
    before = {row["id"] for row in hub.do("GET", "/edge-jobs")["items"]}
    running.start()

    def job() -> str:
        rows = [row for row in hub.do("GET", "/edge-jobs")["items"] if row["id"] not in before]
        return rows[0]["id"] if rows and rows[0]["state"] == "running" else ""

    number = wait_for("the session", job, WAIT_S)
    assert is_open.wait(WAIT_S), "the command does not open it"
    assert hub.ask("POST", f"/edge-jobs/{number}/phone-web", {"method": "GET", "target": "/hello"}).status == 201
    wait_for("the request", lambda: bool(pages.asked), WAIT_S)
    hub.do("POST", f"/edge-jobs/{number}/cancel")
    running.join(WAIT_S)
    assert not running.is_alive()
    told = json.loads(shown[0])
    assert told["id"] == number
    assert told["url"].startswith("http://")
    assert told["url"].split(":")[1].endswith(".localhost")
    assert [path for _method, path, _headers, _body in pages.asked] == ["/hello"]


def test_a_whole_page_goes_through_hub_and_edge(
    hub: RunningHub, phone: PhoneThere, edge: EdgeWithPhone, pages: PhonePages
) -> None:
    body = {"phone": phone.mac, "edge": edge.id, "why": "a test", "wait_s": 3600}
    job = f"/edge-jobs/{hub.do('POST', '/edge-jobs/phone-web', body)['id']}"
    wait_for("the session", lambda: bool(hub.do("GET", job)["state"] == "running"), WAIT_S)
    server = PhonePageServer(PhonePageRelay(lambda path, said: hub.do("POST", path, said), job))
    browser = Browser(server.host)
    try:
        answer = browser.ask("/login", Cookie="mine=secret", Authorization="Basic c2VjcmV0")
        assert (answer.status, answer.getheader("Set-Cookie"), answer.getheader("X-Secret")) == (200, None, None)
        assert b"/login" in answer.read()
        assert browser.ask("/status").status == 200
        assert browser.ask("/locked").status == 401
        assert browser.ask("/locked", Authorization="Basic YTpi").status == 200
        assert browser.ask("/big").status == 502
        moved = browser.ask("/own")
        assert (moved.status, moved.getheader("Location")) == (302, "/there?a=b")
    finally:
        server.close()
        hub.do("POST", f"{job}/cancel")
    heads = [headers for _method, _path, headers, _body in pages.asked]
    assert "secret" not in repr(heads), "neither the browser's cookies nor a password that nobody asked for"
    assert "cookie" not in heads[0]
    assert heads[1]["cookie"] == "session=s1", "the phone gets its own back"
    assert heads[3]["authorization"] == "Basic YTpi"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1"}, 421),
        ({"host": "evil.example"}, 421),
        ({"host": "0" * 32 + ".localhost:80"}, 421),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": "https://hub.example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_nobody_else_gets_an_answer(browser: Browser, fake: FakeHub, headers: dict[str, str], status: int) -> None:
    assert browser.ask("/", **headers).status == status
    assert not fake.asked


@pytest.mark.parametrize("path", ["http://192.0.2.1/", "*", "/" + "a" * 2000])
def test_only_paths_are_asked(browser: Browser, fake: FakeHub, path: str) -> None:
    assert browser.ask(path).status in {400, 414}
    assert not fake.asked


def test_a_session_that_reads_sends_no_form_and_no_large_body(browser: Browser, fake: FakeHub) -> None:
    assert browser.ask("/", "POST", b"a=1").status == 405
    assert browser.ask("/", "PUT").status == 501
    assert browser.ask("/", "GET", b"x" * 70_000).status == 413
    assert not fake.asked


def test_what_a_phones_scripts_may_do_ends_at_its_own_host(browser: Browser, fake: FakeHub) -> None:
    fake.answer = {
        "status": 200, "body": "eQ==",
        "headers": [["content-type", "text/html"], ["set-cookie", "a=b; Path=/"], ["x-evil", "1"],
                    ["location", "/a\r\nX-Evil: 1"]],
    }  # fmt: skip
    answer = browser.ask()
    told = {name.lower(): value for name, value in answer.getheaders()}
    assert "connect-src 'self'" in told["content-security-policy"]
    assert "form-action 'self'" in told["content-security-policy"]
    assert (told["referrer-policy"], told["cache-control"]) == ("no-referrer", "no-store")
    assert not {"set-cookie", "x-evil", "location", "server", "access-control-allow-origin"} & told.keys()


def test_a_phones_cookies_are_bounded_and_end(browser: Browser, fake: FakeHub) -> None:
    fake.answer["headers"] = [["set-cookie", f"c{number}=v"] for number in range(30)] + [
        ["set-cookie", "x=" + "y" * 2000]
    ]
    browser.ask().read()
    fake.answer["headers"] = [["set-cookie", "c0=; Max-Age=0"]]
    browser.ask().read()
    browser.ask().read()
    sent = dict(map(tuple, fake.asked[-1]["headers"]))["cookie"]  # type: ignore[call-overload] # pairs of JSON
    assert sent.split("; ") == [f"c{number}=v" for number in range(1, 20)]


def test_a_redirect_to_tls_is_followed_there(browser: Browser, fake: FakeHub) -> None:
    fake.answer |= {"status": 302, "headers": [["location", "/there"]], "leads_to_tls": True}
    assert browser.ask().getheader("Location") == "/there"
    browser.ask("/there").read()
    assert [asked["tls"] for asked in fake.asked] == [False, True]


def test_what_can_not_be_opened_is_said(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, tmp_path: Path
) -> None:
    assert "has no edge" in ringfence.refused(3, "phone", "web", phone.mac, "--why", "x")
    hub.enrol(phone.site, tmp_path / "edge")
    assert "web_access is off" in ringfence.refused(3, "phone", "web", phone.mac, "--why", "x")
    hub.do("PUT", f"/settings/phones/{phone.mac}/web_access", {"value": "read-only"})
    ringfence.refused(4, "phone", "web", "00:1B:54:FF:00:01", "--why", "x")
    assert ringfence.run("phone", "web", phone.mac).status == 2, "it needs a reason"
    assert ringfence.run("phone", "web", phone.mac, "--why", "x", "--minutes", "61").status == 2
