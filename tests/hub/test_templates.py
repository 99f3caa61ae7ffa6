"""Templates of the operator's own, over the people's API."""

import pytest

from support.running_hub import RunningHub

MAC = "00:1B:54:D0:00:{:02X}"


def test_an_own_template_is_kept_shown_used_and_removed(running: RunningHub) -> None:
    site, mac = running.site("Snom"), MAC.format(7)
    running.do("POST", "/phones", {"mac": mac, "site": site, "model": "generic"})
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "label": "Anna"})
    (left,) = running.do("POST", "/publish", {"dry_run": True, "sites": [site]})["left_out"]
    assert "ringfence template put generic" in left["to_do"]
    source = "user={{ lines[0].name }}\n"
    running.do("PUT", "/templates/generic/{mac}.cfg", {"source": source})
    assert running.do("GET", "/templates/generic/{mac}.cfg")["source"] == source
    (change,) = running.publish(sites=[site])["sites"]
    assert [file["name"] for file in change["files"]] == ["001b54d00007.cfg"]
    assert "+user=201" in change["files"][0]["diff"]
    running.do("DELETE", f"/phones/{mac}")
    running.do("DELETE", "/templates/generic/{mac}.cfg")
    assert running.ask("GET", "/templates/generic/{mac}.cfg").json["kind"] == "unknown-template"


@pytest.mark.parametrize(
    ("path", "source", "kind"),
    [
        ("/templates/generic/{mac}.cfg", "{% if %}", "bad-name"),
        ("/templates/generic/..%2Fx.cfg", "x", "bad-template-name"),
        ("/templates/generic/nothing", "x", "bad-template-name"),
        ("/templates/none/x.cfg", "x", "unknown-family"),
    ],
)
def test_a_template_that_can_not_be_is_refused(running: RunningHub, path: str, source: str, kind: str) -> None:
    assert running.ask("PUT", path, {"source": source}).json["kind"] == kind


@pytest.mark.slow
@pytest.mark.parametrize("source", ["{{ 7 ** 12000000 }}", "{{ 'x' * 700000000 }}", "{{ " + "(" * 30000 + ")" * 30000])
def test_checking_a_template_takes_nothing_of_the_hub(running: RunningHub, source: str) -> None:
    answer = running.ask("PUT", "/templates/generic/{mac}.cfg", {"source": source})
    assert answer.status in {200, 422, 400}, answer.json
    if answer.status != 200:
        assert answer.json["kind"] == "bad-name"
        assert answer.json["what"]
        assert running.ask("GET", "/templates/generic/{mac}.cfg").status == 404
    else:
        running.do("DELETE", "/templates/generic/{mac}.cfg")


def test_the_built_in_templates_are_shown_to_begin_with(running: RunningHub) -> None:
    files = {row["key"]: row for row in running.do("GET", "/families/cisco-99xx/files")["items"]}
    assert files["device"]["name"] == "SEP{MAC}.cnf.xml"
    assert "{{ version_stamp }}" in files["device"]["source"]
