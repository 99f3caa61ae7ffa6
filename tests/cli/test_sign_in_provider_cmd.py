"""``ringfence sign-in-provider``."""

from pathlib import Path

from support.command_line import CommandLine
from support.running_hub import RunningHub

ISSUER = "https://login.example.org/realms/company"
NEW = ("--issuer", ISSUER, "--client-id", "hub", "--group", "Phones=operator", "--group", "Help=support")


def test_a_provider_is_added_changed_and_removed(ringfence: CommandLine, hub: RunningHub, tmp_path: Path) -> None:
    assert "None yet" in ringfence("sign-in-provider", "list")
    said = ringfence("sign-in-provider", "add", "company", *NEW, stdin="Secret-of-the-client\n")
    assert f"{hub.hub.people_url}/sign-in/provider/callback" in said
    ringfence.refused(5, "sign-in-provider", "add", "company", *NEW, stdin="x\n")
    site, group = hub.site("Only here"), hub.do("POST", "/groups", {"name": "Only these"})["id"]
    secret = tmp_path / "secret"
    secret.write_text("Another-secret\n")
    changed = ringfence.ask(
        "sign-in-provider", "set", "company", "--group", f"Help=support@{site},group:{group}", "--client-secret-file",
        str(secret),
    )  # fmt: skip
    limits = {"sites": [site], "groups": [group]}
    assert changed["groups"] == [{"group": "Help", "role": "support", "limited_to": limits}]
    assert not [name for name in changed if "secret" in name]
    assert ringfence("sign-in-provider", "set", "company", "--no-groups") == "Sign-in provider company changed.\n"
    assert "nobody comes in" in ringfence("sign-in-provider", "list")
    assert ringfence.run("sign-in-provider", "check", "company").status != 0
    assert ringfence("sign-in-provider", "remove", "company", "--yes") == "Sign-in provider company removed.\n"
    ringfence.refused(4, "sign-in-provider", "remove", "company", "--yes")


def test_what_can_not_be_is_refused(ringfence: CommandLine) -> None:
    ringfence.refused(3, "sign-in-provider", "add", "UP", *NEW, stdin="x\n")
    ringfence.refused(3, "sign-in-provider", "add", "other", "--issuer", "http://x", "--client-id", "hub", stdin="x\n")
    ringfence.refused(4, "sign-in-provider", "set", "nowhere", "--name", "x")
    assert ringfence.run("sign-in-provider", "set", "x").status == 2
    assert ringfence.run("sign-in-provider", "set", "x", "--no-groups", "--group", "a=operator").status == 2
    assert ringfence.run("sign-in-provider", "set", "x", "--group", "operator").status == 2
    assert ringfence.run("sign-in-provider", "set", "x", "--client-secret-file", "/nowhere").status == 2
