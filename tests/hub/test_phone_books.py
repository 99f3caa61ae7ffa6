"""Phone books: what is in them reaches the phones of their sites, and no others."""

import re
from collections.abc import Mapping
from itertools import count

import pytest

from ringfence.hub.fleet import phone_books
from ringfence.hub.publishing.releases import newest_targets
from ringfence.phones.assets.book_names import FOLDER
from ringfence.phones.assets.phone_books import Shelfmark, menu_name
from ringfence.phones.families import model as model_of
from support.running_hub import Json, RunningHub

EDGE = "http://192.0.2.1:6970"
_numbers = count(1)


@pytest.fixture
def site(running: RunningHub) -> str:
    """A site with a phone that reaches its edge."""
    site = running.site(f"Books {next(_numbers)}")
    running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "sip.example.org"})
    running.do("PUT", f"/settings/sites/{site}/edge_url", {"value": EDGE})
    running.phone(site, new_mac())
    return site


def new_mac() -> str:
    number = next(_numbers)
    return f"00:1B:54:C2:B7:{number:02X}"


def book(running: RunningHub, *sites: str, **parts: object) -> str:
    return str(running.do("POST", "/phone-books", {"name": f"Book {next(_numbers)}", "sites": sites, **parts})["id"])


def put(running: RunningHub, book_id: str, *entries: tuple[str, str]) -> Json:
    body = [{"name": name, "number": number, "row": row} for row, (name, number) in enumerate(entries, 2)]
    return running.do("PUT", f"/phone-books/{book_id}/entries", {"entries": body})


def files(running: RunningHub, site: str) -> Mapping[str, bytes]:
    """What is published at a site, after a publish."""
    running.publish(sites=[site])
    with running.hub.database.reading() as session:
        targets = newest_targets(session, [site])[site]
    return {target.name: running.hub.blobs.get(target.digest) for target in targets}


def of_books(published: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in published.items() if name.startswith(FOLDER)}


def device_file(published: Mapping[str, bytes]) -> str:
    (found,) = [data.decode() for name, data in published.items() if name.startswith("SEP")]
    return found


def test_a_book_reaches_the_phones_of_its_sites_alone(running: RunningHub, site: str) -> None:
    other = running.site(f"Other {next(_numbers)}")
    running.do("PUT", f"/settings/sites/{other}/edge_url", {"value": EDGE})
    running.do("PUT", f"/settings/sites/{other}/sip_server", {"value": "sip.example.org"})
    running.phone(other, new_mac())
    made = book(running, site)
    assert running.newest_action() == ("phone-book.create", made)
    assert put(running, made, ("Anna & Söhne", "+49 30 123"), ("Ben", "202"))["kept"]
    assert running.newest_action() == ("phone-book.import", made)
    published = files(running, site)
    assert f"<directoryURL>{EDGE}/{menu_name(EDGE)}</directoryURL>" in device_file(published)
    assert any(b"<Name>Anna &amp; S\xc3\xb6hne</Name>" in data for data in of_books(published).values())
    elsewhere = files(running, other)
    assert of_books(elsewhere) == {}
    assert "directoryURL" not in device_file(elsewhere)
    running.do("DELETE", f"/phone-books/{made}")
    assert of_books(files(running, site)) == {}
    assert "directoryURL" not in device_file(files(running, site))


def test_a_directory_of_its_own_stays_and_without_an_address_there_is_none(running: RunningHub, site: str) -> None:
    put(running, book(running, site), ("Ben", "202"))
    running.do("PUT", f"/settings/sites/{site}/directory_url", {"value": "http://192.0.2.9/own"})
    assert "<directoryURL>http://192.0.2.9/own</directoryURL>" in device_file(files(running, site))
    running.do("DELETE", f"/settings/sites/{site}/directory_url")
    running.do("DELETE", f"/settings/sites/{site}/edge_url")
    published = files(running, site)
    assert of_books(published) == {}
    assert "directoryURL" not in device_file(published)


def test_the_lines_of_all_phones_are_a_book_that_follows_them(running: RunningHub, site: str) -> None:
    made = book(running, site, source="lines")
    mac = new_mac()
    elsewhere = running.site(f"Elsewhere {next(_numbers)}")
    running.do("POST", "/phones", {"mac": mac, "site": elsewhere, "model": "9971"})
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "7411", "label": "Cora"})
    assert any(b"<Name>Cora</Name>" in data for data in of_books(files(running, site)).values())
    running.do("PUT", f"/phones/{mac}/lines/1", {"display_name": "Cora at home"})
    assert any(b"<Name>Cora at home</Name>" in data for data in of_books(files(running, site)).values())
    running.do("DELETE", f"/phones/{mac}")
    assert not any(b"7411" in data for data in of_books(files(running, site)).values())
    refused = running.ask("PUT", f"/phone-books/{made}/entries", {"entries": []})
    assert (refused.status, refused.json["kind"]) == (422, "bad-name")
    running.do("DELETE", f"/phone-books/{made}")


def test_entries_are_replaced_all_or_none(running: RunningHub, site: str) -> None:
    made = book(running, site)
    put(running, made, ("Ben", "202"))
    wrong = put(running, made, ("Anna", "201"), ("", "203"), ("Cora", "a b;c"), ("\x07", "204"))
    assert (wrong["kept"], [(each["row"], each["column"]) for each in wrong["refusals"]]) == (
        False,
        [(3, "name"), (4, "number"), (5, "name")],
    )
    listed = running.do("GET", f"/phone-books/{made}/entries")["items"]
    assert listed == [{"name": "Ben", "number": "202"}]
    dry = running.do(
        "PUT", f"/phone-books/{made}/entries", {"entries": [{"name": "Anna", "number": "201"}], "dry_run": True}
    )
    assert (dry["kept"], dry["refusals"]) == (False, [])
    assert running.do("GET", f"/phone-books/{made}/entries")["items"] == listed
    put(running, made, *((f"Name {number:03}", f"{number}") for number in range(120)))
    found = running.do("GET", f"/phone-books/{made}/entries?limit=100")
    assert (len(found["items"]), found["next"] is not None) == (100, True)
    assert running.do("GET", f"/phone-books/{made}/entries?search=NAME%20119")["items"][0]["number"] == "119"


def test_a_book_of_5000_makes_no_phones_file_larger_and_its_pages_are_shared_by_sites(
    running: RunningHub, site: str
) -> None:
    other = running.site(f"Other {next(_numbers)}")
    running.do("PUT", f"/settings/sites/{other}/edge_url", {"value": "http://198.51.100.1"})
    running.do("PUT", f"/settings/sites/{other}/sip_server", {"value": "sip.example.org"})
    running.phone(other, new_mac())
    made = book(running, site, other)
    put(running, made, ("Ben", "202"))
    small = device_file(files(running, site))
    put(running, made, *((f"{chr(65 + number % 26)}{number:04}", f"{number}") for number in range(5000)))
    large = files(running, site)
    assert len(device_file(large)) == len(small)
    here, there = of_books(large), of_books(files(running, other))
    pages = {data for data in here.values() if b"<DirectoryEntry>" in data}
    assert pages == {data for data in there.values() if b"<DirectoryEntry>" in data}
    assert len(pages) > 150
    assert len(here) - len(pages) <= 160
    too_many = [{"name": "x", "number": "1"}] * 5001
    assert running.ask("PUT", f"/phone-books/{made}/entries", {"entries": too_many}).json["kind"] == "limit-reached"


def test_a_change_of_a_phone_reads_no_book(running: RunningHub, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(running, book(running, site), ("Ben", "202"))
    (mac,) = [phone["mac"] for phone in running.do("GET", f"/phones?site={site}")["items"]]
    monkeypatch.setattr(phone_books, "content_of", None)
    running.do("PATCH", f"/phones/{mac}", {"model": "8961"})


def test_a_book_whose_last_site_is_gone_is_for_none(running: RunningHub) -> None:
    gone = running.site(f"Gone {next(_numbers)}")
    made = book(running, gone)
    running.do("DELETE", f"/sites/{gone}")
    shown = running.do("GET", f"/phone-books/{made}")
    assert (shown["everywhere"], shown["sites"]) == (False, [])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"name": ""}, "bad-name"), ({"name": "x" * 33}, "bad-name"), ({"name": "!"}, "bad-name"),
        ({"name": "x", "source": "nis"}, "bad-field"), ({"name": "x", "sites": ["nowhere"]}, "unknown-site"),
    ],
)  # fmt: skip
def test_what_can_be_no_book_is_refused(running: RunningHub, body: Json, kind: str) -> None:
    assert running.ask("POST", "/phone-books", body).json["kind"] == kind


def test_names_are_taken_once_and_books_have_a_limit(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    made = book(running, name="Twice")
    assert running.ask("POST", "/phone-books", {"name": "twice"}).json["kind"] == "phone-book-taken"
    assert running.ask("GET", "/phone-books/nothing").json["kind"] == "unknown-phone-book"
    monkeypatch.setattr(phone_books, "MOST_BOOKS", 1)
    assert running.ask("POST", "/phone-books", {"name": "More"}).json["kind"] == "limit-reached"
    running.do("DELETE", f"/phone-books/{made}")


@pytest.mark.parametrize(
    ("model", "mac", "said", "element"),
    [
        ("T46U", "80:5E:C0:C2:B7:01", "remote_phonebook.data.1.url = {url}\n", "YealinkIPPhoneDirectory"),
        ("D785", "00:04:13:C2:B7:01", '<dkey_directory perm="R">url {url}</dkey_directory>', "SnomIPPhoneMenu"),
    ],
)
def test_phones_of_other_makers_get_books_in_their_own_form(
    running: RunningHub, site: str, model: str, mac: str, said: str, element: str
) -> None:
    running.phone(site, mac, model)
    put(running, book(running, site), ("Anna & Söhne", "201"))
    published = files(running, site)
    form = model_of(model)[0].book_form
    menu = Shelfmark(EDGE, form).menu_name
    assert f"<{element}>".encode() in published[menu]
    bare = mac.replace(":", "").lower()
    (own,) = [data.decode() for name, data in published.items() if bare in name.lower() and "phonebook" not in name]
    assert said.format(url=f"{EDGE}/{menu}") in own
    assert any(b"<Name>Anna &amp; S\xc3\xb6hne</Name>" in data for data in of_books(published).values())
    assert menu_name(EDGE) in published, "the Cisco phone beside it has its own"


def test_a_book_of_a_group_is_for_its_phones_alone(running: RunningHub, site: str) -> None:
    group = running.do("POST", "/groups", {"name": f"Board {next(_numbers)}"})["id"]
    put(running, book(running, site), ("Everybody", "200"))
    of_group = book(running, site, groups=[group])
    put(running, of_group, ("Chair", "100"))
    shown = running.do("GET", f"/phone-books/{of_group}")
    assert (shown["for_groups"], shown["groups"]) == (True, [group])
    mac = new_mac()
    running.phone(site, mac)
    running.do("PATCH", f"/phones/{mac}", {"group": group})
    published = files(running, site)
    own = {name: data.decode() for name, data in published.items() if name.startswith("SEP")}
    of_member = own.pop(f"SEP{mac.replace(':', '')}.cnf.xml")
    (of_other,) = own.values()
    assert f"<directoryURL>{EDGE}/{menu_name(EDGE)}</directoryURL>" in of_other
    (opened,) = re.findall(rf"<directoryURL>{EDGE}/([^<]+)</directoryURL>", of_member)
    assert opened != menu_name(EDGE)
    titles = {
        name: re.findall("<Name>(Book [^<]+)</Name>", published[name].decode()) for name in (opened, menu_name(EDGE))
    }
    assert (len(titles[opened]), len(titles[menu_name(EDGE)])) == (2, 1)
    running.do("PATCH", f"/phones/{mac}", {"group": ""})
    running.do("DELETE", f"/groups/{group}")
    assert running.do("GET", f"/phone-books/{of_group}")["for_groups"], "a book of a group that is gone is nobody's"
    assert not any(b"Chair" in data for data in of_books(files(running, site)).values())
    assert running.ask("POST", "/phone-books", {"name": "None", "groups": ["nowhere"]}).json["kind"] == "unknown-group"
