"""``ringfence phone https``."""

from support.command_line import CommandLine
from support.running_hub import RunningHub

MAC = "00:1B:54:CF:00:21"


def test_the_url_is_shown_and_a_key_is_made_and_taken_away(hub: RunningHub, ringfence: CommandLine) -> None:
    site = hub.site("By HTTPS")
    hub.phone(site, MAC, "SPA504G")
    assert "Set phones_old_listen in hub.toml" in ringfence("phone", "https", MAC)
    config = hub.hub.config
    config.phones_old_listen, config.phones_old_url = "127.0.0.1:8444", "https://phones.example.org:8444"
    try:
        said = ringfence("phone", "https", MAC)
        assert "Its URL: https://phones.example.org:8444/$MA.cfg" in said
        assert "L0, nothing is known about the sender" in said
        hub.phone(site, "00:1B:54:CF:00:22", "8841-3PCC")
        hub.phone(site, "00:1B:54:CF:00:23", "7942")
        told = ringfence("site", "https", site)
        assert "https://phones.example.org:8444/$MA.cfg" in told
        assert f"ringfence guard log --site {site} says: Allowed 001b54cf0021.cfg" in told
        old, todays, enterprise = ringfence.ask("site", "https", site)
        assert (old["is_old"], old["proof"], old["level"]) == (True, "none", "L0")
        assert "Profile Rule: the URL" in old["what_to_type"]
        assert (todays["url"], todays["what_to_type"]) == ("", "")
        assert (enterprise["url"], enterprise["first_contact"]) == ("", "")
        assert "has no profile rule" in enterprise["next_step"]
        ringfence.refused(4, "site", "https", "nowhere")
        made = ringfence.ask("phone", "https", MAC, "make-key", "--from", "203.0.113.0/24")
        assert made["secret_url"].startswith("https://phones.example.org:8444/k/")
        assert made["key"]["networks"] == ["203.0.113.0/24"]
        assert "It is shown this once." in ringfence("phone", "https", MAC, "make-key")
        assert "It has a key in its URL, not used yet." in ringfence("phone", "https", MAC, "show")
        ringfence.refused(3, "phone", "https", MAC, "make-key", "--from", "nonsense")
        ringfence.refused(3, "phone", "https", MAC, "forget-key")
        assert "opens nothing any more" in ringfence("phone", "https", MAC, "forget-key", "--yes")
        ringfence.refused(4, "phone", "https", MAC, "forget-key", "--yes")
    finally:
        config.phones_old_listen = config.phones_old_url = ""


def test_a_phone_that_nobody_has_is_named(ringfence: CommandLine) -> None:
    for action in ("show", "make-key"):
        ringfence.refused(4, "phone", "https", "00:1B:54:CF:FF:FE", action)
