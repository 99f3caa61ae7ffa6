"""Portable bundles' pages: made, downloaded and revoked in a browser."""

from pathlib import Path

import pytest

from ringfence.portable import primitives
from ringfence.portable.bundle import open_bundle
from support.running_hub import RunningHub
from web.conftest import Person

MAC = "001B54C2E801"

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_a_bundle_is_made_downloaded_and_revoked(running: RunningHub, owner: Person, tmp_path: Path) -> None:
    site = running.site("Home of Anna E801")
    running.phone(site, MAC)
    page = owner.page
    owner.go(f"/bundles/-/new?site={site}")
    page.fill("#passphrase", "short")
    page.click("text=Make it")
    assert "at least 12 characters" in page.locator("main").inner_text()
    assert page.input_value("#subject") == site
    page.fill("#passphrase", "correct horse battery")
    page.click("text=Make it")
    assert "othing has been published" in page.locator("main").inner_text()
    running.publish(sites=[site])
    page.fill("#subject", MAC)
    page.fill("#name", "Anna")
    page.click("text=Make it")
    passphrase = page.inner_text("#passphrase")
    assert page.inner_text("#password").startswith("rfd_")
    with page.expect_download() as download:
        page.click(f"text=Download {MAC}.rfb")
    download.value.save_as(file := tmp_path / "anna.rfb")
    key = bytes.fromhex(running.do("GET", "/bundles/key")["signing_key"])
    with open_bundle(file, passphrase.encode, key, primitives.best()) as bundle:
        assert [phone.mac for phone in bundle.manifest.phones] == [MAC]
    owner.go(f"/sites/{site}")
    page.click("main >> text=Portable bundles")
    assert "Anna" in page.locator("main table").inner_text()
    page.click("main table >> text=Revoke")
    page.click("text=Revoke it")
    assert "revoked" in page.locator("main table").inner_text()
    assert owner.complaints == []
