"""The audit log: what its entries tell, how they are chained, and that no secret is in them."""

import json

import pytest
from sqlalchemy import delete, select, text, update

from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import audit, groups, phones, settings, sites, templates
from ringfence.hub.fleet.audit import AuditFilter
from ringfence.hub.fleet.settings import ORGANISATION, SettingPlace
from ringfence.hub.store import audit_chain, told_values
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.change import UNNAMED
from ringfence.hub.store.models import AuditEntryRow, PhoneGroupRow, PhoneRow, SiteRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.pages import Page
from ringfence.hub.store.row_changes import MOST_ROWS
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope

ANNA = Mac("001B54C2AB01")
Json = dict[str, object]
EVERYTHING = AuditFilter()


def told(hub: Hub, wanted: AuditFilter = EVERYTHING) -> list[Json]:
    """The entries that fit, newest first."""
    with hub.database.reading() as session:
        return [audit.shown(row) for row in audit.find(session, wanted, Page(1000)).rows]


def rows_of(entry: Json) -> list[tuple[object, object, object]]:
    rows = entry["rows"]
    assert isinstance(rows, list)
    return [(row["table"], row["before"], row["after"]) for row in rows]


def verified(hub: Hub, head: str = "") -> audit.AuditCheck:
    with hub.database.reading() as session:
        return audit.verify(session, head)


@pytest.fixture
def hub(idle: Hub) -> Hub:
    with idle.change("test") as change:
        sites.create(change, idle.signers, "Anna")
        sites.create(change, idle.signers, "Ben")
        phones.add(change, ANNA, "anna", "9971", "")
    return idle


def test_an_entry_tells_of_the_rows_that_were_changed_since_the_one_before(hub: Hub) -> None:
    with hub.change("test") as change:
        phones.change(change, ANNA, phones.PhoneParts(site_id="ben", description="desk"))
    described, moved, added = told(hub, AuditFilter(subject=str(ANNA)))
    assert rows_of(moved) == [("phone", {"site_id": "anna"}, {"site_id": "ben"})]
    assert rows_of(described) == [("phone", {"description": ""}, {"description": "desk"})]
    ((table, before, after),) = rows_of(added)
    assert (table, before) == ("phone", None)
    assert isinstance(after, dict)
    assert after["model"] == "9971"
    assert "organisation_id" not in after


def test_what_nobody_notes_gets_an_entry_too(hub: Hub) -> None:
    with hub.database.writing() as session:
        session.get_one(PhoneRow, ANNA.bare).description = "behind everybody's back"
    newest = told(hub)[0]
    assert (newest["action"], newest["who"], newest["object"]) == (UNNAMED, "the hub", "phone")
    assert rows_of(newest) == [("phone", {"description": ""}, {"description": "behind everybody's back"})]


def test_what_is_only_counted_or_is_as_before_makes_no_entry(hub: Hub) -> None:
    before = told(hub)
    with hub.database.writing() as session:
        session.get_one(PhoneRow, ANNA.bare).named_load = "sip9971.9-4-2SR3-1"
        session.execute(update(SiteRow).values(edits=SiteRow.edits + 1))
        session.flush()
        phone = session.get_one(PhoneRow, ANNA.bare)
        phone.description = "x"
        session.flush()
        phone.description = ""
    assert told(hub) == before


def test_statements_for_many_rows_and_rows_that_go_along_are_told(hub: Hub) -> None:
    with hub.change("test") as change:
        settings.put(change, hub.sealer, SettingPlace(Scope.PHONE, ANNA.bare), "ssh_user", "anna")
    with hub.change("test") as change:
        change.session.execute(update(PhoneRow).where(PhoneRow.site_id == "anna").values(blocked=True))
        change.note("all.block", "anna")
    with hub.change("test") as change:
        phones.remove(change, ANNA)
    with hub.change("test") as change:
        change.session.add(PhoneGroupRow(id="g", name="G", created_at=1.0))
        change.session.flush()
        change.session.execute(delete(PhoneGroupRow))
        change.note("nothing.left", "g")
    nothing, removed, blocked = told(hub)[:3]
    assert rows_of(blocked) == [("phone", {"blocked": False}, {"blocked": True})]
    assert {table for table, _before, after in rows_of(removed) if after is None} == {"phone", "phone_setting"}
    assert rows_of(nothing) == []


def test_many_rows_are_counted(hub: Hub) -> None:
    with hub.change("test") as change:
        for number in range(MOST_ROWS + 5):
            change.session.add(PhoneGroupRow(id=f"g{number}", name=f"G{number}", created_at=1.0))
        change.note("many", "groups")
    newest = told(hub)[0]
    assert (len(rows_of(newest)), newest["more_rows"]) == (MOST_ROWS, 5)


def test_secrets_are_masked_and_long_texts_are_a_length_a_digest_and_a_difference(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told_values, "LONGEST", 100)
    long = "".join(f"line {number}\n" for number in range(24))  # as long as a description may be
    with hub.change("test") as change:
        settings.put(change, hub.sealer, ORGANISATION, "ssh_password", "Known-Secret-1")
    with hub.change("test") as change:
        settings.put(change, hub.sealer, ORGANISATION, "ssh_password", "Known-Secret-2")
    with hub.change("test") as change:
        templates.put(change, "generic", "{mac}.cfg", long + "Known-Secret-3\n")
    with hub.change("test") as change:
        change.session.get_one(PhoneRow, ANNA.bare).description = long
        change.note("phone.describe", "long")
    with hub.change("test") as change:
        change.session.get_one(PhoneRow, ANNA.bare).description = long.replace("line 7\n", "line seven\n")
        change.note("phone.describe", "longer")
    changed, described, template, again, first = told(hub)[:5]
    secret = {"secret": True}
    assert rows_of(first) == [("organisation_setting", None, {"sealed": secret, "value": None})]
    assert rows_of(again) == [("organisation_setting", {"sealed": secret}, {"sealed": secret})]
    ((_table, _before, source),) = rows_of(template)
    assert isinstance(source, dict)
    assert source["source"] == {"length": len(long) + 15}
    ((_table, _before, after),) = rows_of(described)
    assert isinstance(after, dict)
    assert after["description"]["length"] == len(long)
    assert len(after["description"]["sha256"]) == 64
    ((diff,),) = ([row["diff"] for row in entry["rows"]] for entry in [changed] if isinstance(entry["rows"], list))
    assert diff["description"].splitlines()[1:] == ["-line 7", "+line seven"]
    assert "Known-Secret" not in json.dumps(told(hub))


def test_each_entry_is_chained_to_the_one_before(hub: Hub) -> None:
    check = verified(hub)
    assert (check.broken, check.why) == (None, "")
    with hub.database.reading() as session:
        number, chain = audit_chain.head(session, FIRST)
    assert check.head == f"{number}:{chain}"
    with hub.change("test") as change:
        groups.create(change, "One more")
    assert verified(hub, check.head).broken is None


FORGERIES: dict[str, str] = {
    "altered": "UPDATE audit SET actor = 'somebody else' WHERE id = 3",
    "what was changed": "UPDATE audit SET changes = '' WHERE id = 3",
    "when": "UPDATE audit SET at = at + 1 WHERE id = 3",
    "whose": "UPDATE audit SET chain = 'x' WHERE id = 3",
}


@pytest.mark.parametrize("statement", FORGERIES.values(), ids=FORGERIES)
def test_the_first_entry_that_was_altered_is_named(hub: Hub, statement: str) -> None:
    with hub.database.of(EVERYWHERE).writing() as session:
        session.execute(text(statement))
    found = verified(hub)
    assert (found.broken, found.entries) == (3, 2)
    assert "It does not fit the one before it" in found.why


@pytest.mark.parametrize(("gone", "named"), [(1, 2), (3, 4)])
def test_an_entry_that_was_taken_out_is_found_at_the_next_one(hub: Hub, gone: int, named: int) -> None:
    with hub.database.writing() as session:
        session.execute(delete(AuditEntryRow).where(AuditEntryRow.id == gone))
    assert verified(hub).broken == named


def test_what_is_cut_from_the_end_or_written_anew_is_found_by_a_head_of_before(hub: Hub) -> None:
    head = verified(hub).head
    newest = int(head.partition(":")[0])
    with hub.database.writing() as session:
        session.execute(delete(AuditEntryRow).where(AuditEntryRow.id == newest))
    assert verified(hub).broken is None
    cut = verified(hub, head)
    assert (cut.broken, "cut from the end" in cut.why) == (newest, True)
    with hub.database.writing() as session:
        rows = list(session.scalars(select(AuditEntryRow).order_by(AuditEntryRow.id)))
        rows[1].actor, before = "somebody else", audit_chain.BEGINNING
        for row in rows:
            row.chain = before = audit_chain.digest(before, [getattr(row, each.key) for each in audit_chain.FIELDS])
    forged = verified(hub)
    assert forged.broken is None, "whoever can write all of it can make it fit"
    written_down = f"{newest - 1}:{'0' * 64}"
    anew = verified(hub, written_down)
    assert (anew.broken, "written anew" in anew.why) == (newest - 1, True)


@pytest.mark.parametrize("head", ["x", "1", "1:", ":", "1:abc", "-1:" + "0" * 64, "1:" + "G" * 64, "²:" + "0" * 64])
def test_what_is_no_head_is_refused(hub: Hub, head: str) -> None:
    with pytest.raises(BadSelection, match="no head of an audit log"):
        verified(hub, head)


def test_it_is_found_by_who_what_when_and_from_where_in_pages(hub: Hub) -> None:
    with hub.change("Berta") as change:
        groups.create(change, "Reception")
    with hub.change("Berta") as change:
        phones.change(change, ANNA, phones.PhoneParts(group_id="reception", description="100 %_"))
    by_her = [entry["action"] for entry in told(hub, AuditFilter(who="Berta"))]
    assert by_her == ["phone.describe", "phone.group", "group.create"]
    assert [entry["action"] for entry in told(hub, AuditFilter(action="group."))] == ["group.create"]
    for nothing in (AuditFilter(action="group"), AuditFilter(subject="%"), AuditFilter(address="192.0.2.1")):
        assert told(hub, nothing) == []
    now = hub.clock()
    with hub.database.reading() as session:
        timed = AuditFilter(since=now - 3600, until=now + 1)
        first = audit.find(session, timed, Page(2))
        rest = audit.find(session, timed, Page(1000, first.next or ""))
        assert [*first.rows, *rest.rows] == audit.find(session, AuditFilter(), Page(1000)).rows
        assert not audit.find(session, AuditFilter(since=now + 60), Page(10)).rows


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\t=x", 'a "quoted", text', "zwei\nZeilen", "'=x"])
def test_an_export_runs_nothing_in_a_spreadsheet(hub: Hub, value: str) -> None:
    with hub.change(value) as change:
        change.note("test", value, value)
    heading, newest, *_rest = "".join(audit.export(hub, AuditFilter(), as_csv=True)).split("\n", 2)
    assert heading == "id,at,who,token,address,action,object,detail,rows,more_rows,chain"
    cells = newest.split(",")
    assert not any(cell.strip('"').startswith(("=", "+", "-", "@", "\t")) for cell in cells), newest
    lines = "".join(audit.export(hub, AuditFilter(), as_csv=False)).splitlines()
    assert json.loads(lines[0])["object"] == value


def test_an_export_is_read_page_by_page(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_EXPORTED_AT_ONCE", 2)
    whole = told(hub)
    parts = list(audit.export(hub, AuditFilter(), as_csv=False))
    assert len(parts) == (len(whole) + 1) // 2
    assert [json.loads(line) for line in "".join(parts).splitlines()] == whole
    monkeypatch.setattr(audit, "MOST_EXPORTED", 3)
    assert len("".join(audit.export(hub, AuditFilter(), as_csv=False)).splitlines()) == 3
