"""Two at once, people or hubs: what may happen once happens once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import DatabaseTaken
from ringfence.hub.errors import EdgeRefused, OutOfOrder
from ringfence.hub.fleet import (
    activation_use,
    activations,
    boxes,
    edge_job_news,
    edge_jobs,
    edges,
    enrolment_tokens,
    lines,
    organisation_use,
    passwords,
    people,
    phones,
    report_budget,
    reports,
    second_steps,
    sites,
)
from ringfence.hub.fleet.activation_use import CodeUser, PhoneAtHand
from ringfence.hub.fleet.activations import PreparedPhone
from ringfence.hub.fleet.edge_jobs import AskedJob
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.sign_in_throttle import SignInThrottle
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.process import renewal
from ringfence.hub.process.init import init
from ringfence.hub.publishing import rollout_gate, rollout_orders, rollouts
from ringfence.hub.publishing.publish import publish
from ringfence.hub.publishing.rollouts import NewRollout
from ringfence.hub.store.database import Database
from ringfence.hub.store.models import EdgeReportRow, EdgeRow
from ringfence.hub.store.network_models import BoxRow, BoxSubnetRow
from ringfence.hub.store.pages import Page
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.release_models import ReleaseRow, RoleMetadataRow
from ringfence.hub.store.rollout_models import RolloutPhoneRow
from ringfence.phones.mac import Mac
from ringfence.wire.job_messages import JobKind, JobNews
from ringfence.wire.messages import Report
from ringfence.wire.network_messages import BoxStanding
from support import signing_in
from support.boxes_in_hand import key
from support.hub_on_database import at_once, edge_of, report, verified
from support.phones_at_pbx import PhonesInHand


def test_two_writers_at_once_go_on_from_one_chain(hub: Hub) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            with hub.change(f"writer {number}") as change:
                change.note("test", f"{number}.{turn}")

    before = verified(hub).entries
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = verified(hub)
    assert (found.entries, found.broken) == (before + 20, None)


def test_a_token_lets_one_of_two_in(hub: Hub) -> None:
    with hub.change("test") as change:
        _row, secret = enrolment_tokens.create(change, "anna")
    both = threading.Barrier(2, timeout=60)

    def redeem() -> str:
        both.wait()
        try:
            with hub.change("edge") as change:
                enrolment_tokens.redeem(change, secret)
        except EdgeRefused as refused:
            return refused.kind
        return "let in"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(done.result() for done in [pool.submit(redeem), pool.submit(redeem)]) == ["let in", "token-used"]


def test_boxes_that_come_at_once_have_subnets_and_keys_of_their_own(hub: Hub) -> None:
    pool = IPv4Network("10.80.0.0/24")
    names = [f"edge-{number}" for number in range(6)]
    for name in names:
        edge_of(hub, name)
    assert hub.folder is not None

    def take(at_work: Hub, name: str, told: BoxStanding) -> None:
        with at_work.change(name) as change:
            boxes.take(change, edges.let_in(change.session, name), boxes.bounded(told), pool)

    with closing(open_hub(DataFolder(hub.folder.path))) as other:
        both = [(hub, other)[number % 2] for number in range(6)]
        told = BoxStanding(1.0)
        assert all(at_once(*(partial(take, each, name, told) for each, name in zip(both, names, strict=True))))
        told = BoxStanding(1.0, public_key=key("one"))
        who = at_once(*(partial(take, each, name, told) for each, name in zip(both, names, strict=True)))
    assert who.count(True) == 1, "a key is one box's"
    with hub.database.reading() as session:
        rows = session.scalars(select(BoxRow).order_by(BoxRow.edge_id)).all()
        assert {row.subnet for row in rows} == {f"10.80.0.{number * 8}/29" for number in range(6)}
        assert [bool(row.public_key) for row in rows] == who
    with hub.change("test") as change:
        edges.revoke(change, names[2], wipe=False)
    with hub.change("test") as change:
        change.session.delete(change.session.get_one(EdgeRow, names[3]))
    with hub.database.reading() as session:
        freed = session.scalars(select(BoxSubnetRow.first).where(BoxSubnetRow.edge_id.is_(None))).all()
        assert len(freed) == 2, "the revoked one's, and the removed one's"


def test_two_who_add_at_once_do_not_pass_an_organisations_limit(hub: Hub) -> None:
    with within.everywhere(hub).change("test") as change:
        organisation_use.limit(change, "main", {"phones": 2, "sites": 2, "tokens": 2})

    def add(number: int) -> None:
        with hub.change(f"writer {number}") as change:
            phones.add(change, Mac(f"001B54C2DF{number:02X}"), "anna", "9971", "")

    def make_site(number: int) -> None:
        with hub.change(f"writer {number}") as change:
            sites.create(change, hub.signers, f"Site {number}")

    assert sorted(at_once(*(partial(add, number) for number in range(4)))) == [False, False, False, True]
    assert sorted(at_once(*(partial(make_site, number) for number in range(4)))) == [False, False, False, True]
    with hub.database.reading() as session:
        used = {each.limit.word: each.used for each in organisation_use.find(session, "main", hub.clock())}
    assert (used["phones"], used["sites"]) == (2, 2)


def test_two_hubs_at_one_rollout_begin_each_wave_once(hub: Hub) -> None:
    publish(hub, "test")
    with hub.change("test") as change:
        for number in range(4):
            site = sites.create(change, hub.signers, f"Site {number}")
            phones.add(change, Mac(f"001B54C2DE{number:02X}"), site.id, "9971", "")
            change.session.flush()
            lines.put(change, hub.sealer, Mac(f"001B54C2DE{number:02X}"), 1, LineParts(name=f"30{number}"))
    begun = rollouts.create(hub, "test", NewRollout("Two at once", waves=("2", "rest")))
    phones_in_hand = PhonesInHand()
    assert hub.folder is not None
    with closing(open_hub(DataFolder(hub.folder.path))) as other:
        for _ in range(3):
            each = [partial(rollout_gate.go_on, at_work, phones_in_hand) for at_work in (hub, other, hub, other)]
            assert all(at_once(*each))
        with hub.database.reading() as session:
            found = rollouts.progress(session, begun.rollout.id)
            made = session.execute(select(ReleaseRow.site_id, func.count()).group_by(ReleaseRow.site_id)).all()
        states = [(site.wave, site.state, site.release) for site in found.sites]
        first = [state for state in states if state[0] == 1]
        assert (found.rollout.wave, [state for state in states if state[0] == 2]) == (1, [(2, "waiting", 0)] * 2)
        # Who loses the publish's lock leaves the site to be begun again, at once and by anybody.
        assert all(state in {"published", "publishing"} for _wave, state, _release in first)
        assert {count for _site, count in made} == {1}, "no site got two releases"
        with hub.change("test") as change:
            for row in change.session.scalars(select(RolloutPhoneRow)):
                row.tell_at = 0.0
        waiting = found.phones["waiting"]
        tells = [partial(rollout_orders.tell_waiting, at_work, begun.rollout.id, phones_in_hand)
                 for at_work in (hub, other, hub, other)]  # fmt: skip
        assert all(at_once(*tells))
    assert len(phones_in_hand.told) == len(set(phones_in_hand.told)) == waiting, "each was told once"


def test_of_two_phones_at_once_an_activation_code_adopts_one(hub: Hub) -> None:
    macs = ["001B54C2D0A1", "001B54C2D0A2"]
    with hub.change("test") as change:
        prepared = PreparedPhone(lines={1: LineParts(name="201")})
        _row, code = activations.create(change, hub.sealer, prepared)
        for mac in macs:
            alerts.raise_alert(change, "anna", alerts.UNKNOWN_PHONE, mac, "It asked.", model="9971")
    text, throttle = code.to_text(), SignInThrottle()
    user = CodeUser("key-1", "Ben", may_know_why=True)
    works = (partial(activation_use.use, hub, throttle, user, text, PhoneAtHand(mac)) for mac in macs)
    assert sorted(at_once(*works)) == [False, True]
    with hub.database.reading() as session:
        assert len([row for row in phones.find(session) if row.mac in macs]) == 1


def test_reports_are_stored_once_in_order_even_when_sent_twice_at_once(hub: Hub) -> None:
    edge_of(hub)
    batch = [Report(number, 1.0, "file-served", f"Report {number}.") for number in range(1, 21)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: report(hub, *batch), range(4))) == [20] * 4
    assert report(hub, *batch[10:], Report(21, 1.0, "file-served", "Report 21.")) == 21
    with pytest.raises(OutOfOrder):
        report(hub, Report(30, 1.0, "file-served", "Report 30."))
    with hub.database.reading() as session:
        found = reports.find(session, site_id="anna", phone=None, page=Page(100)).rows
        assert [row.seq for row in found] == [*range(21, 0, -1)]
    with hub.database.writing() as session:
        assert report_budget.forget(session, hub.clock() + report_budget.KEPT_FOR_S + 60) == 21
        assert session.scalar(select(func.count()).select_from(EdgeReportRow)) == 0


def test_what_people_do_at_once_happens_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two owners remove each other; two use one code, one recovery code, one link: one of the two each time."""
    monkeypatch.setattr(passwords, "HASHER", signing_in.CHEAP)
    ways_in = SignIns(hub)
    anna, ben = (signing_in.person(hub, name) for name in ("anna", "ben"))
    key = second_steps.new_key()
    with hub.change("test") as change:
        row = change.session.get_one(PersonRow, anna.id)
        shown = signing_in.code_at(key, hub.clock() - 30)
        recovery = second_steps.set_up(change, hub.sealer, row, key, shown)
    for code in (signing_in.code_at(key, hub.clock()), recovery[0]):
        pending = [signing_in.sign_in(ways_in, "anna").session.reveal() for _ in range(2)]
        finish = [partial(ways_in.with_second_step, each, code, signing_in.visitor()) for each in pending]
        assert sorted(at_once(*finish)) == [False, True]
    link = signing_in.link(hub, ben)
    use = partial(ways_in.with_link, link, signing_in.visitor(), password=signing_in.PASSWORD)
    assert sorted(at_once(use, use)) == [False, True]

    def remove(person_id: str) -> None:
        with hub.change("test") as change:
            people.remove(change, change.session.get_one(PersonRow, person_id))

    assert sorted(at_once(partial(remove, anna.id), partial(remove, ben.id))) == [False, True]


def test_a_job_goes_to_one_of_two_takers_whichever_hub_they_ask(hub: Hub) -> None:
    edge = "edge-1"
    edge_of(hub, edge)
    with hub.change("test") as change:
        job = edge_jobs.start(change, AskedJob(JobKind.RESTART, edge, "a test", 3600.0), "token").id
    both = threading.Barrier(2, timeout=60)

    def take(attempt: str) -> bool:
        both.wait()
        with hub.change(edge) as change:
            return edge_job_news.take(change, hub.sealer, edge, JobNews(job, attempt, 0, "running"))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, ("a1", "a2"))) == [False, True]
    with hub.database.reading() as session:
        assert edge_jobs.compile_orders(session, edges.get(session, edge), hub.clock()).orders == ()


def test_two_hubs_that_sign_the_same_metadata_again_at_once_do_it_one_after_the_other(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "test")
    with closing(open_hub(DataFolder(tmp_path / "hub"))) as other:
        later = hub.clock() + 300 * 86_400.0
        hub.clock = other.clock = lambda: later
        for _turn in range(3):
            later += 300 * 86_400.0
            assert at_once(partial(renewal.renew_metadata, hub), partial(renewal.renew_metadata, other)) == [True, True]
    with hub.database.reading() as session:
        chosen = select(RoleMetadataRow.role, RoleMetadataRow.version).where(RoleMetadataRow.role == "timestamp")
        assert len(session.execute(chosen).all()) == 1


def test_one_edge_that_reports_to_two_hubs_at_once_is_answered_by_both(hub: Hub, tmp_path: Path) -> None:
    edge_of(hub)
    with closing(open_hub(DataFolder(tmp_path / "hub"))) as other:
        for turn in range(5):
            batch = [Report(2 * turn + each, 1.0, "worker-died", "It died.") for each in (1, 2)]
            assert at_once(partial(report, hub, *batch), partial(report, other, *batch)) == [True, True]
    with hub.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(EdgeReportRow)) == 10


def test_a_hub_is_not_made_in_a_database_that_has_one(hub: Hub, url: str, tmp_path: Path) -> None:
    config = make_config(address="127.0.0.1", database_url=url)
    with pytest.raises(DatabaseTaken, match="a CA and keys of its own"):
        init(tmp_path / "second", config)
    assert not (tmp_path / "second").exists()
    assert hub.authority.pem == DataFolder(tmp_path / "hub").authority().pem


def test_of_two_hubs_that_are_made_in_one_database_at_once_one_is(url: str, tmp_path: Path) -> None:
    config = make_config(address="127.0.0.1", database_url=url)
    Database(url).close()
    made = at_once(*(partial(init, tmp_path / f"hub-{number}", config) for number in range(2)))
    assert sorted(made) == [False, True]
    assert [(tmp_path / f"hub-{number}").exists() for number in range(2)] == made
