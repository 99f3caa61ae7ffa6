"""Portable bundles at the hub: who they are for, what the hub keeps of them, and the way to newer ones."""

import base64
from itertools import count
from pathlib import Path

import pytest

from ringfence.hub.people import bundle_downloads
from ringfence.portable import primitives
from ringfence.portable.age_identity import Identity
from ringfence.portable.bundle import OpenBundle, open_bundle
from support.portable_home import new_identity
from support.running_hub import Answer, Json, RunningHub

PASSPHRASE = "correct horse battery staple"
SIP_SECRET = "Annas-Secret-3197"
IDENTITY, _LOCK, IDENTITY_TEXT = new_identity()
RECIPIENT = _LOCK.recipient
_numbers = count(0x001B54C2C401)


@pytest.fixture(autouse=True)
def _fresh_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_downloads, "_lately", {})  # whose minutes never end, however slow the machine is


@pytest.fixture
def home(running: RunningHub) -> tuple[str, str]:
    """A site with one phone, published; the site's id and the phone's address."""
    mac = f"{next(_numbers):012X}"
    site = running.site(f"Home of {mac}")
    running.phone(site, mac)
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "password": SIP_SECRET})
    running.publish(sites=[site])
    return site, mac


def made(running: RunningHub, **body: object) -> Json:
    return running.do("POST", "/bundles", {"recipient": RECIPIENT, **body})


def written(running: RunningHub, row: Json, to: Path) -> Path:
    answer = running.ask("POST", f"/bundles/{row['id']}/file")
    assert answer.status == 200
    assert answer.headers["etag"] == f'"{running_row(running, row)["number"]}"'
    to.write_bytes(answer.data)
    return to


def running_row(running: RunningHub, row: Json) -> Json:
    rows = running.do("GET", f"/bundles?site={row['site']}")["items"]
    return next(each for each in rows if each["id"] == row["id"])


def opened(running: RunningHub, path: Path, opener: Identity = IDENTITY) -> OpenBundle:
    key = bytes.fromhex(running.do("GET", "/bundles/key")["signing_key"])
    return open_bundle(path, opener, key, primitives.compiled())


def asked(running: RunningHub, password: str, known: int | None = None) -> Answer:
    token = base64.b64encode(f"portable:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", **({} if known is None else {"If-None-Match": f'"{known}"'})}
    return running.at("GET", "/portable.rfb", headers)


def test_a_bundle_has_what_its_phone_may_fetch(running: RunningHub, home: tuple[str, str], tmp_path: Path) -> None:
    site, mac = home
    other = f"{next(_numbers):012X}"
    running.phone(site, other)
    running.publish(sites=[site])
    row = made(running, mac=mac, name="Anna", days=7)
    assert (row["site"], row["number"], row["release"], row["opened_by"]) == (site, 1, 2, RECIPIENT)
    with opened(running, written(running, row, tmp_path / "anna.rfb")) as bundle:
        manifest = bundle.manifest
        assert [phone.mac for phone in manifest.phones] == [mac]
        assert {file.owner for file in manifest.files} <= {mac, None}
        own = next(file for file in manifest.files if file.name == f"SEP{mac}.cnf.xml")
        assert SIP_SECRET.encode() in bundle.read(own, 0, own.length)
        assert manifest.watch == row["url"] == f"{running.hub.people_url}/portable.rfb"
        assert manifest.expires_at == pytest.approx(manifest.made_at + 7 * 86_400)
    whole = made(running, site=site)
    with opened(running, written(running, whole, tmp_path / "site.rfb")) as bundle:
        assert [phone.mac for phone in bundle.manifest.phones] == sorted([mac, other])


def test_the_hub_keeps_neither_passphrase_nor_identity_nor_password(
    running: RunningHub, home: tuple[str, str], tmp_path: Path
) -> None:
    row = running.do("POST", "/bundles", {"mac": home[1], "passphrase": PASSPHRASE})
    assert row["opened_by"] == "passphrase"
    first = written(running, row, tmp_path / "1.rfb")
    key = bytes.fromhex(running.do("GET", "/bundles/key")["signing_key"])
    with open_bundle(first, PASSPHRASE.encode, key, primitives.compiled()) as bundle:
        identity = bundle.opener
    with opened(running, written(running, row, tmp_path / "2.rfb"), identity) as again:
        assert again.manifest.number == 1
    kept = b"".join(path.read_bytes() for path in running.folder.path.rglob("*") if path.is_file())
    for secret in (PASSPHRASE.encode(), identity.secret, row["download_password"].encode()):
        assert secret not in kept
        assert base64.b64encode(secret).rstrip(b"=") not in kept


def test_a_newer_release_has_a_newer_number_and_the_same_opener(
    running: RunningHub, home: tuple[str, str], tmp_path: Path
) -> None:
    site, mac = home
    row = made(running, mac=mac)
    assert asked(running, row["download_password"], 1).status == 304
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "label": "Anna at home"})
    running.publish(sites=[site])
    answer = asked(running, row["download_password"], 1)
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    (file := tmp_path / "newer.rfb").write_bytes(answer.data)
    with opened(running, file) as bundle:
        assert (bundle.manifest.number, bundle.manifest.release) == (2, 2)
    assert asked(running, row["download_password"], 2).status == 304
    with running.clock.forward(16 * 86_400):
        assert asked(running, row["download_password"], 2).headers["etag"] == '"3"'
    assert running_row(running, row)["last_fetched_at"] is not None
    assert running.newest_action()[0] == "bundle.renew"


def test_a_download_is_for_its_password_alone_and_paced(running: RunningHub, home: tuple[str, str]) -> None:
    row = made(running, mac=home[1])
    for password in ("", "rfd_guess", row["download_password"] + "x", "rft_token", "ä" * 200):
        assert asked(running, password).status == 401
    assert running.at("GET", "/portable.rfb", {}).headers["www-authenticate"].startswith("Basic")
    for header in ("Bearer x", "Basic", "Basic %%%", "Basic " + "A" * 9_000):
        assert running.at("GET", "/portable.rfb", {"Authorization": header}).status in {401, 431}
    statuses = [asked(running, row["download_password"]).status for _ in range(bundle_downloads.MOST_A_MINUTE + 1)]
    assert statuses == [200] * bundle_downloads.MOST_A_MINUTE + [429]
    assert asked(running, row["download_password"], 1).status == 304


def test_what_is_revoked_is_made_no_more(running: RunningHub, home: tuple[str, str]) -> None:
    row = made(running, mac=home[1])
    revoked = running.do("POST", f"/bundles/{row['id']}/revoke")
    assert revoked["revoked_at"] is not None
    assert running.newest_action() == ("bundle.revoke", row["id"])
    assert asked(running, row["download_password"]).status == 401
    problem = running.ask("POST", f"/bundles/{row['id']}/file")
    assert (problem.status, problem.problem.kind) == (409, "bundle-revoked")
    assert running.do("POST", f"/bundles/{row['id']}/revoke")["revoked_at"] == revoked["revoked_at"]


@pytest.mark.parametrize(("body", "kind"), [
    ({"site": "nowhere"}, "unknown-site"),
    ({"mac": "00:1B:54:C2:FF:FF"}, "unknown-phone"),
    ({"mac": "nothing"}, "bad-mac"),
    ({"passphrase": "short", "recipient": ""}, "bad-passphrase"),
    ({"passphrase": "line one\nline two", "recipient": ""}, "bad-passphrase"),
    ({"passphrase": PASSPHRASE}, "bad-passphrase"),
    ({"recipient": "age1nothing"}, "bad-passphrase"),
    ({"days": 0}, "bad-bundle"),
    ({"days": 367}, "bad-bundle"),
])  # fmt: skip
def test_what_can_be_no_bundle_is_refused(
    running: RunningHub, home: tuple[str, str], body: dict[str, object], kind: str
) -> None:
    answer = running.ask("POST", "/bundles", {"site": home[0], "recipient": RECIPIENT, **body})
    assert answer.problem.kind == kind
    assert not running.do("GET", f"/bundles?site={home[0]}")["items"]


def test_nothing_to_serve_is_no_bundle(running: RunningHub, home: tuple[str, str]) -> None:
    empty = running.site("A home without phones")
    assert running.ask("POST", "/bundles", {"site": empty, "recipient": RECIPIENT}).problem.kind == "bad-bundle"
    answer = running.ask("POST", "/bundles", {"site": empty, "mac": home[1], "recipient": RECIPIENT})
    assert "is not at site" in answer.problem.what


def test_the_program_is_for_this_hub(running: RunningHub) -> None:
    program = running.ask("GET", "/bundles/portable")
    assert program.status == 200
    assert program.headers["content-disposition"] == 'attachment; filename="ringfence-portable.pyz"'
    assert program.data.startswith(b"#!/usr/bin/env python3\n")


def test_an_unknown_bundle_is_named(running: RunningHub) -> None:
    for action in ("file", "revoke"):
        assert running.ask("POST", f"/bundles/bundle-nothing/{action}").problem.kind == "unknown-bundle"
