"""Who was seen on the wire: bounded, short-lived, and nobody hides behind another."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.lan.frame_sources import (
    MOST_PER_SOURCE,
    MOST_SOURCES,
    REMEMBERED_S,
    FrameSources,
    HeardFrame,
)

PHONE, ANNA, EVE = "192.0.2.9", "001122334455", "020000000066"


def sighting(mac: str = ANNA, at: float = 100.0, interface: str = "lan") -> HeardFrame:
    return HeardFrame(mac, interface, 64, at)


def test_what_came_from_an_address_and_port_is_told_of_these_alone() -> None:
    subject = FrameSources()
    subject.note(PHONE, 50_000, sighting())
    assert subject.seen(PHONE, 50_000, 100.0) == (sighting(),)
    assert (subject.seen(PHONE, 50_001, 100.0), subject.seen("192.0.2.8", 50_000, 100.0)) == ((), ())


def test_two_machines_behind_one_address_and_port_are_both_told() -> None:
    subject = FrameSources()
    for mac, at in ((ANNA, 100.0), (EVE, 101.0), (ANNA, 102.0)):
        subject.note(PHONE, 50_000, sighting(mac, at))
    assert subject.seen(PHONE, 50_000, 102.0) == (sighting(EVE, 101.0), sighting(ANNA, 102.0))


def test_a_frame_that_two_interfaces_show_is_told_of_both() -> None:
    subject = FrameSources()
    subject.note(PHONE, 50_000, sighting(interface="port1"))
    subject.note(PHONE, 50_000, sighting(interface="bridge"))
    assert [one.interface for one in subject.seen(PHONE, 50_000, 100.0)] == ["port1", "bridge"]


def test_what_is_old_is_told_no_more_and_forgotten() -> None:
    subject = FrameSources()
    subject.note(PHONE, 50_000, sighting(at=100.0))
    assert subject.seen(PHONE, 50_000, 99.9 + REMEMBERED_S)
    assert subject.seen(PHONE, 50_000, 100.0 + REMEMBERED_S) == ()
    subject.note("192.0.2.8", 1, sighting(at=100.0 + REMEMBERED_S))
    assert len(subject) == 1


def test_an_address_is_found_however_a_socket_writes_it() -> None:
    subject = FrameSources()
    subject.note("fe80::9", 1, sighting())
    subject.note(PHONE, 1, sighting())
    assert subject.seen("fe80::9%lan", 1, 100.0)
    assert subject.seen(f"::ffff:{PHONE}", 1, 100.0)


def test_a_flood_of_sources_pushes_out_the_oldest() -> None:
    subject = FrameSources()
    subject.note(PHONE, 1, sighting())
    subject.note(PHONE, 2, sighting())
    for number in range(MOST_SOURCES - 1):
        subject.note(f"10.0.{number >> 8}.{number & 255}", 3, sighting(EVE))
    assert (subject.seen(PHONE, 1, 100.0), len(subject.seen(PHONE, 2, 100.0)), len(subject)) == ((), 1, MOST_SOURCES)


def test_a_flood_of_mac_addresses_from_one_source_is_bounded_and_never_looks_like_one() -> None:
    subject = FrameSources()
    subject.note(PHONE, 1, sighting())
    for number in range(1000):
        subject.note(PHONE, 1, sighting(f"{number:012X}"))
    assert len(subject.seen(PHONE, 1, 100.0)) == MOST_PER_SOURCE


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from([ANNA, EVE]), st.floats(0, 40)), max_size=60
    )
)
def test_seen_is_what_was_noted_in_time(notes: list[tuple[int, int, str, float]]) -> None:
    subject, now = FrameSources(), 0.0
    latest: dict[tuple[str, int, str], float] = {}
    for host, port, mac, passed in notes:
        now += passed
        subject.note(f"h{host}", port, sighting(mac, now))
        latest[f"h{host}", port, mac] = now
    held = {key: at for key, at in latest.items() if at > now - REMEMBERED_S}
    for name in ("h0", "h1", "h2", "h3"):
        for number in range(3):
            told = {(name, number, one.mac): one.at for one in subject.seen(name, number, now)}
            assert told == {key: at for key, at in held.items() if key[:2] == (name, number)}
