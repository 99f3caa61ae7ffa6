"""The link to an Asterisk that behaves as the real one does: late, dropped and refused reloads, and no empty lists."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ringfence.hub.errors import PbxRefused, PbxUnavailable
from ringfence.hub.telephony.pbx import asterisk as module
from ringfence.hub.telephony.pbx.asterisk import Asterisk
from ringfence.hub.telephony.pbx.connection import PbxAccess
from ringfence.hub.telephony.pbx.port import Credential
from ringfence.phones.mac import Mac
from ringfence.phones.sip.pbx_accounts import SipAccount
from ringfence.secret import Secret
from support.asterisk_manager import AsteriskManager, running_manager

ANNA, BEN = Mac("001B54C2F001"), Mac("001B54C2F002")
OLD, NEW = Secret("0ldSecret"), Secret("N3wSecret")
ACCOUNTS = [
    SipAccount(ANNA, 1, "201", "Anna", "anna", OLD),
    SipAccount(ANNA, 2, "202", "Anna 2", "anna", OLD),
    SipAccount(BEN, 1, "301", "Ben", "301", Secret("Ben")),
]
BOTH = Credential("anna", ("201", "202"), (NEW, OLD))
ALONE = Credential("anna", ("201", "202"), (NEW,))


@pytest.fixture
def manager() -> Iterator[AsteriskManager]:
    with running_manager() as made:
        made.take(ACCOUNTS)
        yield made


def link(manager: AsteriskManager) -> Asterisk:
    return Asterisk(f"ami://127.0.0.1:{manager.port}", "ringfence", Secret("x"), PbxAccess(("127.0.0.0/8",)))


def test_both_secrets_are_accepted_until_the_old_one_ends(manager: AsteriskManager) -> None:
    link(manager).accept("", [BOTH])
    assert manager.accepts("201") == manager.accepts("202") == ["N3wSecret", "0ldSecret"]
    assert manager.accepts("301") == ["Ben"]
    link(manager).accept("", [ALONE])
    assert manager.accepts("201") == manager.accepts("202") == ["N3wSecret"]
    assert [name for name, options in manager.file if options["type"] == "auth"] == ["auth-anna", "auth-301"]
    assert "yes" not in manager.names("Reload"), "that would reload everything, or nothing"
    assert set(manager.names("Module")) == {"res_pjsip.so"}


def test_an_export_made_during_a_rotation_survives_its_end(manager: AsteriskManager) -> None:
    manager.take([replace(each, password=NEW, old_password=OLD) for each in ACCOUNTS[:2]] + ACCOUNTS[2:])
    assert manager.accepts("202") == ["N3wSecret", "0ldSecret"]
    link(manager).accept("", [ALONE])
    assert manager.accepts("201") == manager.accepts("202") == ["N3wSecret"]


@pytest.mark.parametrize(
    "trouble",
    [{"reload_takes_s": 0.4}, {"drops_reloads": 1}, {"drops_reloads": 2, "reload_takes_s": 0.2}],
    ids=["late", "dropped", "late and dropped"],
)
def test_what_is_accepted_is_in_force_when_the_call_returns(
    manager: AsteriskManager, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, float]
) -> None:
    monkeypatch.setattr(module, "_RELOAD_AGAIN_S", 0.5)
    for name, value in trouble.items():
        setattr(manager, name, value)
    link(manager).accept("", [BOTH])
    assert manager.accepts("201") == ["N3wSecret", "0ldSecret"]


def test_a_reload_that_is_refused_while_another_runs_is_asked_for_again(
    manager: AsteriskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RELOAD_AGAIN_S", 0.2)
    manager.busy_for(0.5)
    link(manager).accept("", [ALONE])
    assert manager.accepts("201") == ["N3wSecret"]


def test_a_file_that_pjsip_never_loads_is_said(manager: AsteriskManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RELOAD_AGAIN_S", 0.1)
    monkeypatch.setattr(module, "_LOADED_WITHIN_S", 0.3)
    manager.drops_reloads = 1000
    with pytest.raises(PbxUnavailable, match="has not loaded"):
        link(manager).accept("", [ALONE])


def test_many_phones_are_changed_by_few_actions_and_no_header_is_lost(manager: AsteriskManager) -> None:
    accounts = [SipAccount(Mac(f"001B54C2{at:04X}"), 1, f"1{at:03}", "Phone", f"1{at:03}", OLD) for at in range(100)]
    manager.take(accounts)
    link(manager).accept("", [Credential(each.name, (each.name,), (NEW, OLD)) for each in accounts])
    assert {tuple(manager.accepts(each.name)) for each in accounts} == {("N3wSecret", "0ldSecret")}
    assert manager.names("Action").count("UpdateConfig") < 40
    assert manager.names("Action").count("Reload") == 1


@pytest.mark.parametrize("password", [">a", ">>a", "a\\b", "a;b", "=a"])
def test_asterisk_gets_the_password_that_the_phone_has(manager: AsteriskManager, password: str) -> None:
    link(manager).accept("", [Credential("anna", ("201", "202"), (Secret(password), OLD))])
    assert manager.accepts("201") == [password, "0ldSecret"]


def test_lines_that_shared_a_section_get_their_own(manager: AsteriskManager) -> None:
    link(manager).accept("", [Credential("anna", ("202",), (NEW,))])
    assert (manager.accepts("201"), manager.accepts("202")) == (["0ldSecret"], ["N3wSecret"])


def test_a_line_that_asterisk_does_not_have_changes_nothing(manager: AsteriskManager) -> None:
    before = manager.file
    with pytest.raises(PbxRefused, match="has no endpoint 999"):
        link(manager).accept("", [ALONE, Credential("x", ("999",), (NEW,))])
    assert manager.file == before


def test_nobody_registered_is_no_fault(manager: AsteriskManager) -> None:
    assert link(manager).contacts("201") == []


def test_a_registration_is_told_from_the_one_before(manager: AsteriskManager) -> None:
    marks = set()
    for call_id, ends_at in (("a", 1000), ("a", 1060), ("b", 1060)):
        assert manager.register("201", "0ldSecret", call_id, ends_at)
        marks.add(link(manager).contacts("201")[0].mark)
        assert link(manager).contacts("201")[0].mark in marks, "it is the same as long as nobody registers"
    assert len(marks) == 3


@pytest.mark.parametrize(
    ("version", "count"),
    [("22.2.0", 2), ("22.1.1", 1), ("20.12.0", 2), ("20.5.0", 1), ("21.7.3", 2), ("18.26.4", 1), ("23.0.0", 2),
     ("certified/20.7-cert5", 1), ("GIT-master-abc", 1)],
)  # fmt: skip
def test_two_secrets_at_once_need_an_asterisk_that_challenges_once(
    manager: AsteriskManager, version: str, count: int
) -> None:
    manager.version = version
    assert link(manager).passwords_at_once() == count


def test_an_account_without_the_rights_is_told_so(manager: AsteriskManager) -> None:
    assert link(manager).check() == "22.2.0"
    for rights, missing in (({"system"}, "UpdateConfig"), ({"config"}, "PJSIPShowContacts"), ({"call"}, "Reload")):
        manager.rights = frozenset(rights)
        with pytest.raises(PbxRefused, match=missing):
            link(manager).check()
    with pytest.raises(PbxRefused, match="GetConfig: Permission denied"):
        link(manager).accept("", [ALONE])


def test_who_is_in_a_call_is_told(manager: AsteriskManager) -> None:
    first, second = sorted({name for name, options in manager.loaded if options["type"] == "endpoint"})[:2]
    assert link(manager).in_calls() == frozenset()
    manager.calls = {first: "In use", second: "Unavailable"}
    assert link(manager).in_calls() == frozenset({first})
    for state in ("Ringing", "Ring+Inuse", "On Hold", "Busy"):
        manager.calls[second] = state
        assert link(manager).in_calls() == frozenset({first, second})
