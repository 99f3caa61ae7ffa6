"""What runs beside ocserv: files first, then who has to go; nothing changes while the hub is away."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from ringfence.cli.support.api import PeoplesApi
from ringfence.cli.support.errors import HubAway
from ringfence.cli.support.vpn_follower import OcservAwayError, VpnFollower

ANNA, BERT = "SEP001122334401", "SEP001122334402"


class Hub:
    """Answers as the hub does; Any: JSON."""

    def __init__(self, *answers: dict[str, Any] | None) -> None:
        self.answers = list(answers)
        self.told: list[object] = []

    def get(self, _path: str, **_query: object) -> dict[str, Any]:
        answer = self.answers.pop(0)
        if answer is None:
            raise HubAway("the hub can't be reached")
        return answer

    def post(self, _path: str, body: object) -> dict[str, Any]:
        self.told.append(body)
        return {}


class FakeOcserv:
    """ocserv with some phones connected; it looks at the files whenever it is asked to do something."""

    def __init__(self, folder: Path, *connected: str) -> None:
        self.folder, self.there, self.did = folder, set(connected), list[str]()
        self.is_away = False

    def connected(self) -> Sequence[str]:
        if self.is_away:
            raise OcservAwayError("occtl: no socket")
        return sorted(self.there)

    def disconnect(self, user: str) -> None:
        self.did.append(f"{user} out, list: {(self.folder / 'users').read_text().split()}")
        self.there.discard(user)

    def reload(self) -> None:
        self.did.append("reload")


def answer(version: str, *users: str, revoked: dict[str, int] | None = None, **files: str) -> dict[str, Any]:
    texts = {
        "users": "".join(f"{user}\n" for user in users),
        **{name.replace("_", "."): t for name, t in files.items()},
    }
    return {"version": version, "files": texts, "users": list(users), "revoked": revoked or {}, "certificate": "ab"}


def follower(folder: Path, hub: Hub, ocserv: FakeOcserv) -> tuple[VpnFollower, list[str]]:
    said: list[str] = []
    made = VpnFollower(cast("PeoplesApi", hub), "berlin", folder, ocserv, lambda: "ab" * 32, said.append, lambda: 0.0)
    return made, said


def test_files_are_there_before_anybody_is_disconnected(tmp_path: Path) -> None:
    hub, ocserv = Hub(answer("1", ANNA, BERT), answer("2", ANNA)), FakeOcserv(tmp_path, ANNA, BERT, "admin")
    made, _said = follower(tmp_path, hub, ocserv)
    made.turn()
    assert ocserv.did == []
    made.turn()
    assert ocserv.did == [f"{BERT} out, list: ['{ANNA}']"]
    assert ocserv.there == {ANNA, "admin"}, "who is no phone is none of ours"
    assert hub.told == [{"fingerprint": "ab" * 32, "follows": True}], "once in a while"


def test_who_lost_one_of_two_certificates_has_to_show_the_other(tmp_path: Path) -> None:
    first, second = answer("1", ANNA, revoked_pem="a"), answer("2", ANNA, revoked={ANNA: 1}, revoked_pem="b")
    ocserv = FakeOcserv(tmp_path, ANNA)
    made, _said = follower(tmp_path, Hub(first, second), ocserv)
    made.turn()
    ocserv.did.clear()
    made.turn()
    assert ocserv.did == ["reload", f"{ANNA} out, list: ['{ANNA}']"]


def test_no_file_is_written_but_those_of_users(tmp_path: Path) -> None:
    hostile = answer("1", ANNA)
    hostile["files"] |= {"../evil": "x", "ocserv.conf": "x", "ringfence-connect": "x", "/etc/passwd": "x"}
    folder = tmp_path / "ocserv"
    made, _said = follower(folder, Hub(hostile), FakeOcserv(folder))
    made.turn()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["users"]


def test_while_the_hub_or_ocserv_is_away_nothing_is_undone(tmp_path: Path) -> None:
    ocserv = FakeOcserv(tmp_path, BERT)
    made, said = follower(tmp_path, Hub(answer("1", ANNA), None, answer("1", ANNA)), ocserv)
    ocserv.is_away = True
    made.turn()
    assert "ocserv: occtl: no socket" in said
    with pytest.raises(HubAway):
        made.turn()
    assert (tmp_path / "users").read_text() == f"{ANNA}\n"
    ocserv.is_away = False
    made.turn()
    assert ocserv.there == set(), "who had to go then goes now"
