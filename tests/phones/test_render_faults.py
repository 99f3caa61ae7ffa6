"""A template that can't be used is named with its own line and the phone; nothing comes out of it."""

import pytest

from ringfence.phones.errors import LimitExceeded, RenderFault, UnknownFamily
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.rendering.sandbox import PhoneTemplate, built_in_template
from ringfence.secret import Secret

SECRET = "OnlyTheProxyKnows"
BUILT_IN = built_in_template("ringfence.phones.cisco", "device.cnf.xml.j2")
LABEL = "{{ line.label }}"
LABEL_LINE = next(number for number, row in enumerate(BUILT_IN.splitlines(), 1) if LABEL in row)


def phone(label: str = "Anna") -> PhoneToRender:
    account = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret(SECRET))
    return PhoneToRender(Mac("001122334455"), "9971", "Anna's desk", {"sip_server": "192.0.2.10"}, (account,))


def own(template: str) -> Renderer:
    return Renderer(OwnTemplates({"cisco-99xx": {"device": template}}))


def fault_of(template: str, label: str = "Anna") -> str:
    with pytest.raises(RenderFault) as caught:
        own(template).render(phone(label))
    told = str(caught.value)
    assert "own template cisco-99xx/device" in told
    assert "phone 00:11:22:33:44:55 (Anna's desk)" in told
    assert "Correct the template." in told
    assert SECRET not in told
    return told


def with_label(piece: str) -> str:
    assert BUILT_IN.count(LABEL) == 1
    return BUILT_IN.replace(LABEL, piece)


@pytest.mark.parametrize(
    ("piece", "says"),
    [
        ("{{ line.labell }}", "labell"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ settings.sip_serer }}", "sip_serer"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ line.label | no_such_filter }}", "no_such_filter"),
        ("{{ line.label ", "unexpected"),
        ("{% include 'etc/passwd' %}", "it fails with a TypeError"),
        ("<b>{{ line.label }}", "mismatch"),
        ("&nbsp;", "nbsp"),
        ("a & b", "EntityRef"),
        ("{{ line.label }}</featureLabel>", "mismatch"),
        ("<!-- the label -->", "comments"),
        ("<?php ?>", "processing instructions"),
    ],
)
def test_a_faulty_line_of_a_template_is_named(piece: str, says: str) -> None:
    told = fault_of(with_label(piece))
    assert says in told
    assert f"line {LABEL_LINE};" in told


def test_a_value_that_a_template_leaves_unescaped_is_traced_to_the_line_that_wrote_it() -> None:
    template = with_label("{{ line.label | safe }}")
    assert len(own(template).render(phone("Anna"))) == 1
    assert f"line {LABEL_LINE};" in fault_of(template, label="Anna <3")


def test_the_line_is_the_templates_even_after_loops_and_conditions_have_moved_the_output() -> None:
    rows = ["{% for n in range(50) %}", "x", "{% endfor %}", "{# a note", "over lines #}", "{% if lines %}"]
    template = "\n".join(["<device>", *rows, "<a>", "", "</b>", "{% endif %}", "</device>", ""])
    values = {"lines": (1,)}
    compiled = PhoneTemplate("t", template)
    output = compiled.render(values)
    at = output.split("\n").index("</b>") + 1
    assert compiled.line_behind(values, at, 5) == template.split("\n").index("</b>") + 1


def test_no_line_is_named_where_a_filter_over_a_block_hides_it() -> None:
    compiled = PhoneTemplate("t", "{% filter length %}\nabc\n{% endfilter %}")
    assert compiled.line_behind({}, 1) == 0


@pytest.mark.parametrize(
    "trick",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ line.__init__.__globals__ }}",
        "{{ settings.clear() }}",
        "{{ settings.update(sip_server='evil') }}",
        "{{ lines.append(1) }}",
        "{{ self._TemplateReference__context }}",
        "{{ '{0.__class__}'.format(line) }}",
        "{{ (line.label | attr('__class__')).__base__ }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{% set x = namespace() %}{% set x.__class__ = 1 %}{{ x.__class__.__mro__ }}",
        "{{ range(10000000) | length }}",
    ],
)
def test_the_sandbox_refuses_tricks(trick: str) -> None:
    fault_of(with_label(trick))


def test_a_fault_whose_message_quotes_a_secret_does_not_show_it() -> None:
    fault_of(with_label("{{ settings[line.auth_password] }}"))
    fault_of(with_label("{{ [].index(line.auth_password) }}"))
    fault_of(with_label("<{{ line.auth_password }}"))
    fault_of(with_label("<x></{{ line.auth_password }}>"))
    fault_of(BUILT_IN.replace("{{ wire.kpml }}", "{{ lines[0].auth_password }}"))


def test_a_document_type_is_refused() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n<device>'
    assert "document type" in fault_of(BUILT_IN.replace("<device>", bomb))
    entity = '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/hostname">]>\n<device>'
    assert "document type" in fault_of(BUILT_IN.replace("<device>", entity).replace(LABEL, "&a;"))


def test_a_template_without_the_version_stamp_is_refused_as_its_phones_would_never_reload() -> None:
    assert "versionStamp" in fault_of(BUILT_IN.replace("<versionStamp>{{ version_stamp }}</versionStamp>", ""))


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("<featureID>9</featureID>", "<featureID>21</featureID>", "no line has featureID 9"),
        ("<processNodeName>{{ host }}</processNodeName>", "", "processNodeName"),
        ("{{ wire.sip_transport }}", "7", "transportLayerProtocol is '7'"),
        ("<deviceProtocol>SIP", "<deviceProtocol>SCCP", "deviceProtocol is 'SCCP'"),
    ],
)
def test_a_file_that_the_phone_would_discard_is_refused_before_it_is_published(good: str, bad: str, says: str) -> None:
    assert good in BUILT_IN
    told = fault_of(BUILT_IN.replace(good, bad))
    assert "the phone would discard" in told
    assert says in told


def test_a_limit_that_a_template_breaks_is_named_with_element_and_line() -> None:
    with pytest.raises(LimitExceeded) as caught:
        own(with_label("The extension of {{ line.display_name }} at home")).render(phone())
    assert "featureLabel of line 1 has 34 characters, but a 9971 takes at most 30" in str(caught.value)
    assert f"own template cisco-99xx/device, line {LABEL_LINE}" in str(caught.value)


def test_an_own_template_takes_the_built_in_ones_place_for_its_family_only() -> None:
    renderer = own(with_label("{{ line.label }}!"))
    assert b"<featureLabel>Anna!</featureLabel>" in renderer.render(phone())[0].data
    other = PhoneToRender(Mac("001122334455"), "8941", "", {"sip_server": "192.0.2.10"}, phone().lines)
    assert b"<featureLabel>Anna</featureLabel>" in renderer.render(other)[0].data


def test_a_template_for_a_family_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(UnknownFamily):
        Renderer(OwnTemplates({"cisco-9970": {"device": BUILT_IN}}))
