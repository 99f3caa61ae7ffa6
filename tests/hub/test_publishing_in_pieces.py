"""Publishing in a large fleet: in pieces, by as many statements for many sites as for few, and with bounded answers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import event, select

from ringfence.content.signing import TIMESTAMP_LIFETIME_S
from ringfence.hub.core import Hub
from ringfence.hub.fleet import lines, phones, settings, sites
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.people import publish as answers
from ringfence.hub.process import renewal
from ringfence.hub.publishing import piece_writing, pieces
from ringfence.hub.publishing.publish import publish
from ringfence.hub.publishing.site_files import SiteFiles
from ringfence.hub.store.models import SiteRow
from ringfence.phones.mac import Mac
from support.two_sites import numbers, whole_release


def fill(hub: Hub, names: Sequence[str]) -> None:
    """Make a site with a phone for each name."""
    with hub.change("test") as change:
        settings.put(change, hub.sealer, ORGANISATION, "sip_server", "sip.example.org")
        for name in names:
            number = len(change.session.scalars(select(SiteRow.id)).all())
            mac = Mac(f"001B54C3{number:04X}")
            site = sites.create(change, hub.signers, name)
            phones.add(change, mac, site.id, "9971", "")
            change.session.flush()
            lines.put(change, hub.sealer, mac, 1, LineParts(name="201", label=name))


def set_server(hub: Hub, server: str) -> None:
    with hub.change("test") as change:
        settings.put(change, hub.sealer, ORGANISATION, "sip_server", server)


def is_due(hub: Hub, site_id: str) -> bool:
    with hub.database.reading() as session:
        site = session.get_one(SiteRow, site_id)
        return site.edits != site.rendered_edits


@contextmanager
def counted(hub: Hub) -> Iterator[list[str]]:
    """Count the statements of the block; one for many rows counts once."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        found.append(statement)

    event.listen(hub.database._engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(hub.database._engine, "before_cursor_execute", note)


def test_many_sites_take_as_many_statements_as_few(idle: Hub) -> None:
    fill(idle, [f"Few {n}" for n in range(3)])
    publish(idle, "test")
    set_server(idle, "few.example.org")
    with counted(idle) as few:
        assert len(publish(idle, "test").sites) == 3
    fill(idle, [f"Many {n}" for n in range(27)])
    publish(idle, "test")
    set_server(idle, "many.example.org")
    with counted(idle) as many:
        assert len(publish(idle, "test").sites) == 30
    assert sorted(set(many)) != []
    assert len(many) == len(few), "a statement for each site grew in"


def test_a_new_piece_sees_the_moment_of_the_first(idle: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a", "b", "c", "d", "e"]
    fill(idle, names)
    written: list[list[str]] = []
    write = piece_writing.write

    def write_while_somebody_edits(hub: Hub, who: str, piece: Sequence[SiteFiles], *others: object) -> object:
        set_server(idle, f"later{len(written)}.example.org")
        written.append([files.site.site_id for files in piece])
        return write(hub, who, piece, *others)  # type: ignore[arg-type] # passed on

    with monkeypatch.context() as patch:
        patch.setattr(pieces, "SITES_AT_ONCE", 2)
        patch.setattr(piece_writing, "write", write_while_somebody_edits)
        done = publish(idle, "test")
    assert written == [["a", "b"], ["c", "d"], ["e"]]
    assert numbers(done) == dict.fromkeys(names, 1)
    for name in names:
        (_number, (configuration, *_others)) = whole_release(idle, name)
        assert b"sip.example.org" in configuration
        assert is_due(idle, name), "what came meanwhile is still to be published"
    assert numbers(publish(idle, "test")) == dict.fromkeys(names, 2)


def test_a_publish_that_ends_between_two_pieces_goes_on_there(idle: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(idle, ["a", "b", "c"])
    write = piece_writing.write

    def write_the_first(hub: Hub, who: str, piece: Sequence[SiteFiles], *others: object) -> object:
        if piece[0].site.site_id != "a":
            raise OSError("the process is killed")
        return write(hub, who, piece, *others)  # type: ignore[arg-type] # passed on

    with monkeypatch.context() as patch:
        patch.setattr(pieces, "SITES_AT_ONCE", 2)
        patch.setattr(piece_writing, "write", write_the_first)
        with pytest.raises(OSError, match="killed"):
            publish(idle, "test")
    assert [whole_release(idle, name)[0] for name in "abc"] == [1, 1, 0]
    assert numbers(publish(idle, "test")) == {"c": 1}


def test_an_answer_is_bounded_and_says_how_much_there_is(idle: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(idle, ["a", "b", "c", "d"])
    with idle.change("test") as change:
        settings.unset(change, ORGANISATION, "sip_server")
    refused = answers.publication_view(publish(idle, "test"))
    assert refused.counts.left_out == len(refused.left_out) == 4
    set_server(idle, "sip.example.org")
    done = publish(idle, "test")
    monkeypatch.setattr(answers, "MOST_LISTED", 3)
    monkeypatch.setattr(answers, "MOST_FILES", 2)
    shown = answers.publication_view(done)
    assert (shown.counts.sites, shown.counts.files, shown.counts.phones) == (4, 4, 4)
    assert [(site.site, site.file_count, len(site.files)) for site in shown.sites] == [
        ("a", 1, 1), ("b", 1, 1), ("c", 1, 0),
    ]  # fmt: skip


def test_a_start_signs_what_ends_first_and_leaves_the_rest_for_later(
    idle: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(idle, ["a", "b", "c"])
    began = idle.clock()
    for ahead_s, name in enumerate(("b", "c", "a")):
        idle.clock = lambda ahead_s=ahead_s: began + ahead_s * 60  # type: ignore[misc] # a clock in hand
        publish(idle, "test", site_ids=[name])
    idle.clock = lambda: began + TIMESTAMP_LIFETIME_S
    renewed: list[str] = []
    renew = renewal._renew_sites

    def note(hub: Hub, session: object, due: Sequence[tuple[str, set[str]]], now: float) -> None:
        renewed.extend(site_id for site_id, _roles in due)
        renew(hub, session, due, now)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(renewal, "SITES_AT_ONCE", 1)
    monkeypatch.setattr(renewal, "_renew_sites", note)
    with monkeypatch.context() as hurried:
        hurried.setattr(renewal, "START_S", -1.0)
        renewal.renew_at_start(idle)
    assert (idle.has_metadata_due, renewed) == (True, [])
    assert renewal.renew_metadata(idle) == 3
    assert renewed == ["b", "c", "a"]
    for name in "abc":
        assert whole_release(idle, name)[0] == 1
    monkeypatch.setattr(renewal, "START_S", 600.0)
    renewal.renew_at_start(idle)
    assert not idle.has_metadata_due
