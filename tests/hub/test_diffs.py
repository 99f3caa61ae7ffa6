"""What people see of a change: every secret is hidden, and what is none is shown."""

import pytest

from ringfence.content.digests import sha256_hex
from ringfence.content.release import Target, TargetKind
from ringfence.hub.publishing import diffs


def diff_of(before: str, after: str) -> str:
    blobs = {sha256_hex(text.encode()): text.encode() for text in (before, after)}
    old, new = (
        Target(
            "SEP001122334455.cnf.xml", sha256_hex(text.encode()), len(text), TargetKind.CONFIGURATION, "001122334455"
        )
        for text in (before, after)
    )
    (change,) = diffs.describe([(old, new)], blobs.__getitem__, ())
    return change.diff


@pytest.mark.parametrize("tag", ["pin", "userPin", "adminPIN", "userpin", "phonePassword", "sshPassphrase", "wifiPSK"])
def test_the_text_of_an_element_that_is_named_as_a_secret_is_hidden(tag: str) -> None:
    shown = diff_of(f"<{tag}>1357</{tag}>\n", f"<{tag}>2468</{tag}>\n")
    assert "1357" not in shown
    assert "2468" not in shown
    assert "[hidden 1]" in shown
    assert "[hidden 2]" in shown


@pytest.mark.parametrize("tag", ["sipInviteRetx", "loadInformation", "featureLabel"])
def test_what_is_no_secret_is_shown(tag: str) -> None:
    shown = diff_of(f"<{tag}>6</{tag}>\n", f"<{tag}>10</{tag}>\n")
    assert f"-<{tag}>6</{tag}>" in shown
    assert f"+<{tag}>10</{tag}>" in shown


@pytest.mark.parametrize(
    "line",
    [
        "account.1.password = {}",
        "static.auto_provision.server.password = {}",
        "static.security.user_password = admin:{}",
        'line1_password: "{}"',
        "phone_password = {}",
        '    <user_pass idx="1" perm="R">{}</user_pass>',
        '<http_client_pass perm="R">{}</http_client_pass>',
    ],
)
def test_a_secret_of_before_is_hidden_too_in_any_format(line: str) -> None:
    """Nobody knows it any more: only the name tells that it is one."""
    shown = diff_of(line.format("was-13") + "\n", line.format("is-24") + "\n")
    assert "13" not in shown
    assert "24" not in shown
    assert "[hidden 1]" in shown
    assert "[hidden 2]" in shown


@pytest.mark.parametrize("line", ["bypass = 13", "dialplan.passthrough: 13", "account.1.label = 13"])
def test_a_parameter_that_is_no_secret_is_shown(line: str) -> None:
    assert f"-{line}" in diff_of(line + "\n", "\n")


def test_a_known_secret_is_hidden_as_text_files_and_as_xml_have_it() -> None:
    blobs = {sha256_hex(b"x"): b"label = a<b&c1\n<label>a&lt;b&amp;c1</label>\n"}
    new = Target("a.cfg", sha256_hex(b"x"), 1, TargetKind.CONFIGURATION, "001122334455")
    (change,) = diffs.describe([(None, new)], blobs.__getitem__, {"a<b&c1"})
    assert "c1" not in change.diff
