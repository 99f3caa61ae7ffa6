"""``ringfence access audit``."""

from support.command_line import CommandLine


def test_the_audit_log_says_who_did_what(ringfence: CommandLine) -> None:
    ringfence("access", "create", "noted")
    newest = ringfence.ask("access", "audit", "--limit", "1")
    assert len(newest) == 1
    assert "noted" in str(newest)
    assert newest[0]["action"] in ringfence("access", "audit")
    ringfence.refused(3, "access", "audit", "--limit", "-1")
