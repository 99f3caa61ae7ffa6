"""A family from outside the package: found by its entry point, rendered, read back; and what is wrong with bad ones."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme-phones"

USE = """
import json
from ringfence.phones.families import model
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.secret import Secret
family, kind = model("runner-2")
line = LineAccount(1, "Anna", "201", "", "", Secret("s3cret"))
settings = {"sip_server": "192.0.2.1", "ringer": "loud"}
(file,) = Renderer().render(PhoneToRender(Mac("001122334455"), kind.name, "", settings, (line,)))
held = family.read((file.data,), kind)
print(json.dumps([family.id, file.name, file.data.decode(), held.lines[0].name, held.sip_servers]))
"""


def install(folder: Path, entry: str = "", body: str = "") -> None:
    """Put the example where Python finds it, as an installed package is found; or ``body`` in its place."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())
    shutil.copytree(EXAMPLE / "acme_phones", folder / "acme_phones")
    if body:
        (folder / "acme_phones" / "__init__.py").write_text(body)
    ((group, names),) = project["project"]["entry-points"].items()
    info = folder / "acme_phones-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-phones\nVersion: 1.0\n")
    points = [f"{name} = {entry or module}" for name, module in names.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *points, ""]))


def run(folder: Path, code: str = USE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_example_family_is_found_rendered_and_read_back(tmp_path: Path) -> None:
    install(tmp_path)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    family, name, text, user, servers = json.loads(done.stdout)
    assert (family, name) == ("acme-road-runner", "rr001122334455.cfg")
    assert text == "server = 192.0.2.1:5060\nringer = 9\naccount1 = 201 s3cret Anna\n"
    assert (user, servers) == ("201", [["192.0.2.1", 5060]])


@pytest.mark.slow
def test_the_renderers_fingerprint_knows_added_families(tmp_path: Path) -> None:
    code = "from ringfence.hub.core import _renderer_fingerprint as f; print(f())"
    without = run(tmp_path, code).stdout
    install(tmp_path)
    first = run(tmp_path, code).stdout
    (tmp_path / "acme_phones" / "templates" / "phone.cfg.j2").write_text("changed\n")
    assert len({without, first, run(tmp_path, code).stdout}) == 3


def test_what_is_no_family_is_named_by_its_entry_point(tmp_path: Path) -> None:
    install(tmp_path, body="FAMILY = 1\n")
    assert "the entry point's module has no FAMILY (entry point acme)" in run(tmp_path).stderr
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    install(tmp_path, entry="not_there")
    assert "the family can't be loaded: No module named 'not_there' (entry point acme)" in run(tmp_path).stderr


def test_a_model_that_is_there_already_is_refused(tmp_path: Path) -> None:
    body = "from dataclasses import replace\nfrom ringfence.phones.families.cisco_99xx import FAMILY as F\n"
    install(tmp_path, body=body + "FAMILY = replace(F, id='mine')\n")
    assert "this model 9971 already exists (entry point acme)" in run(tmp_path).stderr
