"""Tables, keys, dial plans and the files that they become; patches; settings of lines."""

import pytest
from lxml import etree

from ringfence.content.release import TargetKind
from ringfence.phones.errors import (
    BadPatch,
    IncompletePhone,
    LimitExceeded,
    RenderFault,
    UnknownSetting,
    ValueOutOfRange,
)
from ringfence.phones.families import model
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.patches import parse_name, patch_setting, patches_of
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

ANNA = Mac("001122334455")
ACCOUNT = LineAccount(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3t"))


def phone(kind: str = "9971", *lines: LineAccount, **settings: Value) -> PhoneToRender:
    return PhoneToRender(ANNA, kind, "", {"sip_server": "192.0.2.10", **settings}, lines or (ACCOUNT,))


def files(one: PhoneToRender) -> dict[str, RenderedFile]:
    return {file.name: file for file in Renderer().render(one)}


def tree(data: bytes) -> etree._Element:
    return etree.fromstring(data)


def device(one: PhoneToRender) -> etree._Element:
    return tree(files(one)[f"SEP{ANNA.bare}.cnf.xml"].data)


def test_a_table_is_written_with_bars_and_semicolons_and_kept_in_one_form() -> None:
    keys = model("9971")[1].settings["keys"]
    assert keys.parse("3|blf|Door|100;  4 | redial") == "3 | blf | Door | 100\n4 | redial"
    assert keys.parse("") == ""
    assert keys.rows("3 | blf | Door | 100") == [{"key": 3, "does": "blf", "label": "Door", "number": "100"}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x | blf", "row 1: key does not accept 'x'"),
        ("3 | fly", "row 1: does does not accept 'fly'"),
        ("2 | blf | a | 1; 3 | blf | a | 1 | more", "row 2 has 5 cells"),
        ("3 | blf | " + "l" * 31, "it has 31 characters"),
        ("; ".join(["1 | redial"] * 121), "it has 121 rows"),
    ],
)
def test_a_bad_cell_is_named_by_its_row_and_column(text: str, says: str) -> None:
    with pytest.raises(ValueOutOfRange) as caught:
        model("9971")[1].settings["keys"].parse(text)
    assert says in str(caught.value)


def test_keys_become_what_the_phone_calls_them() -> None:
    root = device(phone(keys="2 | speed-dial | Ben | 202\n3 | blf-pickup | Door | 100\n4 | do-not-disturb\n"
                             "5 | service | Menu | http://192.0.2.1/menu?a=1&b=2"))  # fmt: skip
    lines = {node.get("button"): node for node in root.iterfind(".//sipLines/line")}
    assert [lines[key].findtext("featureID") for key in "12345"] == ["9", "2", "21", "130", "20"]
    assert lines["2"].findtext("speedDialNumber") == "202"
    assert lines["3"].findtext("featureOptionMask") == "1"
    assert lines["5"].findtext("serviceURI") == "http://192.0.2.1/menu?a=1&b=2"


@pytest.mark.parametrize(
    ("keys", "fault", "says"),
    [
        ("1 | redial", ValueOutOfRange, "key 1 is used twice: for line 1 and for redial"),
        ("2 | redial\n2 | hold", ValueOutOfRange, "key 2 is used twice"),
        ("7 | redial", LimitExceeded, "a 9971 only has keys 1 to 6"),
        ("2 | blf | Door", IncompletePhone, "key 2 is a blf without a number"),
    ],
)
def test_keys_that_can_not_be_are_refused(keys: str, fault: type[Exception], says: str) -> None:
    with pytest.raises(fault, match=says):
        files(phone(keys=keys))


def test_a_dial_plan_becomes_a_file_that_the_configuration_names() -> None:
    plan = "0,........ | 3 | | Bellcore-Outside\n11. | 0\n* | 5"
    made = files(phone(dial_plan=plan))
    (name,) = (name for name in made if name.startswith("dialplan-"))
    assert made[name].kind is TargetKind.SHARED
    assert made[name].owner is None
    assert device(phone(dial_plan=plan)).findtext(".//dialTemplate") == name
    rows = [dict(node.items()) for node in tree(made[name].data).iterfind("TEMPLATE")]
    assert rows == [
        {"match": "0,........", "timeout": "3", "tone": "Bellcore-Outside"},
        {"match": "11.", "timeout": "0"},
        {"match": "*", "timeout": "5"},
    ]
    other = files(phone(dial_plan="* | 4"))
    assert name not in other, "another plan has another name, so that the phone fetches it"


def test_a_dial_plan_that_a_phone_would_drop_is_refused() -> None:
    rows = "\n".join(f"{number:060}" + " | 5" for number in range(200))
    with pytest.raises(RenderFault, match="drops files of more than 8191"):
        files(phone("8851", dial_plan=rows))


def test_lists_for_the_whole_site_have_the_names_that_phones_ask_for() -> None:
    made = files(
        phone(
            application_dial_rules="+49 | 12 | 3 | 0",
            services="News | http://192.0.2.1/news",
            directory="Zoë & Söhne | 0301234",
            edge_url="http://192.0.2.2:6970/",
        )
    )
    assert {"AppDialRules.xml", "services.xml", "directory.xml"} < set(made)
    rule = tree(made["AppDialRules.xml"].data).find("DialRule")
    assert rule is not None
    assert dict(rule.items()) == {
        "BeginsWith": "+49",
        "NumDigits": "12",
        "DigitsToRemove": "3",
        "PrefixWith": "0",
    }
    assert tree(made["directory.xml"].data).findtext("DirectoryEntry/Name") == "Zoë & Söhne"
    root = tree(made[f"SEP{ANNA.bare}.cnf.xml"].data)
    assert root.findtext("servicesURL") == "http://192.0.2.2:6970/services.xml"
    assert root.findtext("directoryURL") == "http://192.0.2.2:6970/directory.xml"


def test_soft_keys_and_features_have_files_with_stamps() -> None:
    made = files(phone(soft_keys="On Hook | Redial, newcall\nConnected | Hold, EndCall, DND", feature_policy="7 | no"))
    (keys,) = (tree(file.data) for name, file in made.items() if name.startswith("softkeys-"))
    assert [node.get("keyID") for node in keys.iterfind("typeSoftKey/softKeyDef")] == [
        "Redial", "NewCall", "Hold", "EndCall", "DND",
    ]  # fmt: skip
    assert [node.get("id") for node in keys.iterfind("softKeySets/softKeySet")] == ["On Hook", "Connected"]
    assert len(keys.findtext("versionStamp") or "") == 36
    (policy,) = (tree(file.data) for name, file in made.items() if name.startswith("featurepolicy-"))
    assert (policy.findtext("featureDef/id"), policy.findtext("featureDef/enable")) == ("7", "false")
    with pytest.raises(ValueOutOfRange, match="there is no soft key 'Fly'"):
        files(phone(soft_keys="On Hook | Fly"))


def test_a_line_has_settings_of_its_own() -> None:
    second = LineAccount(2, "Door", "door", "Door", "anna-auth", Secret("s3cr3t"), {"auto_answer": True})
    root = device(phone("9971", ACCOUNT, second, missed_calls=True))
    answers = [node.findtext("autoAnswer/autoAnswerEnabled") for node in root.iterfind(".//sipLines/line")]
    assert answers == ["0", "1"]
    assert root.findtext("MissedCallLoggingOption") == "11"
    wrong = LineAccount(2, "Door", "door", "Door", "", Secret(""), {"time_zone": "Etc/UTC"})
    with pytest.raises(UnknownSetting, match="a line of a 9971 has no setting time_zone"):
        files(phone("9971", ACCOUNT, wrong))


def test_a_patch_sets_an_element_that_no_setting_knows() -> None:
    name = "patch:cisco-99xx:vendorConfig/loudSpeaker"
    layers = [("site", {name: "1", "patch:cisco-79xx:vendorConfig/other": "2"}), ("phone", {name: "0"})]
    patches = patches_of(layers, model("9971")[0])
    assert patches == {"device": {"vendorConfig/loudSpeaker": "0"}}
    plain = phone()
    root = device(PhoneToRender(ANNA, "9971", "", plain.settings, plain.lines, patches))
    assert root.findtext("vendorConfig/loudSpeaker") == "0"
    assert root.findtext("versionStamp") != device(plain).findtext("versionStamp")


def test_a_patch_reaches_one_of_several_elements() -> None:
    patches = {"device": {"sipProfile/sipLines/line[@button='1']/featureLabel": "Zoë <3"}}
    root = device(PhoneToRender(ANNA, "9971", "", phone().settings, (ACCOUNT,), patches))
    assert root.findtext("sipProfile/sipLines/line/featureLabel") == "Zoë <3"


def test_a_patched_file_is_checked_like_any_other() -> None:
    for element, text, fault, says in (
        ("sipProfile/phoneLabel", "x" * 13, LimitExceeded, "phoneLabel has 13 characters"),
        ("transportLayerProtocol", "9", RenderFault, "would discard"),
        ("devicePool", "x", BadPatch, "contains other elements"),
        ("versionStamp", "x", RenderFault, "versionStamp"),
    ):
        patches = {"device": {element: text}}
        with pytest.raises(fault, match=says):
            files(PhoneToRender(ANNA, "9971", "", phone().settings, (ACCOUNT,), patches))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("patch:vendorConfig", "is not a patch"),
        ("patch:cisco-99xx:", "is not a patch"),
        ("patch:cisco-99xx:a//b", "does not name an element"),
        ("patch:cisco-99xx:a[x]", "does not name an element"),
        ("patch:cisco-99xx.none:a", "has no file 'none'"),
        ("patch:generic:a", "does not have a file to patch"),
        ("patch:cisco-spa:Dial Plan", "does not name a parameter"),
        ("patch:cisco-7940-7960:telnet level", "does not name a value"),
        ("patch:cisco-99xx:" + "a" * 200, "is not a patch"),
    ],
)
def test_what_is_no_patch_is_refused(name: str, says: str) -> None:
    with pytest.raises(BadPatch, match=says):
        parse_name(name)


def test_a_patch_of_a_password_is_a_secret() -> None:
    assert patch_setting("patch:cisco-99xx:sshPassword").secret
    assert not patch_setting("patch:cisco-99xx:vendorConfig/webAccess").secret
    for name in ("Profile_Rule_B", "IKM_HTTP_Encrypt_Content", "Password_2_"):
        assert patch_setting(f"patch:cisco-mpp:{name}").secret
    assert not patch_setting("patch:cisco-mpp:Station_Name").secret


def test_patches_suit_text_files_and_flat_profiles_too() -> None:
    spa = PhoneToRender(ANNA, "SPA504G", "", phone().settings, (ACCOUNT,), {"profile": {"Dial_Plan_1_": "(x.)"}})
    assert b"<Dial_Plan_1_>(x.)</Dial_Plan_1_>" in Renderer().render(spa)[-1].data
    old = PhoneToRender(ANNA, "7960", "", phone().settings, (ACCOUNT,), {"phone": {"telnet_level": "2"}})
    assert b'telnet_level: "2"\n' in Renderer().render(old)[-1].data


def test_a_generic_phone_is_made_of_the_operators_templates_alone() -> None:
    own = OwnTemplates({"generic": {"{mac}.cfg": "user={{ lines[0].auth_name }}\npass={{ lines[0].auth_password }}\n",
                                    "common.xml": "<all><ntp>{{ ntp_servers | join(' ') }}</ntp></all>"}})  # fmt: skip
    made = {file.name: file for file in Renderer(own).render(phone("generic", ntp_servers="192.0.2.1"))}
    assert made["001122334455.cfg"].data == b"user=anna-auth\npass=s3cr3t\n"
    assert made["001122334455.cfg"].owner == ANNA
    assert made["common.xml"].owner is None
    with pytest.raises(IncompletePhone, match="ringfence template put generic"):
        Renderer().render(phone("generic"))


def test_text_files_are_not_escaped_as_xml_and_xml_files_are() -> None:
    zoe = LineAccount(1, "A & B", "anna", "A & B", "anna", Secret("s3cr3t"))
    assert b'line1_displayname: "A & B"' in Renderer().render(phone("7960", zoe))[-1].data
    assert b"A &amp; B" in Renderer().render(phone("SPA504G", zoe))[-1].data


@pytest.mark.parametrize(("kind", "own"), [("SPA504G", "001122334455.cfg"), ("8851-3PCC", "001122334455.xml")])
def test_keys_of_small_business_and_multiplatform_phones_dial_and_watch(kind: str, own: str) -> None:
    keys = "2 | blf-pickup | Door & gate | 100; 3 | speed-dial || 0800; 4 | blf | Lab | 102"
    root = tree(files(phone(kind, keys=keys))[own].data)
    profile = root if root.tag == "flat-profile" else root.find("flat-profile")
    assert profile is not None
    said = {child.tag: child.text or "" for child in profile.iterchildren("*")}
    assert said["Extended_Function_2_"] == "fnc=blf+sd+cp;sub=100@$PROXY;nme=Door & gate"
    assert said["Extended_Function_3_"] == "fnc=sd;ext=0800@$PROXY;nme=0800"
    assert said["Extended_Function_4_"] == "fnc=blf;sub=102@$PROXY;nme=Lab"
    assert (said["Extension_2_"], said["Short_Name_3_"]) == ("Disabled", "0800")
    assert "Extended_Function_1_" not in said


@pytest.mark.parametrize(
    ("keys", "fault", "says"),
    [
        ("5 | blf | a | 1", LimitExceeded, "an SPA504G only has keys 1 to 4"),
        ("1 | blf | a | 1", ValueOutOfRange, "key 1 is used twice"),
        ("2 | blf | a | 1; 2 | blf | b | 2", ValueOutOfRange, "key 2 is used twice"),
        ('"2" | blf | a | 1', ValueOutOfRange, "key does not accept"),
        ("2 | redial", ValueOutOfRange, "does does not accept 'redial'"),
    ],
)
def test_keys_that_a_small_business_phone_can_not_have_are_refused(
    keys: str, fault: type[Exception], says: str
) -> None:
    with pytest.raises(fault, match=says):
        files(phone("SPA504G", keys=keys))


def test_an_analogue_adapter_has_no_keys() -> None:
    assert "keys" not in model("SPA112")[1].settings
    assert b"Extended_Function" not in files(phone("SPA112"))["001122334455.cfg"].data


def test_a_wallpaper_is_named_where_a_phone_shows_one() -> None:
    for kind in ("8941", "9971", "8851"):
        assert device(phone(kind, wallpaper="sea.png")).findtext("vendorConfig/defaultWallpaperFile") == "sea.png"
        assert device(phone(kind)).find("vendorConfig/defaultWallpaperFile") is None
    assert "wallpaper" not in model("7821")[1].settings
