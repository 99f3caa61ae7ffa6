"""Own templates in a child: the same files and faults, and an end to those that take too much."""

import contextlib
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jinja2.filters import FILTERS

from ringfence.hub.publishing import template_process
from ringfence.hub.publishing.sandboxed_templates import LimitedRenderer
from ringfence.hub.publishing.template_messages import (
    ChildUnfit,
    CompileTemplate,
    InputRefused,
    TemplateCompiled,
)
from ringfence.hub.publishing.template_process import Died, TemplateProcess
from ringfence.phones.errors import CredentialsDisagree, RenderFault
from ringfence.phones.families import families
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.rendering.sandbox import PhoneTemplate, TemplateFault, built_in_template
from ringfence.secret import Secret
from ringfence.wire import codec
from stack import wait_for

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
        renderer.render(phone("8851", ANNA, other))
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


DEADLY = {
    "a power that takes for ever": "{{ 9 ** (9 ** 9) }}",
    "a number of millions of digits": "{{ 7 ** 12000000 }}",
    "a text of 700 MB": "{{ 'x' * 700000000 }}",
    "a list of 100 million": "{{ [0] * 100000000 }}",
    "deep brackets": "{{ " + "(" * 40_000 + "1" + ")" * 40_000 + " }}",
    "deep blocks": "{% if 1 %}" * 2_000 + "{% endif %}" * 2_000,
    "a long sum": "{{ " + "+".join(["1"] * 60_000) + " }}",
    "an integer that Python doesn't write": "{{ 10 ** 5000 }}",
    "a wide format": "{{ '%2000000000d' % 1 }}",
    "a surrogate": "{{ '\\ud800' }}",
}


@pytest.mark.slow
@pytest.mark.parametrize("source", DEADLY.values(), ids=DEADLY)
def test_no_template_takes_more_than_its_process_wherever_it_is_read(source: str) -> None:
    """Constants are calculated when a template is compiled: that happens in the limited process too."""
    before = time.thread_time()
    held = memory_bytes()
    with TemplateProcess(longest_s=3.0) as process:
        process.ask(CompileTemplate("fine", "x"))
        answer = process.ask(CompileTemplate("own template cisco-99xx/device", source))
        assert isinstance(answer, (InputRefused, Died, TemplateCompiled))
        if isinstance(answer, Died):
            assert answer.template == "own template cisco-99xx/device"
        assert process.ask(CompileTemplate("fine", "x")) == TemplateCompiled()
    with limited(BUILT_IN + source, longest_s=3.0) as renderer:
        with pytest.raises(RenderFault, match="the template can't be used") as caught:
            renderer.render(phone())
        assert "own template cisco-99xx/device" in caught.value.where
        assert caught.value.to_do
        assert renderer.render(phone("8941")) == Renderer().render(phone("8941"))
    assert time.thread_time() - before < 5
    assert memory_bytes() - held < 100 << 20


def memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_template_that_can_not_be_compiled_is_tried_for_one_phone_only() -> None:
    with limited("{{ 9 ** (9 ** 9) }}", longest_s=0.5) as renderer:
        for mac in ("001122334455", "001122334466"):
            with pytest.raises(RenderFault, match=r"longer than 0\.5 s") as caught:
                renderer.render(PhoneToRender(Mac(mac), "9971", "", phone().settings, (ANNA,)))
            assert str(Mac(mac)) in caught.value.where


@pytest.mark.parametrize("family_id", families())
def test_a_family_s_other_files_are_made_though_the_process_reads_no_file(family_id: str) -> None:
    family = families()[family_id]
    own = OwnTemplates({family_id: {"further-{mac}.cfg": "{{ phone.mac }} {{ lines[0].label | title | urlize }}\n"}})
    settings = {"sip_server": "192.0.2.10", "time_zone": "Europe/Berlin"}
    model = next(iter(family.models.values()))
    known = {name: value for name, value in settings.items() if name in model.settings}
    one = PhoneToRender(Mac("001122334455"), model.name, "", known, (ANNA,))
    with LimitedRenderer(own, Renderer()) as renderer:
        assert renderer.render(one) == Renderer(own).render(one)


def test_filters_do_in_there_what_they_do_elsewhere() -> None:
    made: dict[str, str] = {}
    for name in sorted(set(FILTERS) - {"random"}):
        for value in ("['b', 'a']", "{'b': 2}", "'Zoë <b>'", "7"):
            source = "{{ " + value + " | " + name + " }}"
            with contextlib.suppress(TemplateFault):
                made[source] = PhoneTemplate("here", source, escapes=False).render({})
    made = {source: text for source, text in made.items() if text.strip() and " at 0x" not in text}
    assert len(made) > 80
    own = OwnTemplates({"generic": {f"{{mac}}-{n}.cfg": source for n, source in enumerate(made)}})
    with LimitedRenderer(own, Renderer()) as renderer:
        files = renderer.render(
            PhoneToRender(Mac("001122334455"), "generic", "", {"sip_server": "192.0.2.10"}, (ANNA,))
        )
    assert [file.data.decode() for file in files] == list(made.values())


@pytest.mark.slow
def test_its_process_is_confined_as_a_worker_is() -> None:
    with TemplateProcess() as process:
        assert process.ask(CompileTemplate("fine", "x")) == TemplateCompiled()
        assert process.pid is not None
        proc = Path("/proc") / str(process.pid)
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
        limits = (proc / "limits").read_text()
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert all(int(status[which], 16) == 0 for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
        if os.geteuid() == 0:
            assert status["Uid"].split() == ["65534"] * 4
            assert status["Groups"].strip() == ""
            assert int(status["CapBnd"], 16) == 0
            assert (proc / "root").readlink().name.endswith("(deleted)")
            assert {str(fd.readlink())[:7] for fd in (proc / "fd").iterdir()} == {"socket:", "/dev/nu"}
            assert len(list((proc / "fd").iterdir())) == 3
        for limit, most in (("Max data size", 256 << 20), ("Max processes", 0), ("Max open files", 16),
                            ("Max core file size", 0), ("Max file size", 0)):  # fmt: skip
            assert re.search(rf"^{limit} +{most} +{most} ", limits, re.MULTILINE), limits


def test_it_ends_with_the_hub(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from ringfence.hub.publishing.template_messages import CompileTemplate\n"
        "from ringfence.hub.publishing.template_process import TemplateProcess\n"
        "process = TemplateProcess()\n"
        "process.ask(CompileTemplate('fine', 'x'))\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    pid = int(ended.stdout.splitlines()[-1])
    wait_for("the child's end", lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_where_it_can_not_be_confined_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def unfit(_channel: object, _longest_s: float | None = None) -> bytes:
        return codec.to_json(ChildUnfit("no right is given up"))

    monkeypatch.setattr(template_process, "receive", unfit)
    with limited(BUILT_IN) as renderer, pytest.raises(RenderFault, match="no right is given up"):
        renderer.render(phone())
