"""``ringfence guard credential``."""

from pathlib import Path

from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub

MAC = "80:5E:C0:12:34:56"


def test_a_credential_is_created_shown_and_removed(
    ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path
) -> None:
    ringfence("phone", "add", MAC, "--site", site, "--model", "T46U")
    edge = ReportingEdge(hub, site, tmp_path / "edge")
    assert "No credential." in ringfence("guard", "credential", "show", MAC)
    made = ringfence.ask("guard", "credential", "create", MAC)
    assert [each["serial"] for each in made["good"]] == [1]
    assert "does not protect against anyone who eavesdrops" in ringfence("guard", "credential", "create", MAC)
    assert "not yet" in ringfence("guard", "credential", "show", MAC)
    user, password = ringfence("guard", "credential", "password", MAC).split()
    assert user == "805ec0123456"
    for words in (("show", MAC), ("create", MAC, "--only")):
        assert password not in ringfence("guard", "credential", *words)
    assert len(edge.rules().credentials[0].keys) == 1
    ringfence("guard", "credential", "remove", MAC, "--yes")
    assert edge.rules().credentials == ()
    ringfence.refused(4, "guard", "credential", "remove", MAC, "--yes")
    ringfence.refused(4, "guard", "credential", "password", MAC)
