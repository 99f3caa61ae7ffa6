"""``ringfence site``."""

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_site_is_added_shown_renamed_and_removed(ringfence: CommandLine, hub: RunningHub) -> None:
    made = ringfence.ask("site", "add", "Home office Bert")
    assert made["id"] == "home-office-bert"
    assert "home-office-bert" in ringfence("site", "list")
    assert made["id"] in {row["id"] for row in ringfence.ask("site", "list")}
    assert "Bert at home" in ringfence("site", "rename", made["id"], "Bert at home")
    shown = ringfence.ask("site", "show", made["id"])
    assert (shown["name"], shown["phone_list"], shown["edge_list"]) == ("Bert at home", [], [])
    ringfence("site", "remove", "--yes", made["id"])
    assert hub.ask("GET", f"/sites/{made['id']}").status == 404
    assert "Annex" in ringfence("site", "add", "Annex")


def test_a_site_shows_its_phones(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert phone.mac in ringfence("site", "show", phone.site)


def test_a_site_sets_how_long_firmware_waits_for_an_edge_that_is_away(ringfence: CommandLine, site: str) -> None:
    assert "firmware waits 12h" in ringfence("site", "change", site, "--firmware-waits", "12h")
    assert ringfence.ask("site", "show", site)["firmware_waits_s"] == 43_200
    ringfence.refused(3, "site", "change", site, "--firmware-waits", "long")


def test_a_terminal_whose_encoding_lacks_a_letter_ends_no_command(ringfence: CommandLine) -> None:
    ringfence("site", "add", "Café")
    ringfence.variables["PYTHONIOENCODING"] = "ascii"
    with ringfence.started("site", "list", "--search", "café") as listing:
        assert "Caf\\xe9" in listing.communicate(timeout=120)[0]
    assert listing.returncode == 0


def test_a_site_with_a_phone_stays(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert "phone" in ringfence.refused(5, "site", "remove", "--yes", phone.site)
    assert ringfence.ask("site", "show", phone.site)["phones"] == 1


def test_what_is_no_site_is_not_found(ringfence: CommandLine) -> None:
    for words in (("show",), ("rename", "x"), ("remove", "--yes"), ("token",), ("tokens",)):
        assert "nowhere" in ringfence.refused(4, "site", words[0], "nowhere", *words[1:])
    ringfence.refused(4, "site", "revoke-token", "--yes", "nowhere")
    ringfence.refused(3, "site", "add", "")
