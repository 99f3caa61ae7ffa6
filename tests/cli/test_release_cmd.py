"""``ringfence release``."""

import pytest

from cli.conftest import PhoneThere
from support.command_line import CommandLine


@pytest.fixture
def released(ringfence: CommandLine, phone: PhoneThere) -> PhoneThere:
    """A phone whose second release has another label."""
    ringfence("publish", phone.site)
    ringfence("line", "set", phone.mac, "1", "--label", "Carla")
    ringfence("publish", phone.site)
    return phone


def test_releases_are_listed_shown_and_compared(ringfence: CommandLine, released: PhoneThere) -> None:
    site = released.site
    assert [row["number"] for row in ringfence.ask("release", "list", site)] == [2, 1]
    assert len(ringfence("release", "list", site).splitlines()) == 3
    assert ringfence.ask("release", "show", site)["number"] == 2
    assert released.file in ringfence("release", "show", site, "1")
    (changed,) = ringfence.ask("release", "diff", site)["files"]
    assert changed["name"] == released.file
    assert "Carla" in ringfence("release", "diff", site, "2", "--against", "1")
    assert ringfence.ask("release", "diff", site, "2", "--against", "2")["files"] == []


def test_a_rollback_is_a_release_with_the_old_content(ringfence: CommandLine, released: PhoneThere) -> None:
    first = ringfence.ask("release", "show", released.site, "1")
    assert ringfence.ask("release", "rollback", released.site, "1")["number"] == 3
    third = ringfence.ask("release", "show", released.site)
    assert [file["digest"] for file in third["files"]] == [file["digest"] for file in first["files"]]
    assert "4" in ringfence("release", "rollback", released.site, "2")


def test_what_was_not_released_is_not_found(ringfence: CommandLine, site: str) -> None:
    ringfence.refused(4, "release", "list", "nowhere")
    ringfence.refused(4, "release", "show", site)
    ringfence.refused(4, "release", "diff", site)
    ringfence.refused(4, "release", "show", site, "7")
    ringfence.refused(4, "release", "rollback", site, "7")
    assert ringfence.run("release", "show", site, "0").status == 2
