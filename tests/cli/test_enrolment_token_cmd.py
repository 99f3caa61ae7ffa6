"""``ringfence site``'s enrolment tokens."""

from ringfence.identity.tokens import EnrolmentToken
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_token_enrols_one_edge(ringfence: CommandLine, hub: RunningHub, site: str) -> None:
    token = EnrolmentToken.from_text(ringfence.ask("site", "token", site)["token"])
    assert hub.ask_to_enrol(token.secret).status == 200
    (row,) = ringfence.ask("site", "tokens", site)
    assert row["used_at"]
    assert len(ringfence.ask("site", "show", site)["edge_list"]) == 1
    ringfence.refused(5, "site", "remove", "--yes", site)


def test_a_token_that_was_revoked_enrols_nobody(ringfence: CommandLine, hub: RunningHub, site: str) -> None:
    said = ringfence("site", "token", site)
    token = EnrolmentToken.from_text(next(word for word in said.split() if word.startswith("RFE1")))
    (row,) = ringfence.ask("site", "tokens", site)
    assert row["id"] in ringfence("site", "tokens", site)
    ringfence("site", "revoke-token", "--yes", row["id"])
    assert hub.ask_to_enrol(token.secret).status >= 400
    assert ringfence.ask("site", "tokens", site)[0]["revoked_at"]
