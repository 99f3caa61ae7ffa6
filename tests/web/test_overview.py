"""The first page."""

import pytest

from ringfence.hub.fleet import overview
from support.running_hub import RunningHub
from web.conftest import People


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_somebody_who_has_nothing_is_told_what_comes_first(people: People) -> None:
    newcomer = people.person(token=people.stranger())
    newcomer.go("/")
    assert "There are no sites yet." in newcomer.page.locator(".empty").inner_text()
    assert newcomer.page.locator(".tiles").count() == 0, "nothing is shown as well that was not looked at"


def test_nothing_counts_as_up_that_was_not_seen(running: RunningHub, known: dict[str, str]) -> None:
    """The edge has enrolled, and has no stream open."""
    assert known
    running.site("Without an edge")
    with running.hub.database.reading() as session:
        health = overview.look(session, running.clock())
    assert health.sites_by_state == {"up": 0, "behind": 0, "away": 1, "without-edge": 1}
    assert health.sites == 2


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_the_first_page_says_what_to_do_next(people: People, known: dict[str, str]) -> None:
    assert known
    owner = people.person()
    owner.go("/")
    steps = owner.page.locator(".steps").inner_text()
    assert "1 site has no edge connected." in steps
    assert "2 alerts are open." in steps
