"""Secrets that the hub has changed at a real Kamailio, which is stopped and started again."""

from pathlib import Path

import pytest

from ringfence.hub.telephony.pbx.connection import PbxAccess
from ringfence.hub.telephony.pbx.kamailio import Kamailio as KamailioLink
from ringfence.hub.telephony.pbx.port import Credential
from ringfence.phones.mac import Mac
from ringfence.phones.sip.digest import ha1
from ringfence.phones.sip.pbx_accounts import PbxKind, SipAccount, export
from ringfence.secret import Secret
from support.kamailio_server import REALM, Kamailio, running_kamailio

pytestmark = [pytest.mark.slow, pytest.mark.needs("kamailio")]
ANNA = Mac("001B54C2F001")
OLD, NEW = Secret("0ldSecret"), Secret("N3wSecret")


def accepted(server: Kamailio) -> dict[str, str]:
    return {
        row["name"]: row["value"]
        for slot in server.call("htable.dump", "credentials")["result"]
        for row in slot["slot"]
    }


def test_a_change_outlives_a_restart(tmp_path: Path) -> None:
    accounts = [SipAccount(ANNA, 1, "201", "Anna", "201", OLD), SipAccount(ANNA, 2, "202", "Anna", "202", NEW, OLD)]
    with running_kamailio(tmp_path, export(accounts, PbxKind.KAMAILIO, REALM)) as server:
        link = KamailioLink(server.rpc_url, Secret(""), PbxAccess(("127.0.0.0/8",)))
        both, alone = Credential("201", ("201",), (NEW, OLD)), Credential("202", ("202",), (NEW,))
        link.accept(REALM, [both, alone])
        before = accepted(server)
    hashes = {"201::0": ha1("201", REALM, NEW), "201::1": ha1("201", REALM, OLD), "202::0": ha1("202", REALM, NEW)}
    assert before == {name: value.reveal() for name, value in hashes.items()}
    with running_kamailio(tmp_path, {}) as server:
        assert accepted(server) == before
