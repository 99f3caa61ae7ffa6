"""Own templates in a child: the same files and faults, and an end to those that take too much."""

import pytest

from ringfence.hub.publishing.sandboxed_templates import LimitedRenderer
from ringfence.phones.errors import CredentialsDisagree, RenderFault
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.rendering.sandbox import built_in_template
from ringfence.secret import Secret

ANNA = LineAccount(1, "Anna", "201", "Anna", "anna", Secret("s3cr3t"))
BUILT_IN = built_in_template("ringfence.phones.cisco", "device.cnf.xml.j2")


def phone(kind: str = "9971", *lines: LineAccount) -> PhoneToRender:
    settings = {"sip_server": "192.0.2.10", "reload": "night"}
    return PhoneToRender(Mac("001122334455"), kind, "", settings, lines or (ANNA,))


def limited(template: str, longest_s: float = 10.0) -> LimitedRenderer:
    own = OwnTemplates({"cisco-99xx": {"device": template}})
    return LimitedRenderer(own, Renderer(), longest_s=longest_s)


def test_the_files_are_those_that_would_be_rendered_here() -> None:
    template = BUILT_IN.replace("{{ line.label }}", "{{ line.label }}!")
    here = Renderer(OwnTemplates({"cisco-99xx": {"device": template}})).render(phone())
    with limited(template) as renderer:
        assert renderer.render(phone()) == here
        assert renderer.render(phone("8941")) == Renderer().render(phone("8941"))


def test_faults_keep_their_kind_and_their_words() -> None:
    other = LineAccount(2, "Ben", "202", "Ben", "ben", Secret("0ther"))
    with limited(BUILT_IN) as renderer, pytest.raises(CredentialsDisagree, match="lines 1 and 2"):
        renderer.render(phone("9971", ANNA, other))
    with (
        limited("<device>{{ nothing }}</device>") as renderer,
        pytest.raises(RenderFault, match="line 1; phone 00:11:22"),
    ):
        renderer.render(phone())


@pytest.mark.slow
def test_a_template_without_an_end_is_ended_and_the_next_phone_goes_on() -> None:
    template = BUILT_IN + "{% if phone.mac == '001122334455' %}{% for a in range(99999) %}{% for b in range(99999) %}"
    template += "{% endfor %}{% endfor %}{% endif %}"
    with limited(template, longest_s=1.0) as renderer:
        with pytest.raises(RenderFault, match="it took longer than 1 s"):
            renderer.render(phone())
        other = PhoneToRender(Mac("001122334466"), "9971", "", phone().settings, (ANNA,))
        assert renderer.render(other)[-1].name == "SEP001122334466.cnf.xml"


def test_a_template_that_eats_memory_is_ended() -> None:
    template = BUILT_IN + "{% set big = 'x' * 2000000000 %}{{ big }}"
    with limited(template) as renderer, pytest.raises(RenderFault, match=r"MemoryError|more memory"):
        renderer.render(phone())


def test_no_secret_is_in_what_a_killed_template_says() -> None:
    with limited("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", 0.5) as renderer:
        with pytest.raises(RenderFault) as caught:
            renderer.render(phone())
        assert "s3cr3t" not in str(caught.value)
