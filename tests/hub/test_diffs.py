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
