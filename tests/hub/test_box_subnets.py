"""Subnets: no two boxes of a hub have the same, what somebody had is used last, and a full pool says so."""

from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session

from ringfence.hub.box_errors import SubnetsUsedUp
from ringfence.hub.fleet import box_subnets
from ringfence.hub.store.database import BoundDatabase, Database
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.network_models import BoxSubnetRow
from ringfence.hub.store.organisation_models import FIRST

POOL = IPv4Network("10.80.0.0/24")
NOW = 1_800_000_000.0
EDGES = [f"edge-{number}" for number in range(40)]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoundDatabase]:
    with closing(Database(f"sqlite:///{tmp_path_factory.mktemp('subnets') / 'hub.sqlite'}")) as opened:
        whole = opened.of(FIRST)
        with whole.writing() as session:
            session.add(SiteRow(id="a", name="a", created_at=0.0))
            session.flush()
            times = {"enrolled_at": 0.0, "certificate_ends_at": 0.0}
            for name in EDGES:
                of_key = {"key_fingerprint": name, "certificate_serial": name, "certificate_fingerprint": name}
                session.add(EdgeRow(id=name, site_id="a", **of_key, **times))
        yield whole


@pytest.fixture
def session(database: BoundDatabase) -> Iterator[Session]:
    """A session of which nothing is kept."""
    with database.session_for_writing() as opened:
        yield opened


def take(
    session: Session, number: int, *, pool: IPv4Network = POOL, prefix: int = 29, avoided: tuple[str, ...] = (),
    at: float = NOW, wished: str = "",
) -> str:  # fmt: skip
    near = [IPv4Network(each) for each in avoided]
    wish = IPv4Network(wished) if wished else None
    return str(box_subnets.take(session, EDGES[number], pool, prefix, near, at, wish))


def test_subnets_are_given_in_order_until_the_pool_is_full(session: Session) -> None:
    given_out = [take(session, number) for number in range(32)]
    assert given_out == [str(each) for each in POOL.subnets(new_prefix=29)]
    with pytest.raises(SubnetsUsedUp, match=r"10\.80\.0\.0/24"):
        take(session, 32)
    assert take(session, 33, pool=IPv4Network("10.81.0.0/24")) == "10.81.0.0/29"


def test_what_somebody_had_is_used_last_and_after_a_day(session: Session) -> None:
    for number in range(31):
        take(session, number)
    box_subnets.free(session, EDGES[3], NOW)
    assert take(session, 31, at=NOW + 1) == "10.80.0.248/29", "the one that nobody had"
    with pytest.raises(SubnetsUsedUp):
        take(session, 32, at=NOW + box_subnets.QUARANTINE_S - 1)
    assert take(session, 32, at=NOW + box_subnets.QUARANTINE_S) == "10.80.0.24/29"


def test_who_gets_another_one_frees_the_one_before(session: Session) -> None:
    assert (take(session, 0), take(session, 0)) == ("10.80.0.0/29", "10.80.0.8/29")
    rows = session.query(BoxSubnetRow).order_by(BoxSubnetRow.first).all()
    assert [(row.edge_id, row.freed_at) for row in rows] == [(None, NOW), (EDGES[0], None)]


def test_where_the_pool_is_full_nothing_is_lost(session: Session) -> None:
    for number in range(32):
        take(session, number)
    with pytest.raises(SubnetsUsedUp):
        take(session, 0, avoided=("10.80.0.0/29",))
    assert session.query(BoxSubnetRow).filter_by(edge_id=EDGES[0], freed_at=None).count() == 1


def test_an_edge_that_is_removed_frees_its_own(session: Session) -> None:
    take(session, 0)
    session.execute(delete(EdgeRow).where(EdgeRow.id == EDGES[0]))
    session.expire_all()
    assert take(session, 1) == "10.80.0.8/29"
    assert session.get_one(BoxSubnetRow, int(POOL.network_address)).freed_at == NOW


@pytest.mark.parametrize(
    ("wished", "avoided", "expected"),
    [
        ("10.80.0.64/29", (), "10.80.0.64/29"),
        ("10.80.0.0/29", (), "10.80.0.8/29"),
        ("10.80.0.64/28", (), "10.80.0.8/29"),
        ("10.99.0.0/29", (), "10.80.0.8/29"),
        ("10.80.0.64/29", ("10.80.0.0/24",), "10.80.1.0/29"),
        ("", ("10.80.0.0/27", "10.80.0.36/31"), "10.80.0.40/29"),
    ],
)
def test_a_wish_is_granted_where_nobody_ever_had_it(
    session: Session, wished: str, avoided: tuple[str, ...], expected: str
) -> None:
    pool = IPv4Network("10.80.0.0/23")
    take(session, 0, pool=pool)
    assert take(session, 1, pool=pool, wished=wished, avoided=avoided) == expected


STEPS = st.lists(
    st.tuples(
        st.integers(0, 11), st.integers(24, 29), st.sampled_from([0.0, 40_000.0]), st.booleans(),
        st.lists(st.integers(0, 31).map(lambda at: f"10.80.0.{at * 8}/29"), max_size=3),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_no_two_have_the_same_whatever_happens(
    database: BoundDatabase, steps: list[tuple[int, int, float, bool, list[str]]]
) -> None:
    """Sizes are mixed, boxes come and go, time passes: what is held never overlaps, nor what is held off."""
    held: dict[int, IPv4Network] = {}
    freed: dict[IPv4Network, float] = {}
    now = NOW
    with database.session_for_writing() as session:
        for number, prefix, passes_s, goes, avoided in steps:
            now += passes_s
            if goes:
                box_subnets.free(session, EDGES[number], now)
                if number in held:
                    freed[held.pop(number)] = now
                continue
            try:
                found = IPv4Network(take(session, number, prefix=prefix, at=now, avoided=tuple(avoided)))
            except SubnetsUsedUp:
                continue
            before = held.pop(number, None)
            assert found.prefixlen == prefix
            assert not any(found.overlaps(IPv4Network(each)) for each in avoided)
            assert not any(found.overlaps(each) for each in held.values())
            assert not (before is not None and found.overlaps(before))
            recent = [each for each, at in freed.items() if now - at < box_subnets.QUARANTINE_S]
            assert not any(found.overlaps(each) for each in recent)
            if before is not None:
                freed[before] = now
            held[number] = found
