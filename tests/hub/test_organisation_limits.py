"""Limits of organisations: reached at every door, told with who can raise them, and never in anybody else's way."""

import hashlib

import pytest

from ringfence.content.digests import Digest
from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.errors import OrganisationFull, UnknownOrganisation
from ringfence.hub.fleet import api_tokens, assets, bulk, organisation_use, organisations, phones, sites, uploads
from ringfence.hub.fleet.assets import UploadedAsset
from ringfence.hub.fleet.bulk import BulkPhone
from ringfence.hub.store import organisation_limits
from ringfence.phones.assets.kinds import AssetKind
from ringfence.phones.mac import Mac
from support.running_hub import Answer, RunningHub
from support.uploading import upload

ACME = {"Ringfence-Organisation": "acme"}
MACS = [f"00:1B:54:C2:9A:{number:02X}" for number in range(20)]


def ask(running: RunningHub, method: str, path: str, body: object = None) -> Answer:
    return running.ask(method, path, body, headers=ACME)


def refused(answer: Answer, word: str) -> None:
    assert answer.status == 409, answer.data
    assert f"it has reached its limit of {word}" in answer.json["what"]
    assert "ask whoever runs the hub for more: ringfence organisation limit acme" in answer.json["to_do"]


def test_every_door_is_shut_by_the_same_words(running: RunningHub) -> None:
    running.do("POST", "/organisations", {"id": "acme", "name": "ACME"})
    most = {"sites": 1, "phones": 2, "people": 1, "tokens": 1}
    running.do("PATCH", "/organisations/acme/limits", most)
    assert ask(running, "POST", "/sites", {"name": "One"}).status == 201
    refused(ask(running, "POST", "/sites", {"name": "Two"}), "sites")
    for mac in MACS[:2]:
        assert ask(running, "POST", "/phones", {"mac": mac, "site": "one", "model": "9971"}).status == 201
    refused(ask(running, "POST", "/phones", {"mac": MACS[2], "site": "one", "model": "9971"}), "phones")
    item = {"mac": MACS[3], "site": "one", "model": "9971", "lines": [{"index": 1, "name": "201"}]}
    for dry_run in (True, False):
        refused(ask(running, "POST", "/phones/bulk", {"phones": [item], "dry_run": dry_run}), "phones")
    made = {"phones": [{**item, "site": "three"}], "make_sites": True, "dry_run": False}
    assert ask(running, "POST", "/phones/bulk", made).status == 409
    assert ask(running, "POST", "/api-tokens", {"name": "one", "role": "read"}).status == 201
    refused(ask(running, "POST", "/api-tokens", {"name": "two", "role": "read"}), "tokens")
    assert ask(running, "POST", "/people", {"name": "anna@acme.example.org", "role": "support"}).status == 201
    refused(ask(running, "POST", "/people", {"name": "ben@acme.example.org", "role": "support"}), "people")

    draft = ask(running, "POST", "/drafts", {"name": "More phones"}).json["id"]
    inside = {**ACME, "Ringfence-Draft": draft}
    refused(running.ask("POST", "/phones", {"mac": MACS[4], "site": "one", "model": "9971"}, headers=inside), "phones")

    shown = {each["limit"]: (each["used"], each["most"]) for each in running.do(
        "GET", "/organisations/acme/limits")["limits"]}  # fmt: skip
    assert shown == {
        "sites": (1, 1), "phones": (2, 2), "people": (1, 1), "tokens": (1, 1), "storage_bytes": (0, None),
    }  # fmt: skip
    own = ask(running, "GET", "/organisations/-/limits").json
    assert own["organisation"] == "acme"
    assert running.ask("POST", "/sites", {"name": "Main is not limited"}).status == 201

    assert ask(running, "DELETE", f"/phones/{MACS[0]}").status == 204
    assert ask(running, "POST", "/phones", {"mac": MACS[2], "site": "one", "model": "9971"}).status == 201
    running.do("PATCH", "/organisations/acme/limits", {"phones": None})
    assert ask(running, "POST", "/phones", {"mac": MACS[0], "site": "one", "model": "9971"}).status == 201
    running.do("PATCH", "/organisations/acme/limits", {"phones": 1})
    assert ask(running, "PATCH", f"/phones/{MACS[0]}", {"description": "Still there"}).status == 200
    assert running.ask("PATCH", "/organisations/acme/limits", {"phones": -1}).status == 422


def test_only_whoever_runs_the_hub_sets_limits(running: RunningHub) -> None:
    running.do("POST", "/organisations", {"id": "beta", "name": "Beta"})
    body = {"name": "owner", "role": "owner"}
    owner = running.ask("POST", "/api-tokens", body, headers={"Ringfence-Organisation": "beta"}).json["token"]
    for path in ("/organisations/beta/limits", "/organisations/-/limits"):
        assert running.ask("PATCH", path, {"sites": 9}, token=owner).status in {403, 405}
    assert running.ask("GET", "/organisations/main/limits", token=owner).status == 403
    assert running.ask("GET", "/organisations/-/limits", token=owner).json["organisation"] == "beta"


@pytest.fixture
def acme(idle: Hub) -> Hub:
    """An organisation of a hub that nobody serves, with a site."""
    with within.everywhere(idle).change("test") as change:
        organisations.create(change, "acme", "ACME")
    hub = within.organisation(idle, "acme")
    with hub.change("test") as change:
        sites.create(change, hub.signers, "One")
    return hub


def limit(hub: Hub, **most: int | None) -> None:
    with within.everywhere(hub).change("test") as change:
        organisation_use.limit(change, "acme", most)


def test_rows_that_are_inserted_at_once_and_replaced_ones_count(acme: Hub) -> None:
    limit(acme, phones=2)
    items = [BulkPhone(mac, "one", "9971", "", "", {}, [], row) for row, mac in enumerate(MACS[:3], 2)]
    with pytest.raises(OrganisationFull, match="may have 2 phones, and would have 3"):
        bulk.take(acme, "test", items, site_settings={}, dry_run=True)
    assert len(bulk.take(acme, "test", items[:2], site_settings={}, dry_run=False).added) == 2
    with acme.change("test") as change:
        phones.remove(change, Mac.parse(MACS[0]))
        phones.add(change, Mac.parse(MACS[2]), "acme.one", "9971", "")
    limit(acme, phones=1)
    with acme.change("test") as change:  # more than it may have since, and no more than before
        phones.remove(change, Mac.parse(MACS[2]))
        phones.add(change, Mac.parse(MACS[0]), "acme.one", "9971", "")


def test_whoever_writes_as_an_organisation_is_removed_leaves_nothing_in_it(acme: Hub) -> None:
    """A request whose token was looked at before, and whose change waited for the removal."""
    with within.everywhere(acme).change("test") as change:
        organisations.remove(change, "acme", with_all=True)
    with pytest.raises(UnknownOrganisation, match="organisation acme is removed"), acme.change("test") as change:
        sites.create(change, acme.signers, "Late")
    with pytest.raises(UnknownOrganisation), acme.change("test") as change:
        api_tokens.create(change, "late", "owner")
    with acme.database.reading() as session:
        assert sites.find(session, "Late") is None
        assert list(api_tokens.find(session, hubwide_too=True)) == []


def test_revoked_tokens_are_none(acme: Hub) -> None:
    limit(acme, tokens=1)
    with acme.change("test") as change:
        first, _text = api_tokens.create(change, "first", "read")
    with pytest.raises(OrganisationFull), acme.change("test") as change:
        api_tokens.create(change, "second", "read")
    with acme.change("test") as change:
        api_tokens.revoke(change, api_tokens.get(change.session, first.id, hubwide_too=False))
        api_tokens.create(change, "second", "read")


def test_firmware_and_assets_count_once_and_uploads_for_a_day(acme: Hub) -> None:
    data = b"x" * 600
    digest = Digest(hashlib.sha256(data).hexdigest())
    limit(acme, storage_bytes=1000)
    upload(acme, {digest: data})
    other = b"y" * 600
    with pytest.raises(OrganisationFull, match=r"1,000 bytes of firmware and assets, and would have 1,200"):
        upload(acme, {Digest(hashlib.sha256(other).hexdigest()): other})
    with acme.database.reading() as session:
        room = uploads.room(session, acme.clock())
    room.check(400)
    with pytest.raises(OrganisationFull):
        room.check(401)
    files = [UploadedAsset(name, digest, len(data), "") for name in ("a.raw", "b.raw")]
    with acme.change("test") as change:
        bell = assets.add(change, acme.blobs, AssetKind.RING, "Bell", "test", files).id

    def used(after_s: float = 0.0) -> int:
        with acme.database.reading() as session:
            found = organisation_use.find(session, "acme", acme.clock() + after_s)
        return next(each.used for each in found if each.limit is organisation_limits.STORAGE)

    assert used() == used(organisation_limits.ON_ITS_WAY_S + 1) == 600
    with acme.change("test") as change:
        assets.remove(change, bell)
    assert (used(), used(organisation_limits.ON_ITS_WAY_S + 1)) == (600, 0)


def test_an_upload_is_refused_before_its_bytes_are_taken(running: RunningHub) -> None:
    running.do("POST", "/organisations", {"id": "gamma", "name": "Gamma"})
    running.do("PATCH", "/organisations/gamma/limits", {"storage_bytes": 2})
    data = b"foo of gamma"
    digest = hashlib.sha256(data).hexdigest()
    headers = {"Ringfence-Organisation": "gamma", "Authorization": f"Bearer {running.token.reveal()}"}
    answer = running.at("PUT", f"/api/v1/uploads/{digest}", headers, data)
    assert answer.status == 409
    assert "limit of storage" in answer.json["what"]
    assert not running.hub.blobs.has(Digest(digest))
