"""``ringfence edge job`` and ``ringfence edge jobs``."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringfence.cli import edge_job_cmd
from ringfence.wire import codec, paths
from ringfence.wire.job_messages import JobNews, JobOrder, JobOrders
from ringfence.wire.messages import SiteState, StatePart
from support.command_line import CommandLine
from support.running_hub import EdgeInHand, RunningHub


@pytest.fixture
def edge(hub: RunningHub, site: str, tmp_path: Path) -> EdgeInHand:
    return hub.enrol(site, tmp_path / "edge")


def orders(edge: EdgeInHand) -> tuple[JobOrder, ...]:
    state = codec.from_json(SiteState, edge.get(paths.STATE).data)
    return codec.from_json(JobOrders, bytes(state.parts[StatePart.JOBS])).orders


@contextmanager
def doing(edge: EdgeInHand, *told: tuple[str, str, bytes]) -> Iterator[None]:
    """An edge that does its next job so: state, text or sentence, data."""

    def work() -> None:
        with edge.events() as events:
            next(events)
            while not (found := orders(edge)):
                next(events)
        number = found[0].number
        edge.post(paths.JOBS, JobNews(number, "a", 0, "running"))
        for part, (state, text, data) in enumerate(told, 1):
            words = {"text": text} if state == "running" else {"sentence": text}
            edge.post(paths.JOBS, JobNews(number, "a", part, state, data=data, **words))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def test_a_job_is_watched_to_its_end(ringfence: CommandLine, edge: EdgeInHand, site: str) -> None:
    with doing(edge, ("running", "All is \x1b[2Jwell.\n", b""), ("done", "The edge has told how it is.", b"")):
        said = ringfence("edge", "job", site, "status", "--wait-for", "1h")
    assert "waits for edge" in said
    assert "All is \N{REPLACEMENT CHARACTER}[2Jwell.\nThe edge has told how it is." in said
    (row,) = ringfence.ask("edge", "jobs", "list", "--edge", site)
    assert (row["kind"], row["state"]) == ("status", "done")
    assert row["id"] in ringfence("edge", "jobs", "list", "--edge", edge.response.edge_id)
    assert "well." in ringfence("edge", "jobs", "show", row["id"])
    assert ringfence.ask("edge", "jobs", "show", row["id"])["sentence"].startswith("The edge")


def test_a_job_that_is_refused_ends_with_a_status(ringfence: CommandLine, edge: EdgeInHand, site: str) -> None:
    with doing(edge, ("refused", "jobs.toml of this machine does not allow restart.", b"")):
        ended = ringfence.run(
            "edge", "job", site, "restart", "--why", "it hangs", "--yes", "--wait-for", "1h", "--json"
        )
    assert (ended.status, "does not allow restart" in ended.out) == (1, True)


def test_a_capture_is_written_to_a_file(ringfence: CommandLine, edge: EdgeInHand, site: str, tmp_path: Path) -> None:
    for more, name in (((), "plain"), (("--with-secrets",), "secret")):
        file = tmp_path / name
        with doing(edge, ("running", "", name.encode()), ("done", "There.", b"")):
            said = ringfence(
                "edge", "job", site, "capture", "--why", "no audio", "--wait-for", "1h", "--out", str(file), *more
            )
        assert f"Written to {file}" in said
        assert file.read_bytes() == name.encode()
        (row, *_older) = ringfence.ask("edge", "jobs", "list", "--edge", site)
        ringfence("edge", "jobs", "show", row["id"], "--out", str(tmp_path / f"{name} again"))
        ringfence.refused(5, "edge", "jobs", "show", row["id"], "--out", str(file))


def test_ctrl_c_leaves_the_job_where_it_is(
    ringfence: CommandLine, edge: EdgeInHand, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(edge_job_cmd, "_watch", interrupted)
    ended = ringfence.run("edge", "job", site, "diagnose", "--wait-for", "1h")
    assert ended.status == 130
    (order,) = orders(edge)
    assert f"ringfence edge jobs show {order.number}" in ended.out
    assert f"Job {order.number} cancelled." in ringfence("edge", "jobs", "cancel", "--yes", order.number)
    assert orders(edge) == ()
    ringfence.refused(4, "edge", "jobs", "cancel", "--yes", order.number)


@pytest.mark.parametrize(
    "more",
    [
        ["status", "--wait-for", "soon"], ["status", "--wait-for", "1h", "--now"], ["status", "--out", "x"],
        ["logs", "--with-secrets"], ["shell"],
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(ringfence: CommandLine, edge: EdgeInHand, site: str, more: list[str]) -> None:
    assert ringfence.run("edge", "job", site, *more).status == 2
    assert orders(edge) == ()


def test_what_lacks_an_edge_a_reason_or_a_yes_is_refused(ringfence: CommandLine, edge: EdgeInHand, site: str) -> None:
    assert "is not connected" in ringfence.refused(5, "edge", "job", site, "status", "--now")
    assert "--yes" in ringfence.refused(3, "edge", "job", site, "restart", "--why", "x", "--wait-for", "1h")
    assert "--why" in ringfence.refused(3, "edge", "job", site, "restart", "--yes", "--wait-for", "1h")
    ringfence.refused(4, "edge", "job", "nowhere", "status")
    assert orders(edge) == ()


def test_what_waits_for_a_person_is_not_waited_for(ringfence: CommandLine, edge: EdgeInHand, site: str) -> None:
    assert "none" in ringfence("edge", "jobs", "approval")
    ringfence("edge", "jobs", "approval", "second-person")
    try:
        said = ringfence("edge", "job", site, "restart", "--why", "it hangs", "--yes", "--wait-for", "1h")
    finally:
        ringfence("edge", "jobs", "approval", "none")
    assert "waits for a person's approval" in said
    assert orders(edge) == ()
