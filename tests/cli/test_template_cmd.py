"""``ringfence template``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import CommandLine


@pytest.fixture
def template(ringfence: CommandLine, tmp_path: Path) -> Iterator[str]:
    """A template for any other phone, until the test's end."""
    (tmp_path / "own.j2").write_text("name={{ phone.mac }}\n")
    ringfence("template", "put", "generic", "{mac}.cfg", str(tmp_path / "own.j2"))
    yield "{mac}.cfg"
    ringfence.run("template", "remove", "--yes", "generic", "{mac}.cfg")


def test_a_template_of_ones_own_is_kept_shown_and_removed(ringfence: CommandLine, template: str) -> None:
    assert [(row["family"], row["name"]) for row in ringfence.ask("template", "list")] == [("generic", template)]
    assert template in ringfence("template", "list")
    assert ringfence("template", "show", "generic", template) == "name={{ phone.mac }}\n"
    ringfence("template", "remove", "--yes", "generic", template)
    assert ringfence.ask("template", "list") == []
    ringfence.refused(4, "template", "remove", "--yes", "generic", template)
    ringfence.refused(4, "template", "show", "generic", template)


def test_a_built_in_one_is_shown(ringfence: CommandLine) -> None:
    rows = ringfence.ask("template", "files", "cisco-79xx")
    assert all(row["key"] in ringfence("template", "files", "cisco-79xx") for row in rows)
    assert ringfence("template", "show", "cisco-79xx", rows[0]["key"])
    ringfence.refused(4, "template", "files", "nothing")


def test_what_is_no_template_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad.j2").write_text("{% if %}")
    ringfence.refused(3, "template", "put", "generic", "{mac}.cfg", str(tmp_path / "bad.j2"))
    ringfence.refused(4, "template", "put", "nothing", "{mac}.cfg", str(tmp_path / "bad.j2"))
    ringfence.refused(3, "template", "put", "generic", "{mac}.cfg", str(tmp_path / "nothing.j2"))


@pytest.mark.parametrize("name", ["../x.cfg", "..", ".", "a/../../../x.cfg"])
def test_a_name_that_leads_elsewhere_is_one_name_and_refused_as_such(
    ringfence: CommandLine, tmp_path: Path, name: str
) -> None:
    (tmp_path / "own.j2").write_text("x")
    ended = ringfence.run("template", "put", "generic", name, str(tmp_path / "own.j2"))
    assert ended.status in {3, 4}, ended
    assert "Traceback" not in ended.err
    assert ringfence.ask("template", "list") == []
    assert ringfence.run("site", "show", name).status == 4
    assert ringfence.run("group", "remove", "--yes", name).status == 4
