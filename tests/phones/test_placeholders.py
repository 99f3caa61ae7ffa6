"""Templates are told from files that are filled in."""

import pytest

from ringfence.phones.importing.placeholders import is_placeholder


@pytest.mark.parametrize(
    "text",
    ["{{ password }}", "{$user}", "${HOST}", "%%SERVER%%", "__SECRET__", "PASSWORD", "IP ADDRESS", "your_password",
     "x.x.x.x", "xxx", "...", "YOUR-SERVER-HERE", "PEERNAME", "<secret>",
     "!!!ASTERISK!!!", "###your server###", "#EXT NUM#", "#8 CHAR PASSWORD#", "SECRET_PASSWORD",
     "IP Phone Extension Password", "[=== FreePBX IP===]", "[== SIP PASSWORD ==]", "_IPPBX_"],
)  # fmt: skip
def test_what_is_to_be_filled_in_is_told(text: str) -> None:
    assert is_placeholder(text)
    assert is_placeholder(text, is_secret=True)


@pytest.mark.parametrize("text", ["$user", "%user%", "@name@", "[name]", "{name}", "#user name#"])
def test_light_marks_may_be_passwords(text: str) -> None:
    assert is_placeholder(text)
    assert not is_placeholder(text, is_secret=True)


@pytest.mark.parametrize(
    "text",
    ["", "201", "user1", "asterisk", "server", "pbx-server", "password", "changeme", "host1", "anna", "P4SS-W0RD",
     "10.0.0.1", "*98", "##", "#31#", "!!a!!b"],
)  # fmt: skip
def test_values_are_none(text: str) -> None:
    assert not is_placeholder(text)
