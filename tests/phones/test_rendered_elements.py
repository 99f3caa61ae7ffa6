"""What single settings of an enterprise phone write: the element, in its place, with its value."""

import pytest
from lxml import etree

from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

ANNA = Mac("001122334455")
ACCOUNT = LineAccount(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3t"))


def files_of(**settings: Value) -> dict[str, etree._Element]:
    """Return the files of an 8851 with these settings, by name."""
    phone = PhoneToRender(ANNA, "8851", "", {"sip_server": "192.0.2.10", **settings}, (ACCOUNT,))
    return {file.name: etree.fromstring(file.data) for file in Renderer().render(phone)}


def configuration(**settings: Value) -> etree._Element:
    return files_of(**settings)["SEP001122334455.cnf.xml"]


def keys_of(**settings: Value) -> dict[str, dict[str, str]]:
    """Return each key's elements, by its button."""
    return {
        str(line.get("button")): {str(child.tag): child.findtext(".") or "" for child in line}
        for line in configuration(**settings).iterfind("sipProfile/sipLines/line")
    }


@pytest.mark.parametrize(
    ("setting", "value", "element"),
    [
        ("secure_services_url", "https://192.0.2.9/services", "secureServicesURL"),
        ("secure_directory_url", "https://192.0.2.9/directory", "secureDirectoryURL"),
        ("secure_messages_url", "https://192.0.2.9/messages", "secureMessagesURL"),
        ("secure_information_url", "https://192.0.2.9/help", "secureInformationURL"),
        ("secure_idle_url", "https://192.0.2.9/idle", "secureIdleURL"),
        ("secure_authentication_url", "https://192.0.2.9/authenticate", "secureAuthenticationURL"),
        ("inactive_load", "sip88xx.12-5-1SR1-4", "inactiveLoadInformation"),
    ],
)
def test_a_setting_writes_its_element_and_nobody_s_setting_writes_none(setting: str, value: str, element: str) -> None:
    assert configuration(**{setting: value}).findtext(element) == value
    assert not configuration().findtext(element)


def test_problem_reports_go_where_the_setting_says() -> None:
    url = "https://192.0.2.9/reports"
    assert configuration(problem_report_url=url).findtext(".//problemReportUploadURL") == url
    assert configuration().find(".//problemReportUploadURL") is None


def test_a_hotline_is_a_dial_plan_that_dials_without_a_digit() -> None:
    files = files_of(hotline="100")
    (plan,) = (name for name in files if name.startswith("dialplan-"))
    (rule,) = files[plan].iterfind("TEMPLATE")
    assert sorted(rule.items()) == [("match", ""), ("rewrite", "100"), ("timeout", "0")]
    assert files["SEP001122334455.cnf.xml"].findtext(".//dialTemplate") == plan


def test_intercoms_answer_by_themselves_and_are_counted_after_the_lines() -> None:
    keys = keys_of(keys="2 | intercom | Boss | boss\n4 | intercom | Door | door")
    for button, name, label in (("2", "boss", "Boss"), ("4", "door", "Door")):
        key = keys[button]
        assert (key["featureID"], key["name"], key["featureLabel"]) == ("23", name, label)
    file = configuration(keys="2 | intercom | Boss | boss\n4 | intercom | Door | door")
    own, *intercoms = file.iterfind("sipProfile/sipLines/line")
    assert [(line.get("button"), line.get("lineIndex")) for line in (own, *intercoms)] == [
        ("1", "1"),
        ("2", "2"),
        ("4", "3"),
    ]
    assert {line.findtext("autoAnswer/autoAnswerMode") for line in intercoms} == {"Auto Answer with Speakerphone"}
    assert own.findtext("autoAnswer/autoAnswerMode") is None


def test_a_parking_place_is_named_twice_and_a_secure_service_by_its_own_element() -> None:
    keys = keys_of(keys="2 | directed-park | Park | 700\n3 | secure-service | Menu | https://192.0.2.1/menu")
    assert keys["2"] == {"featureID": "22", "featureLabel": "Park", "speedDialNumber": "700", "contact": "700"}
    assert keys["3"] == {
        "featureID": "20",
        "featureLabel": "Menu",
        "secureServiceURI": "https://192.0.2.1/menu",
    }
