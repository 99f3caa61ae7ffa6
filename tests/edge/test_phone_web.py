"""A phone's own page through its edge: one phone, one address, and nothing that a hub or a phone could make more of."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ringfence.edge.errors import HubUnreachable, JobOver, JobRefused
from ringfence.edge.jobs import phone_web
from ringfence.edge.jobs.edge_jobs import Work
from ringfence.edge.jobs.phone_web import PhonePlaces, PhoneWeb, is_on_this_wire
from ringfence.edge.jobs.policy import FILE, JobPolicy, PhoneWebPolicy, read_policy
from ringfence.edge.jobs.telling import JobTelling
from ringfence.wire.job_messages import JobKind, JobNewsAnswer, JobOrder
from ringfence.wire.phone_web_messages import (
    LONGEST_TARGET,
    PhoneWebAnswer,
    PhoneWebNews,
    PhoneWebOrders,
    PhoneWebRequest,
    why_not_asked,
)
from support.phones_page import PhonePages, phone_pages

Headers = tuple[tuple[str, str], ...]
ANNA, BEN = "001B54C29A10", "001B54C29A11"


@pytest.fixture
def pages() -> Iterator[PhonePages]:
    with phone_pages() as found:
        yield found


class Session:
    """A session of one phone's page, with a hub that has these requests and then ends it."""

    def __init__(self, port: int, host: str | None = "127.0.0.1") -> None:
        self.host = host
        self.there = {(ANNA, "127.0.0.1")}
        self.ports = {False: port, True: port}
        self.answers: list[PhoneWebAnswer] = []
        self.away = 0

    def run(self, *asked: PhoneWebRequest, mac: str = ANNA, with_changes: bool = False) -> Sequence[PhoneWebAnswer]:
        waiting = list(asked)

        def exchange(news: PhoneWebNews) -> PhoneWebOrders:
            if self.away:
                self.away -= 1
                raise HubUnreachable("away")
            self.answers += [news.answer] if news.answer is not None else []
            given, waiting[:] = waiting[:4], waiting[4:]
            return PhoneWebOrders(len(self.answers) < len(asked), tuple(given))

        places = PhonePlaces(lambda _mac: self.host, lambda mac, host: (mac, host) in self.there, self.ports)
        order = JobOrder("job-1", JobKind.PHONE_WEB, 4e9, seconds=600, mac=mac, with_changes=with_changes)
        telling = JobTelling("job-1", "a1", lambda _news: JobNewsAnswer(goes_on=True), threading.Event())
        with pytest.raises(JobOver):
            PhoneWeb(places, exchange).run(Work(order, JobPolicy(), telling))
        return sorted(self.answers, key=lambda answer: answer.number)

    def ask(
        self, target: str, method: str = "GET", *, headers: Headers = (), body: bytes = b"", with_changes: bool = False
    ) -> PhoneWebAnswer:
        (answer,) = self.run(PhoneWebRequest(1, method, target, headers, body), with_changes=with_changes)
        return answer


def test_pages_come_as_the_phone_gives_them_without_headers_that_browsers_do_not_need(pages: PhonePages) -> None:
    answer = Session(pages.port).ask("/login?a=1", headers=(("accept", "text/html"), ("cookie", "session=s0")))
    assert (answer.status, answer.problem) == (200, "")
    assert dict(answer.headers) == {"content-type": "text/html", "set-cookie": "session=s1; Path=/; HttpOnly"}
    assert b"/login" in answer.body
    ((method, path, headers, body),) = pages.asked
    assert (method, path, body) == ("GET", "/login?a=1", b"")
    assert headers == {
        "host": "127.0.0.1", "accept": "text/html", "cookie": "session=s0", "connection": "close",
        "accept-encoding": "identity", "user-agent": "Ringfence",
    }  # fmt: skip


def test_several_requests_are_made_and_told_whatever_the_line_loses(pages: PhonePages) -> None:
    session = Session(pages.port)
    session.away = 1
    found = session.run(*(PhoneWebRequest(number, "GET", f"/{number}") for number in range(1, 10)))
    assert [answer.number for answer in found] == list(range(1, 10))
    assert {answer.status for answer in found} == {200}


@pytest.mark.parametrize(
    ("path", "location", "leads_to_tls"),
    [("/own", "/there?a=b", False), ("/away", None, False), ("/other-port", None, False)],
)
def test_a_redirect_is_told_as_a_path_and_one_to_elsewhere_not_at_all(
    pages: PhonePages, path: str, location: str | None, leads_to_tls: bool
) -> None:
    answer = Session(pages.port).ask(path)
    assert (answer.status, dict(answer.headers).get("location"), answer.leads_to_tls) == (302, location, leads_to_tls)
    assert len(pages.asked) == 1, "it is not followed"


def test_a_redirect_to_the_phones_tls_says_so(pages: PhonePages) -> None:
    session = Session(pages.port)
    session.ports = {False: pages.port, True: 443}
    answer = session.ask("/tls")
    assert (dict(answer.headers)["location"], answer.leads_to_tls) == ("/there", True)


def test_a_phone_without_an_address_or_at_anothers_is_not_asked(pages: PhonePages) -> None:
    nowhere = Session(pages.port, host=None)
    with pytest.raises(JobRefused, match="has not taken its file from this edge"):
        _run(nowhere)
    moved = Session(pages.port)
    moved.there = {(BEN, "127.0.0.1")}
    with pytest.raises(JobRefused, match=r"is not at 127\.0\.0\.1 any more"):
        _run(moved)
    with pytest.raises(JobRefused, match="named no phone"):
        _run(moved, mac="../../etc")
    assert not pages.asked


def test_a_phone_that_leaves_during_a_session_is_asked_nothing_more(pages: PhonePages) -> None:
    session = Session(pages.port)
    looks = iter([True, True, False])
    session.there = {(ANNA, "127.0.0.1")}
    places = PhonePlaces(lambda _mac: "127.0.0.1", lambda _mac, _host: next(looks), {False: pages.port, True: 1})
    answers: list[PhoneWebAnswer] = []

    def exchange(news: PhoneWebNews) -> PhoneWebOrders:
        answers.extend([news.answer] if news.answer is not None else [])
        return PhoneWebOrders(not answers, () if answers else (PhoneWebRequest(1, "GET", "/"),))

    order = JobOrder("job-1", JobKind.PHONE_WEB, 4e9, seconds=600, mac=ANNA)
    telling = JobTelling("job-1", "a1", lambda _news: JobNewsAnswer(goes_on=True), threading.Event())
    with pytest.raises(JobOver):
        PhoneWeb(places, exchange).run(Work(order, JobPolicy(), telling))
    assert "is not at 127.0.0.1 any more" in answers[0].problem
    assert not pages.asked, "the connection stood, and nothing was said in it"


def test_answers_are_bounded_in_size_and_time(pages: PhonePages, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "more than 1 MiB" in Session(pages.port).ask("/big").problem
    assert "did not answer as web servers do" in Session(pages.port).ask("/garbage").problem
    monkeypatch.setattr(phone_web, "ANSWER_WITHIN_S", 0.5)
    assert "did not answer within" in Session(pages.port).ask("/drip").problem
    assert "did not answer within" in Session(pages.port).ask("/drip-head").problem


def test_a_closed_port_names_the_setting(pages: PhonePages) -> None:
    pages.close()
    answer = Session(pages.port).ask("/")
    assert "refuses connections" in answer.problem
    assert "web_access" in answer.problem


@pytest.mark.parametrize(
    ("method", "target", "said"),
    [
        ("POST", "/", {}),
        ("DELETE", "/", {"with_changes": True}),
        ("CONNECT", "192.0.2.1:443", {"with_changes": True}),
        ("GET", "http://192.0.2.1/", {}),
        ("GET", "//192.0.2.1/", {}),
        ("GET", "*", {}),
        ("GET", "/a b", {}),
        ("GET", "/\r\nHost: evil", {}),
        ("GET", "/\x00", {}),
        ("GET", "/é", {}),
        ("GET", "/" + "a" * LONGEST_TARGET, {}),
        ("GET", "/", {"headers": (("host", "evil"),)}),
        ("GET", "/", {"headers": (("accept", "a\r\nHost: evil"),)}),
        ("GET", "/", {"headers": (("accept", "a"),) * 17}),
        ("GET", "/", {"body": b"x"}),
        ("POST", "/", {"body": b"x" * 70_000, "with_changes": True}),
        ("GET", "/admin/reboot", {}),
        ("GET", "/command.htm?key=OFFHOOK", {}),
        ("GET", "/servlet?p=x&key=Reboot", {}),
        ("GET", "/CGI/Execute", {}),
    ],
)
def test_what_no_session_may_ask_is_not_asked_whatever_the_hub_says(
    pages: PhonePages, method: str, target: str, said: dict[str, Any]
) -> None:
    answer = Session(pages.port).ask(target, method, **said)
    assert answer.status == 0
    assert answer.problem
    assert not pages.asked


def test_with_changes_forms_are_sent(pages: PhonePages) -> None:
    form = (("content-type", "application/x-www-form-urlencoded"),)
    answer = Session(pages.port).ask("/admin/save", "POST", headers=form, body=b"a=1", with_changes=True)
    assert answer.status == 200
    assert pages.asked[0][3] == b"a=1"
    assert why_not_asked(PhoneWebRequest(1, "GET", "/admin/reboot"), with_changes=True) == ""


def test_the_owner_of_the_machine_says_what_is_allowed(tmp_path: Path) -> None:
    order = JobOrder("job-1", JobKind.PHONE_WEB, 4e9, seconds=600, mac=ANNA)
    changing = JobOrder("job-1", JobKind.PHONE_WEB, 4e9, seconds=600, mac=ANNA, with_changes=True)
    JobPolicy().check(order)
    assert "phone-web" in JobPolicy().allowed()
    with pytest.raises(JobRefused, match="changes at phones' pages"):
        JobPolicy().check(changing)
    with pytest.raises(JobRefused, match="does not allow phone-web"):
        JobPolicy(phone_web=PhoneWebPolicy.OFF).check(order)
    (tmp_path / FILE).write_text('phone_web = "changes"\n')
    policy = read_policy(tmp_path)
    policy.check(changing)
    assert {"phone-web", "phone-web-changes"} <= set(policy.allowed())
    (tmp_path / FILE).write_text('phone_web = "sometimes"\n')
    with pytest.raises(JobRefused, match="can't be used"):
        read_policy(tmp_path)


def test_the_kernel_says_who_is_at_an_address() -> None:
    assert not is_on_this_wire(ANNA, "127.0.0.1"), "nobody has a MAC address there"
    assert not is_on_this_wire(ANNA, "no address")


def _run(session: Session, mac: str = ANNA) -> None:
    order = JobOrder("job-1", JobKind.PHONE_WEB, 4e9, seconds=600, mac=mac)
    telling = JobTelling("job-1", "a1", lambda _news: JobNewsAnswer(goes_on=True), threading.Event())
    places = PhonePlaces(lambda _mac: session.host, lambda mac, host: (mac, host) in session.there, session.ports)
    PhoneWeb(places, lambda _news: PhoneWebOrders(goes_on=False)).run(Work(order, JobPolicy(), telling))
