"""A site with more phones than the kernel has room for neighbours is told of."""

from ringfence.edge.lan.neighbour_room import advice, room


def test_the_kernel_says_how_much_room_there_is() -> None:
    assert room() >= 128


def test_a_site_that_fills_the_table_is_told_what_to_raise() -> None:
    assert advice(768, 1024) == ""
    assert "gc_thresh3=3076" in advice(769, 1024)
    assert advice(100_000, 0) == "", "where the kernel does not say"
