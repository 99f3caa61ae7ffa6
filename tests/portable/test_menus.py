"""Where “Alternate TFTP” is typed: what the hub's table of families says of each model reaches the person at home."""

import json

import pytest

from ringfence.hub.publishing import bundle_content
from ringfence.hub.store.models import PhoneRow
from ringfence.phones.families import families
from ringfence.phones.settings.types import Mark
from ringfence.portable.errors import BundleRefused
from ringfence.portable.manifest import BundledPhone, BundleManifest
from ringfence.portable.page import menus_of

OLD = "Settings > Network Configuration > (IPv4 Configuration)"


def manifest(*phones: BundledPhone) -> BundleManifest:
    return BundleManifest("bundle-1", 1, "anna", 1, 0.0, 1e9, "", phones, ())


def phone(number: int, model: str) -> BundledPhone:
    return bundle_content._phone(PhoneRow(mac=f"001B54C2AA{number:02X}", description="Anna", model=model))


def test_each_menu_is_told_once_with_the_models_that_have_it() -> None:
    told = manifest(phone(1, "7941"), phone(2, "7962"), phone(3, "9971"))
    assert menus_of(told, "en") == [
        f"At the phone (7941 and 7962), open: {OLD}",
        "At the phone, open the settings (a gear, a sheet, or a globe beside the keys) and find the network settings.",
    ]
    assert menus_of(told, "de")[0] == f"Öffnen Sie am Telefon (7941 und 7962): {OLD}"


def test_a_bundle_of_a_hub_that_knows_no_menus_is_read() -> None:
    told = manifest(phone(1, "8841"))
    assert BundleManifest.from_bytes(told.to_bytes()) == told
    before = json.loads(told.to_bytes())
    for each in before["phones"]:
        del each["menu"]
    assert BundleManifest.from_bytes(json.dumps(before).encode()).phones[0].menu == ""


@pytest.mark.parametrize("menu", ["x" * 201, "a\nb", 7])
def test_a_menu_is_one_short_line(menu: object) -> None:
    said = json.loads(manifest(phone(1, "8841")).to_bytes())
    said["phones"][0]["menu"] = menu
    with pytest.raises(BundleRefused):
        BundleManifest.from_bytes(json.dumps(said).encode())


def test_what_is_told_of_a_menu_has_a_source() -> None:
    for family in families().values():
        assert bool(family.tftp_menu.value) is (family.tftp_menu.mark is not Mark.UNKNOWN), family.id
        assert family.tftp_menu.source
