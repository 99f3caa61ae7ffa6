"""``ringfence rollout``: publish in waves."""

from collections.abc import Iterator

import pytest

from support.command_line import CommandLine

MAC = "00:1B:54:C2:DF:01"


@pytest.fixture
def edited(ringfence: CommandLine, site: str) -> Iterator[str]:
    ringfence("phone", "add", MAC, "--site", site, "--model", "9971")
    ringfence("line", "set", MAC, "1", "--name", "201")
    ringfence("set", "site", site, "sip_server=192.0.2.20")
    yield site
    ringfence("phone", "remove", MAC, "--yes")


def test_a_rollout_is_begun_looked_at_paused_resumed_retried_and_cancelled(ringfence: CommandLine, edited: str) -> None:
    begun = ringfence.ask(
        "rollout", "begin", "New server", edited, "--wave", "1", "--gate", "2m", "--most-failed", "10"
    )
    rollout = begun["id"]
    assert [each["site"] for each in begun["sites"]] == [edited]
    assert "1 of 1" in ringfence("rollout", "list")
    assert edited in ringfence("rollout", "show", rollout)
    assert f"Rollout {rollout} is paused." in ringfence("rollout", "pause", rollout)
    assert "somebody has paused it" not in ringfence("rollout", "show", rollout, "--watch")
    told = ringfence("rollout", "list", "--filter", "state=paused")
    assert f"Rollout {rollout} is paused: " in told
    assert "is running" in ringfence("rollout", "resume", rollout)
    assert "nothing has failed" in ringfence.refused(4, "rollout", "retry", rollout)
    assert "is cancelled" in ringfence("rollout", "cancel", rollout, "--yes")
    assert "is cancelled" in ringfence.refused(4, "rollout", "cancel", rollout, "--yes")


def test_what_can_not_be_rolled_out_is_refused(ringfence: CommandLine, site: str) -> None:
    assert "'half' is no wave" in ringfence.refused(3, "rollout", "begin", "x", "--wave", "half")
    ringfence("publish", site)
    assert "no site is due" in ringfence.refused(3, "rollout", "begin", "x", site)
    assert "no rollout" in ringfence.refused(4, "rollout", "show", "rollout-none")
