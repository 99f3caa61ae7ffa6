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
    assert ringfence.ask("release", "rollback", "--yes", released.site, "1")["number"] == 3
    third = ringfence.ask("release", "show", released.site)
    assert [file["digest"] for file in third["files"]] == [file["digest"] for file in first["files"]]
    said = ringfence("release", "rollback", "--yes", released.site, "2")
    assert "Release 4" in said
    assert f"ringfence release resume {released.site}" in said


def test_a_rollback_says_what_it_takes_away_and_what_comes_back(ringfence: CommandLine, released: PhoneThere) -> None:
    site = released.site
    ringfence("line", "set", released.mac, "1", "--label", "Not published")
    found = ringfence.ask("release", "edits", site, "1")
    assert (found["count"], found["published"], found["kinds"]) == (2, 1, {"line": 2})
    assert "line.change" in ringfence("release", "edits", site, "1")
    assert "knows of no edit since release" not in ringfence("release", "edits", site)
    refused = ringfence.run("release", "rollback", site, "1")
    assert "2 edits since release 1, by administrator (2): 2 lines." in refused.out
    assert "Phones lose 1 edit that they have now. All 2 come back with the next publish" in refused.out
    assert "--yes" in refused.err, "nobody can be asked here"
    assert ringfence.ask("release", "show", site)["number"] == 2
    ringfence("release", "rollback", "--yes", site, "1")
    resumed = ringfence("release", "resume", site)
    assert "changes 1 file of 1 phone there, edited by administrator" in resumed
    ringfence("publish", site)
    assert "knows of no edit since release 4" in ringfence("release", "edits", site)


def test_a_site_is_held_and_resumed(ringfence: CommandLine, released: PhoneThere) -> None:
    assert ringfence.ask("release", "hold", released.site, "--reason", "Concert")["reason"] == "Concert"
    ringfence("line", "set", released.mac, "1", "--label", "Dora")
    assert "is held at release 2 by administrator since" in ringfence("publish", released.site)
    assert "takes part in publishing again" in ringfence("release", "resume", released.site)
    ringfence("publish", released.site)
    assert ringfence.ask("release", "show", released.site)["number"] == 3
    ringfence.refused(4, "release", "resume", released.site)


def test_what_was_not_released_is_not_found(ringfence: CommandLine, site: str) -> None:
    ringfence.refused(4, "release", "list", "nowhere")
    ringfence.refused(4, "release", "show", site)
    ringfence.refused(4, "release", "diff", site)
    ringfence.refused(4, "release", "show", site, "7")
    ringfence.refused(4, "release", "rollback", "--yes", site, "7")
    assert ringfence.run("release", "show", site, "0").status == 2
