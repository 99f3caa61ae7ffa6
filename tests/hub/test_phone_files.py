"""Phones' own files: in which release each changed last, and whether its phone took it since."""

import pytest
from sqlalchemy import delete, select

from ringfence.hub.core import Hub
from ringfence.hub.fleet import lines, phone_files, phones
from ringfence.hub.fleet.guard import report_intake
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.phones import PhoneParts
from ringfence.hub.publishing.publish import publish, rollback
from ringfence.hub.store.phone_file_models import PhoneFileRow
from ringfence.hub.store.release_models import ReleaseRow
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report, ReportKind
from support.two_sites import ANNA, BEN, add_two_sites, relabel

OTHER = Mac("001B54C2D009")


@pytest.fixture
def hub(idle: Hub) -> Hub:
    publish(add_two_sites(idle), "test")
    return idle


def row(hub: Hub, mac: Mac = ANNA) -> list[tuple[str, int, int | None]]:
    """The site, the release of the last change, and the release that the phone took; of each site that has its file."""
    with hub.database.reading() as session:
        chosen = select(PhoneFileRow).where(PhoneFileRow.mac == mac.bare).order_by(PhoneFileRow.site_id)
        return [(found.site_id, found.since, found.taken) for found in session.scalars(chosen)]


def take(hub: Hub, release: int, *, name: str = f"SEP{ANNA.bare}.cnf.xml", site_id: str = "anna") -> None:
    report = Report(1, 1.0, ReportKind.FILE_SERVED, "Served.", name=name, owner=ANNA.bare, release=release)
    with hub.change("edge") as change:
        report_intake.take_own(change, site_id, [report])


def counts(hub: Hub) -> tuple[int, int, int]:
    with hub.database.reading() as session:
        found = phone_files.count(session)
    return found["current"], found["stale"], found["never"]


def test_a_phone_is_stale_from_a_change_of_its_file_until_it_takes_it(hub: Hub) -> None:
    assert (row(hub), counts(hub)) == ([("anna", 1, None)], (0, 0, 2))
    take(hub, 1)
    assert (row(hub), counts(hub)) == ([("anna", 1, 1)], (1, 0, 1))
    relabel(hub, BEN, "Another")
    publish(hub, "test")
    assert counts(hub) == (1, 0, 1)
    relabel(hub, ANNA, "Another")
    publish(hub, "test")
    assert (row(hub), counts(hub)) == ([("anna", 2, 1)], (0, 1, 1))
    take(hub, 2)
    take(hub, 1)  # an edge that was away tells late
    assert (row(hub), counts(hub)) == ([("anna", 2, 2)], (1, 0, 1))


def test_going_back_to_an_earlier_release_is_a_change(hub: Hub) -> None:
    relabel(hub, ANNA, "Another")
    publish(hub, "test")
    take(hub, 2)
    rollback(hub, "test", "anna", 1)
    assert (row(hub), counts(hub)) == ([("anna", 3, 2)], (0, 1, 1))


def test_it_is_known_without_the_releases_before(hub: Hub) -> None:
    take(hub, 1)
    with hub.change("test") as change:
        phones.add(change, OTHER, "anna", "9971", "")
        change.session.flush()
        lines.put(change, hub.sealer, OTHER, 1, LineParts(name="202"))
    publish(hub, "test")
    with hub.change("test") as change:
        change.session.execute(delete(ReleaseRow).where(ReleaseRow.site_id == "anna", ReleaseRow.number == 1))
    relabel(hub, OTHER, "Another")
    publish(hub, "test")
    assert (row(hub), row(hub, OTHER)) == ([("anna", 1, 1)], [("anna", 3, None)])


def test_what_is_no_configuration_or_another_sites_does_not_count(hub: Hub) -> None:
    take(hub, 1, name=f"ITLSEP{ANNA.bare}.tlv")
    take(hub, 1, site_id="ben")
    assert row(hub) == [("anna", 1, None)]


@pytest.mark.parametrize("first", ["anna", "ben"])
def test_a_phone_that_moves_begins_anew_whichever_site_is_published_first(hub: Hub, first: str) -> None:
    take(hub, 1)
    with hub.change("test") as change:
        phones.change(change, ANNA, PhoneParts(site_id="ben"))
    assert counts(hub) == (0, 0, 1)
    publish(hub, "test", site_ids=[first])
    assert row(hub) == ([] if first == "anna" else [("anna", 1, 1), ("ben", 2, None)])
    publish(hub, "test")
    assert (row(hub), counts(hub)) == ([("ben", 2, None)], (0, 0, 2))
    take(hub, 2, site_id="anna")
    assert counts(hub) == (0, 0, 2)


def test_a_phone_that_is_removed_has_none(hub: Hub) -> None:
    with hub.change("test") as change:
        phones.remove(change, ANNA)
    publish(hub, "test")
    with hub.database.reading() as session:
        assert session.scalars(select(PhoneFileRow.mac)).all() == [BEN.bare]
