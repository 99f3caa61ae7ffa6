"""Files beside a phone's own: what the tables can't say is kept as it is, and what no phone takes is told."""

from collections.abc import Sequence

import pytest
from lxml import etree

from ringfence.phones.assets.kinds import Asset, AssetKind, models_for, recognise
from ringfence.phones.cisco.key_settings import DIAL_PLAN_BYTES
from ringfence.phones.errors import BadAsset
from ringfence.phones.families import model as model_of
from ringfence.phones.importing.outcome import Fate
from ringfence.phones.importing.side_files import (
    DIAL_PLAN_FILE,
    FEATURE_POLICY_FILE,
    SOFT_KEY_FILE,
    SideFileKind,
    TakenSideFile,
    take_side_file,
)
from ringfence.phones.importing.source_folder import SourceFolder

SOFT_KEY = '<softKeyDef keyID="{}"><tag>{}</tag><eventID>{}</eventID><helpID>{}</helpID></softKeyDef>'


def soft_keys(definition: str, state: str, inside: str) -> str:
    return (
        f"<softKeyCfg><typeSoftKey>{definition}</typeSoftKey><softKeySets>"
        f'<softKeySet id="{state}">{inside}</softKeySet></softKeySets></softKeyCfg>'
    )


def plan(inside: str) -> str:
    return f"<DIALTEMPLATE>{inside}</DIALTEMPLATE>"


def policy(inside: str) -> str:
    return f"<featurePolicy name='x'>{inside}</featurePolicy>"


REDIAL = SOFT_KEY.format("Redial", 1, 1, 301)
KEY = '<softKey keyID="Redial"/>'
LONG = '<TEMPLATE Button="1"/>' * 400
FEATURE = "<featureDef><id>1</id><enable>{}</enable></featureDef>"


def take(kind: SideFileKind, text: str | bytes, model: str = "9971") -> TakenSideFile:
    data = text.encode() if isinstance(text, str) else text
    folder = SourceFolder.of({"kept/old plan.xml": data})
    return take_side_file(kind, folder, "kept/old plan.xml", model_of(model)[1], "dialTemplate", 7)


def meaning(data: bytes) -> Sequence[object]:
    """Return a file's elements with their attributes and texts, in their order."""
    root = etree.fromstring(data, etree.XMLParser(remove_comments=True))
    return [(node.tag, dict(node.attrib), (node.text or "").strip()) for node in root.iter(etree.Element)]


BEYOND = [
    (DIAL_PLAN_FILE, plan('<TEMPLATE MATCH="2.." Timeout="0" Button="3"/>')),
    (DIAL_PLAN_FILE, plan('<TEMPLATE MATCH="9,8,." Timeout="0" Tone="Bellcore-Busy" Tone2="Bellcore-Hold"/>')),
    (DIAL_PLAN_FILE, plan('<TEMPLATE MATCH="2.." Timeout="90"/>')),
    (DIAL_PLAN_FILE, plan('<TEMPLATE MATCH="2|3" Timeout="0"/>')),
    (DIAL_PLAN_FILE, plan('<TEMPLATE MATCH="2.." Timeout="0"/><template match="9" timeout="0"/>')),
    (DIAL_PLAN_FILE, plan('<TEMPLATE MATCH="2.." Timeout="0"/><context name="a"/>')),
    (DIAL_PLAN_FILE, plan("<!-- nothing here -->")),
    (SOFT_KEY_FILE, soft_keys(SOFT_KEY.format("Undefined", 0, 0, 0), "On Hook", KEY)),
    (SOFT_KEY_FILE, soft_keys(SOFT_KEY.format("Redial", 1, 9, 301), "On Hook", KEY)),
    (SOFT_KEY_FILE, soft_keys(REDIAL, "Somewhere", KEY)),
    (SOFT_KEY_FILE, soft_keys(REDIAL, "On Hook", '<softKey keyID="Own"/>')),
    (SOFT_KEY_FILE, soft_keys(REDIAL, "On Hook", '<softKey keyID="Redial" position="2"/>')),
    (SOFT_KEY_FILE, soft_keys(REDIAL, "On Hook", KEY * 17)),
    (FEATURE_POLICY_FILE, policy(FEATURE.format("maybe"))),
    (FEATURE_POLICY_FILE, policy(FEATURE.format("true<x/>"))),
    (FEATURE_POLICY_FILE, policy("<featureDef><id>one</id><enable>true</enable></featureDef>")),
]


@pytest.mark.parametrize(("kind", "text"), BEYOND)
def test_what_a_table_can_not_say_is_kept_and_means_the_same(kind: SideFileKind, text: str) -> None:
    taken = take(kind, text)
    (asset,) = taken.assets
    (file,) = asset.files
    assert taken.settings == {kind.by_name: file.name}
    assert file.name.startswith("old-plan-")
    assert meaning(file.data) == meaning(text.encode())
    (remark,) = taken.remarks
    assert (remark.fate, remark.line) == (Fate.NOTE, 7)
    assert f"kept/old plan.xml is kept as it is, as {file.name}: {kind.table.name} can't say it (" in remark.text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DIAL_PLAN_FILE, plan('<TEMPLATE MATCH="2.." Timeout="0"/>')),
        (SOFT_KEY_FILE, soft_keys(REDIAL, "On Hook", KEY)),
        (FEATURE_POLICY_FILE, policy(FEATURE.format("true"))),
    ],
)
def test_what_a_table_can_say_is_the_table(kind: SideFileKind, text: str) -> None:
    taken = take(kind, text)
    assert list(taken.settings) == [kind.table.name]
    assert (taken.assets, taken.remarks) == ((), ())


@pytest.mark.parametrize(
    ("kind", "text", "model", "says"),
    [
        (DIAL_PLAN_FILE, plan("<TEMPLATE>\n</x>"), "9971", ", line 2: the file can't be kept: it is not well-formed"),
        (DIAL_PLAN_FILE, policy(FEATURE), "9971", ", line 1: the file can't be kept: its root is featurePolicy"),
        (DIAL_PLAN_FILE, plan(LONG), "9971", f"drop dial plans of more than {DIAL_PLAN_BYTES}"),
        (FEATURE_POLICY_FILE, policy(FEATURE.format("true")), "7945", "a 7945 has no setting that names it"),
        (SOFT_KEY_FILE, b"<softKeyCfg>" + b" " * 300_000 + b"</softKeyCfg>", "9971", "more than 262144 bytes"),
        (SOFT_KEY_FILE, '<!DOCTYPE a [<!ENTITY b "c">]><softKeyCfg/>', "9971", "a document type is not allowed"),
    ],
)  # fmt: skip
def test_what_no_phone_takes_is_lost_with_its_file_and_line(
    kind: SideFileKind, text: str | bytes, model: str, says: str
) -> None:
    taken = take(kind, text, model)
    assert (taken.settings, taken.assets) == ({}, ())
    (remark,) = taken.remarks
    assert (remark.fate, remark.element, remark.line) == (Fate.LOST, "dialTemplate", 7)
    assert says in remark.text


def recognised(text: str) -> Asset:
    asset = recognise("in/house.xml", text.encode())
    assert asset is not None
    return asset


def test_such_files_are_recognised_by_their_roots() -> None:
    asset = recognised(plan('<TEMPLATE MATCH="2.." Button="1"/>'))
    assert (asset.kind, asset.name, asset.files[0].name) == (AssetKind.DIAL_PLAN, "house.xml", "house.xml")
    assert {"7960", "9971", "8851"} <= set(models_for(asset))
    assert recognised(soft_keys(REDIAL, "On Hook", KEY)).kind is AssetKind.SOFT_KEYS
    policy_file = recognised(policy(FEATURE.format("true")))
    assert policy_file.kind is AssetKind.FEATURE_POLICY
    assert "9971" in models_for(policy_file)
    assert "7945" not in models_for(policy_file)
    assert recognise("in/house.xml", b"<other/>") is None
    assert recognise("in/house.xml", b"<DIALTEMPLATE>") is None
    with pytest.raises(BadAsset, match="drop dial plans"):
        recognise("in/house.xml", plan(LONG).encode())
