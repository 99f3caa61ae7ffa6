"""Which concentrator calls go through, over invented times: no flapping, no dead one while another answers."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.network.tunnel.failover import SILENT_S, STEADY_S, Failover

ORDER = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(st.floats(min_value=0.1, max_value=20.0), st.sets(st.sampled_from(ORDER))), min_size=1, max_size=80
)


def test_the_first_one_is_used_until_it_is_silent_and_gone_back_to_once_it_is_steady() -> None:
    failover = Failover()
    failover.take(("a", "b"))
    assert failover.used == "a"
    for second in range(10):
        failover.hear("a", second)
        failover.hear("b", second)
        assert failover.choose(second) == "a"
    left_at = None
    for second in range(10, 20):
        failover.hear("b", second)
        if failover.choose(second) == "b" and left_at is None:
            left_at = second
    assert left_at is not None
    assert left_at - 9 <= SILENT_S + 1
    back_at = None
    for second in range(20, 80):
        failover.hear("a", second)
        failover.hear("b", second)
        if failover.choose(second) == "a" and back_at is None:
            back_at = second
    assert back_at == 20 + STEADY_S


def test_one_that_comes_and_goes_is_not_gone_back_to() -> None:
    failover = Failover()
    failover.take(("a", "b"))
    for second in range(200):
        failover.hear("b", second)
        if second % 8 == 0:
            failover.hear("a", second)
        failover.choose(second)
        assert failover.used == "b" or second < 8


def test_without_any_that_answers_the_choice_stays() -> None:
    failover = Failover()
    failover.take(ORDER)
    assert failover.choose(1000.0) == "a"
    failover.hear("b", 1000.0)
    assert failover.choose(1000.0) == "b"
    assert failover.choose(9000.0) == "b"


def test_what_is_gone_from_the_list_is_not_used() -> None:
    failover = Failover()
    failover.take(("a", "b"))
    failover.take(("b",))
    assert failover.choose(0.0) == "b"
    failover.hear("a", 0.0)
    assert not failover.answers("a", 0.0)
    failover.take(())
    assert failover.choose(1.0) == ""


@given(STEPS)
def test_whoever_is_used_answers_if_anybody_does_and_nobody_better_is_steady(
    steps: list[tuple[float, set[str]]],
) -> None:
    failover, now = Failover(), 0.0
    failover.take(ORDER)
    steady: dict[str, float] = {}
    last: dict[str, float] = {}
    for pause_s, heard in steps:
        now += pause_s
        for name in heard:
            if name not in last or now - last[name] >= SILENT_S:
                steady[name] = now
            last[name] = now
            failover.hear(name, now)
        before, used = failover.used, failover.choose(now)
        answering = {name for name, at in last.items() if now - at < SILENT_S}
        assert used in answering or not answering
        if used != before and before in answering:
            assert ORDER.index(used) < ORDER.index(before)
            assert now - steady[used] >= STEADY_S
