"""``ringfence phone-book``."""

from pathlib import Path

from ringfence.wire import paths
from ringfence.wire.messages import EdgeHealth
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_book_is_created_filled_shown_and_removed(ringfence: CommandLine, site: str, tmp_path: Path) -> None:
    made = ringfence.ask("phone-book", "create", "Company of the test", "--site", site)
    table = tmp_path / "company.csv"
    table.write_text("name;number\nAnna Schmidt;+49 30 123\nBen;202\n")
    assert "2 entries would be taken" in ringfence("phone-book", "import", made["id"], str(table), "--dry-run")
    assert ringfence.ask("phone-book", "show", made["id"]) == []
    assert "2 entries taken" in ringfence("phone-book", "import", made["id"], str(table))
    assert "+4930123" in ringfence("phone-book", "show", made["id"], "--search", "schmidt")
    assert site in ringfence("phone-book", "list", "--filter", f"id={made['id']}")
    ringfence("phone-book", "remove", "--yes", made["id"])
    ringfence.refused(4, "phone-book", "show", made["id"])


def test_errors_of_a_table_are_told_by_row_and_column(ringfence: CommandLine, tmp_path: Path) -> None:
    made = ringfence.ask("phone-book", "create", "Wrong")
    table = tmp_path / "wrong.csv"
    table.write_text("name,number\nAnna,201\nBen,x;y\nCora,1,2\n")
    ended = ringfence.run("phone-book", "import", made["id"], str(table))
    assert ended.status == 3
    assert "row 3, column number" in ended.out
    assert "row 4: it has 3 cells" in ended.out
    assert ringfence.ask("phone-book", "show", made["id"]) == []
    table.write_text("who,number\nAnna,201\n")
    assert "Columns: name, number" in ringfence.refused(3, "phone-book", "import", made["id"], str(table))
    ringfence("phone-book", "remove", "--yes", made["id"])


def test_the_lines_are_a_book(ringfence: CommandLine) -> None:
    assert "ringfence publish" in ringfence("phone-book", "create", "Colleagues", "--lines")
    ringfence("phone-book", "remove", "--yes", "colleagues")


def test_a_book_is_read_from_a_directory(ringfence: CommandLine) -> None:
    assert "phone-book ldap people" in ringfence("phone-book", "create", "People", "--ldap")
    where = ("--url", "ldaps://directory.invalid", "--base", "ou=people,dc=example")
    kept = ringfence.ask("phone-book", "ldap", "people", *where, "--user", "cn=reader", "--number", "mobile")
    assert (kept["directory"]["number_attributes"], kept["directory"]["answered_at"]) == (["mobile"], None)
    assert "password" not in kept["directory"]
    assert "can't be reached" in ringfence.refused(7, "phone-book", "refresh", "people")
    assert "can't be reached" in ringfence("phone-book", "list", "--filter", "id=people")
    wrong = ringfence.refused(3, "phone-book", "ldap", "people", "--url", "http://x", "--base", "")
    assert "Write ldaps://HOST" in wrong
    ringfence("phone-book", "remove", "--yes", "people")


def test_where_a_book_is_not_is_told_with_the_command_that_mends_it(
    ringfence: CommandLine, hub: RunningHub, tmp_path: Path
) -> None:
    site = hub.site("Room of books")
    hub.phone(site, "00:1B:54:C2:E3:01")
    book = ringfence.ask("phone-book", "create", "Of a room", "--site", site)["id"]
    chosen = ("phone-book", "list", "--filter", f"id={book}")
    said = ringfence(*chosen)
    assert f"Phone book {book} is not at 1 site where edge_url is not set." in said
    assert f"ringfence set site {site} edge_url=http://ADDRESS:6970   (its edge says no address)" in said
    edge = hub.enrol(site, tmp_path / "edge")
    assert edge.post(paths.HEALTH, EdgeHealth(hub.hub.clock(), http_addresses=("10.1.2.3:6970",))).status == 200
    command = ("set", "site", site, "edge_url=http://10.1.2.3:6970")
    assert f"  ringfence {' '.join(command)}   (as its edge says)" in ringfence(*chosen)
    ringfence(*command)
    assert "edge_url" not in ringfence(*chosen)
    ringfence("phone-book", "remove", "--yes", book)
