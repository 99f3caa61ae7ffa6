"""Assets reach the sites whose phones can have them, in lists that name them."""

import hashlib
from collections.abc import Iterator
from typing import Protocol

import pytest
from lxml import etree

from support.running_hub import RunningHub

MAC = "00:1B:54:D2:00:{:02X}"


class Bring(Protocol):
    def __call__(self, kind: str, name: str, *files: tuple[str, bytes, str]) -> str: ...


@pytest.fixture
def bring(running: RunningHub) -> Iterator[Bring]:
    """Bring an asset to the hub until the test's end: whoever has assets has those of all sites."""
    brought: list[str] = []

    def bring_one(kind: str, name: str, *files: tuple[str, bytes, str]) -> str:
        listed = []
        for file_name, data, variant in files:
            digest = hashlib.sha256(data).hexdigest()
            assert running.raw("PUT", f"/api/v1/uploads/{digest}", data).status in {200, 201}
            listed.append({"name": file_name, "digest": digest, "length": len(data), "variant": variant})
        asset = running.do("POST", "/assets", {"kind": kind, "name": name, "source": "test", "files": listed})
        brought.append(str(asset["id"]))
        return brought[-1]

    yield bring_one
    for asset in brought:
        running.ask("DELETE", f"/assets/{asset}")


def names(hub: RunningHub, site: str) -> set[str]:
    number = hub.do("GET", f"/sites/{site}/releases")["items"][0]["number"]
    return {file["name"] for file in hub.do("GET", f"/sites/{site}/releases/{number}")["files"]}


def test_each_site_gets_what_its_phones_can_have(running: RunningHub, bring: Bring) -> None:
    old, new = running.site("Old phones"), running.site("New phones")
    running.phone(old, MAC.format(1), "7945")
    running.phone(new, MAC.format(2), "8851")
    ring = bring("ring tone", "Door bell", ("Door-bell.raw", b"r" * 300, "MULAW_8K"),
                 ("Door-bell.rwb", b"w" * 600, "LINEAR_16K"))  # fmt: skip
    folder = "Desktops/320x212x16"
    bring("wallpaper", "Sea", (f"{folder}/Sea.png", b"large", folder), (f"{folder}/Sea-tn.png", b"small", folder))
    bring("language", "German_Germany", ("German_Germany/be-sip.jar", b"PK jar", "be-sip.jar"))
    running.publish(sites=[old, new])
    assert names(running, old) == {
        "SEP001B54D20001.cnf.xml", "Door-bell.raw", "Ringlist.xml", f"{folder}/Sea.png", f"{folder}/Sea-tn.png",
        f"{folder}/List.xml",
    }  # fmt: skip
    assert names(running, new) == {"SEP001B54D20002.cnf.xml", "Door-bell.rwb", "Ringlist-wb.xml"}
    running.do("PUT", f"/settings/sites/{old}/user_locale", {"value": "German_Germany"})
    (change,) = running.publish(sites=[old])["sites"]
    assert "German_Germany/be-sip.jar" in {file["name"] for file in change["files"]}
    diffs = {file["name"]: file["diff"] for site in running.publish(sites=[old])["sites"] for file in site["files"]}
    assert diffs == {}
    running.do("DELETE", f"/assets/{ring}")
    running.publish(sites=[old, new])
    assert "Ringlist.xml" not in names(running, old)
    assert running.ask("DELETE", f"/assets/{ring}").json["kind"] == "unknown-asset"


def test_the_list_names_the_file(running: RunningHub, bring: Bring) -> None:
    site = running.site("Listed")
    running.phone(site, MAC.format(11), "7942")
    bring("ring tone", "A & B", ("A-B.raw", b"x" * 300, "MULAW_8K"))
    running.publish(sites=[site])
    files = {file["name"]: file for file in running.do("GET", f"/sites/{site}/releases/1")["files"]}
    rings = etree.fromstring(running.hub.blobs.get(files["Ringlist.xml"]["digest"]))
    assert [(ring.findtext("DisplayName"), ring.findtext("FileName")) for ring in rings] == [("A & B", "A-B.raw")]
    assert (files["A-B.raw"]["kind"], files["A-B.raw"]["owner"]) == ("shared", None)


@pytest.mark.parametrize("name", ["../x.raw", "/x.raw", "a//b.raw"])
def test_a_name_that_phones_can_not_ask_for_is_refused(running: RunningHub, name: str) -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    running.raw("PUT", f"/api/v1/uploads/{digest}", b"x")
    file = {"name": name, "digest": digest, "length": 1, "variant": "MULAW_8K"}
    answer = running.ask("POST", "/assets", {"kind": "ring tone", "name": "x", "source": "t", "files": [file]})
    assert answer.json["kind"] == "bad-name"
