"""``ringfence organisation``."""

from support.command_line import CommandLine


def test_an_organisation_is_created_renamed_and_removed(ringfence: CommandLine) -> None:
    assert "ringfence --organisation acme access create" in ringfence("organisation", "create", "acme", "ACME Ltd")
    assert ringfence.ask("organisation", "show", "acme")["name"] == "ACME Ltd"
    assert "acme" in ringfence("organisation", "show", "acme")
    ringfence("organisation", "rename", "acme", "ACME and Daughters")
    assert {row["id"] for row in ringfence.ask("organisation", "list")} >= {"main", "acme"}
    assert "ACME and Daughters" in ringfence("organisation", "list")
    ringfence.refused(5, "organisation", "create", "acme", "Again")
    ringfence.refused(3, "organisation", "create", "No Id", "x")
    ringfence.refused(4, "organisation", "rename", "nobody", "x")
    ringfence("organisation", "remove", "--yes", "acme")
    ringfence.refused(4, "organisation", "show", "acme")


def test_a_command_is_about_the_organisation_that_it_names(ringfence: CommandLine) -> None:
    ringfence("organisation", "create", "two", "Two")
    made = ringfence.ask("--organisation", "two", "site", "add", "Office")
    assert made["id"] == "two.office"
    assert [row["id"] for row in ringfence.ask("--organisation", "two", "site", "list")] == ["two.office"]
    assert "two.office" not in ringfence("site", "list")
    assert ringfence.ask("--organisation", "two", "site", "show", "office")["id"] == "two.office"
    ringfence.refused(4, "--organisation", "nobody", "site", "list")
    assert "Add --yes" in ringfence.refused(3, "organisation", "remove", "two")
    ringfence("organisation", "remove", "--yes", "two")


def test_an_organisation_is_limited(ringfence: CommandLine) -> None:
    ringfence("organisation", "create", "small", "Small")
    set_to = ringfence.ask("organisation", "limit", "small", "--sites", "1", "--phones", "5", "--storage", "20")
    assert {each["limit"]: each["most"] for each in set_to["limits"]} == {
        "sites": 1, "phones": 5, "people": None, "tokens": None, "storage_bytes": 20_000_000,
    }  # fmt: skip
    ringfence("--organisation", "small", "site", "add", "One")
    said = ringfence.refused(5, "--organisation", "small", "site", "add", "Two")
    assert "may have 1 site, and would have 2: it has reached its limit of sites" in said
    assert "ask whoever runs the hub for more: ringfence organisation limit small" in said
    shown = ringfence("--organisation", "small", "organisation", "limit")
    assert "0.0 MB" in shown
    assert "no limit" in shown
    ringfence("organisation", "limit", "small", "--sites", "none")
    ringfence("--organisation", "small", "site", "add", "Two")
    assert ringfence.run("organisation", "limit", "small", "--sites", "many").status == 2
    assert ringfence.run("organisation", "limit", "--sites", "3").status == 2
    ringfence.refused(4, "organisation", "limit", "nobody")
    ringfence("organisation", "remove", "--yes", "small")
