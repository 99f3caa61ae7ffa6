"""``ringfence trust status|release|keep|adopt|rekey``."""

from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.phone_trust_models import PhoneProfileKeyRow, PhoneTrustRow
from support.command_line import CommandLine
from support.phones_with_lists import holding_a_list
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:9A:10"
OTHER = "00:1B:54:C2:9A:11"
BARE = MAC.replace(":", "")


def of(hub: RunningHub) -> CommandLine:
    return CommandLine(
        {
            "RINGFENCE_HUB": hub.people_url,
            "RINGFENCE_TOKEN": hub.token.reveal(),
            "RINGFENCE_CA": str(hub.folder.authority_certificate),
        }
    )


def test_how_far_phones_are_and_letting_them_go(own_hub: RunningHub) -> None:
    ringfence = of(own_hub)
    ringfence("site", "add", "anna")
    ringfence("phone", "add", MAC, "--site", "anna", "--model", "7945")
    ringfence("line", "set", MAC, "1", "--name", "201", stdin="s3cret-of-anna\n")
    assert "Nothing is asked of it." in ringfence("trust", "status")
    assert "holds no list of this organisation" in ringfence.refused(4, "trust", "release", MAC, "--yes")
    ringfence("set", "phone", MAC, "trust=signed")
    (row,) = ringfence.ask("trust", "status", "anna")
    assert (row["mac"], row["wanted"], row["state"], row["holds_list"]) == (MAC, "signed", "offered", False)

    with own_hub.hub.change("test") as change:
        change.session.add(holding_a_list(BARE, change.now))

    (row,) = ringfence.ask("trust", "status")
    assert (row["state"], row["has_newest_list"], row["next_step"]) == ("signed", True, "It is where it is to be.")
    assert ringfence.ask("trust", "status", "--late") == []
    ringfence("set", "phone", MAC, "trust=encrypted")
    assert "edge_url or capf_server" in ringfence.ask("trust", "status")[0]["next_step"]
    with own_hub.hub.change("test") as change:
        alerts.raise_alert(change, "anna", alerts.PHONE_KEY_REFUSED, BARE, "Phone was refused: no CA issued this.")
    assert ringfence.ask("trust", "status")[0]["next_step"] == "Phone was refused: no CA issued this."
    ringfence("set", "phone", MAC, "trust=signed")
    said = ringfence("trust", "adopt", MAC)
    assert f"Phone {MAC}, 7945, may hold a list of this organisation: nothing was changed." in said
    assert "unlock with **#, press Erase" in said
    assert f"takes ITLSEP{BARE}.tlv, then SEP{BARE}.cnf.xml.sgn and other files" in said
    assert "would refuse everybody else's files" in ringfence.refused(5, "phone", "remove", MAC, "--yes")
    assert "is let go with the next publish" in ringfence("trust", "release", MAC, "--yes")
    assert ringfence.ask("trust", "status")[0]["state"] == "releasing"
    assert f"Phone {MAC} is kept." in ringfence("trust", "keep", MAC)
    ringfence("set", "phone", MAC, "trust=off")
    assert f"ringfence trust release {MAC}" in ringfence.ask("trust", "status")[0]["next_step"]
    with own_hub.hub.change("test") as change:
        row = change.session.get_one(PhoneTrustRow, BARE)
        row.released_at = change.now
    assert ringfence.ask("trust", "status")[0]["state"] == "released"
    assert f"Phone {MAC}, 7945, is begun with anew. Nothing is asked of it." in ringfence("trust", "adopt", MAC)
    assert ringfence.ask("trust", "status")[0]["state"] == "unknown"


def test_a_phone_whose_list_was_erased_begins_anew_and_one_that_is_lost_can_be_removed(own_hub: RunningHub) -> None:
    ringfence = of(own_hub)
    ringfence("site", "add", "ben")
    ringfence("phone", "add", OTHER, "--site", "ben", "--model", "8841")
    ringfence("line", "set", OTHER, "1", "--name", "202", stdin="s3cret-of-ben\n")
    ringfence("set", "phone", OTHER, "trust=signed")
    with own_hub.hub.change("test") as change:
        change.session.add(holding_a_list(OTHER.replace(":", ""), change.now))
    assert "Reset settings > Security settings" in ringfence("trust", "adopt", OTHER)
    assert "is begun with anew" in ringfence("trust", "adopt", OTHER, "--erased")
    assert ringfence.ask("trust", "status", "ben")[0]["state"] == "offered"
    with own_hub.hub.change("test") as change:
        change.session.add(holding_a_list(OTHER.replace(":", ""), change.now))
    assert f"Phone {OTHER} removed." in ringfence("phone", "remove", OTHER, "--keeps-list", "--yes")


def test_keys_of_profiles_are_changed_and_those_behind_are_named(own_hub: RunningHub) -> None:
    ringfence = of(own_hub)
    ringfence("site", "add", "anna")
    ringfence("phone", "add", MAC, "--site", "anna", "--model", "SPA504G")
    ringfence("line", "set", MAC, "1", "--name", "201", stdin="s3cret-of-anna\n")
    assert "has no key for profiles" in ringfence.refused(4, "trust", "rekey", MAC, "--yes")
    assert "No phone of site anna has a key" in ringfence("trust", "rekey", "--site", "anna", "--yes")
    assert "give one phone, or --site" in ringfence.refused(3, "trust", "rekey", "--yes")
    ringfence("set", "phone", MAC, "trust=signed")
    assert "signed is off for it" in ringfence.ask("trust", "status")[0]["next_step"]
    ringfence("set", "phone", MAC, "trust=encrypted")
    assert ringfence.ask("trust", "status")[0]["next_step"] == "The next publish makes its key."
    ringfence("publish")
    (row,) = ringfence.ask("trust", "status", "--late")
    assert (row["state"], row["profile_key"], row["has_newest_key"]) == ("offered", 1, False)
    assert "takes its first profile" in row["next_step"]
    assert f"left with it: {MAC}" in ringfence("trust", "rekey", "--site", "anna", "--yes")

    with own_hub.hub.change("test") as change:
        key = change.session.get_one(PhoneProfileKeyRow, BARE)
        key.taken_at, key.needs_first = change.now, False

    assert ringfence.ask("trust", "status", "--late") == []
    assert ringfence.ask("trust", "status")[0]["state"] == "encrypted"
    assert "New keys for 1 phone come with the next publish" in ringfence("trust", "rekey", "--site", "anna", "--yes")
    assert ringfence.ask("trust", "status")[0]["next_step"].startswith("Its profile has key 2")
    assert "takes its first profile" in ringfence("trust", "adopt", MAC)
    with own_hub.hub.change("test") as change:
        key = change.session.get_one(PhoneProfileKeyRow, BARE)
        key.taken_at, key.needs_first, key.asked_in_vain_at = change.now, False, change.now
    assert f"ringfence trust adopt {MAC}" in ringfence.ask("trust", "status")[0]["next_step"]
    assert f"Phone {MAC} gets key 3" in ringfence("trust", "rekey", MAC, "--yes")
    ringfence("set", "phone", MAC, "trust=off")
    assert ringfence.ask("trust", "status")[0]["state"] == "releasing"
    with own_hub.hub.change("test") as change:
        change.session.get_one(PhoneProfileKeyRow, BARE).taken_at = change.now
    said = ringfence.refused(5, "phone", "remove", MAC, "--yes")
    assert "asks for its encrypted profile alone" in said
    assert f"ringfence phone remove {MAC} --keeps-list" in said
    assert f"Phone {MAC} removed." in ringfence("phone", "remove", MAC, "--keeps-list", "--yes")
