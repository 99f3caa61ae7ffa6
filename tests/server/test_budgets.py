"""Budgets of sources: memory for so many, and a flood of new ones costs a look at all of them only now and then."""

from ringfence.server.limits.budgets import Budgets


class Looks(Budgets):
    """Counts how often all are looked at."""

    looks = 0

    def forget_refilled(self, now: float) -> None:
        self.looks += 1
        super().forget_refilled(now)


def test_a_flood_of_new_sources_is_not_a_look_at_all_of_them_for_each() -> None:
    budgets = Looks(burst=2, per_s=0.001)
    for number in range(10 * Budgets.MOST_KEYS):
        assert budgets.take(f"source {number}", now=number / 10_000)
    assert 10 <= budgets.looks <= 80


def test_the_newest_keep_what_they_have_used_up() -> None:
    budgets = Budgets(burst=1, per_s=0.0)
    for number in range(2 * Budgets.MOST_KEYS):
        assert budgets.take(f"source {number}", now=0.0)
    assert not budgets.take(f"source {2 * Budgets.MOST_KEYS - 1}", now=0.0)
    assert budgets.take("source 0", now=0.0), "it was forgotten, and starts anew"
