"""No file that all phones of a site may fetch holds a secret, however it came there and whatever it is called."""

import base64
import hashlib
import html
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.content.digests import sha256_hex
from ringfence.hub.core import Hub
from ringfence.hub.fleet import assets, lines, phones, settings, sites, templates
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION, SettingPlace
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing import releases
from ringfence.hub.publishing.known_secrets import KnownSecrets
from ringfence.phones.assets.kinds import AssetKind
from ringfence.phones.families import families
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender, decoys_of
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Scope
from ringfence.secret import Secret
from support.running_hub import RunningHub
from support.uploading import upload

SECRET = 'Xk9<m&2"Qv'
OWNED = "the password of line 1 of phone"


def known(*secrets: str) -> KnownSecrets:
    return KnownSecrets((f"secret {n}", Secret(each)) for n, each in enumerate(secrets))


WAYS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "escaped for XML": lambda text: html.escape(text).encode(),
    "by numbers": lambda text: "".join(f"&#{ord(char)};" for char in text).encode(),
    "by hexadecimal numbers": lambda text: "".join(f"&#x{ord(char):X};" for char in text).encode(),
    "escaped for a URL": lambda text: quote(text, safe="").encode(),
    "escaped for a URL, all of it": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of a login": lambda text: base64.b64encode(f"anna:{text}".encode()),
    "base64 without padding": lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"="),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "URL of base64": lambda text: quote(base64.b64encode(text.encode()).decode(), safe="").encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, the other end first": lambda text: text.encode("utf-16-be"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [SECRET, "hunter2hunter", "pässwört-lang"])
def test_a_secret_is_found_however_it_is_written(way: str, secret: str) -> None:
    before, after = ("<a>", "</a>") if "16" not in way or "base64" in way else ("", "")
    assert known("another-secret", secret).owner_in(before.encode() + WAYS[way](secret) + after.encode()) == "secret 1"


@given(st.text(string.printable[:95], min_size=8, max_size=30), st.binary(max_size=50), st.binary(max_size=50))
def test_any_long_secret_is_found_anywhere(secret: str, before: bytes, after: bytes) -> None:
    assert known(secret).owner_in(before + secret.encode() + after) == "secret 0"


@pytest.mark.parametrize("secret", ["1234", "cisco", "201", "admin", "", "123456", "secret"])
def test_what_is_in_files_by_accident_is_no_find(secret: str) -> None:
    assert known(secret).owner_in(f"port=1234\nadmin=cisco {secret} 201 123456".encode()) is None


def test_a_secret_of_six_characters_is_one_where_it_stands_alone() -> None:
    assert known("b4n4na").owner_in(b"<password>b4n4na</password>") == "secret 0"
    assert known("b4n4na").owner_in(b"digest=77b4n4na22") is None


@pytest.mark.parametrize("family_id", families())
def test_no_built_in_file_for_all_phones_changes_with_a_secret(family_id: str) -> None:
    for model in families()[family_id].models.values():
        values = {"sip_server": "192.0.2.10", "ssh_user": "anna"}
        values |= {name: "90817263" for name, each in model.settings.items() if each.secret}
        given = {name: value for name, value in values.items() if name in model.settings}
        line = LineAccount(1, "Anna", "201", "Anna", "anna", Secret("s3cr3tpassw0"))
        phone = PhoneToRender(Mac("001122334455"), model.name, "", given, (line,))
        if not families()[family_id].files:
            return
        here = {file.name: file.data for file in Renderer().render(phone) if file.owner is None}
        for decoy in decoys_of(phone).values():
            assert {file.name: file.data for file in Renderer().render(decoy) if file.owner is None} == here
        assert not any(known("90817263", "s3cr3tpassw0").owner_in(data) for data in here.values())


ONE = Mac("001B54C2B0F1")


@pytest.fixture
def site(idle: Hub) -> str:
    """A site with a phone of a family that has no file but the operator's own."""
    with idle.change("test") as change:
        settings.put(change, idle.sealer, ORGANISATION, "sip_server", "sip.example.org")
        made = sites.create(change, idle.signers, "Shared").id
        phones.add(change, ONE, made, "generic", "")
        change.session.flush()
        lines.put(change, idle.sealer, ONE, 1, LineParts(name="201", password=Secret("9z")))
    return made


def put_template(hub: Hub, name: str, source: str) -> None:
    with hub.change("test") as change:
        templates.put(change, "generic", name, source)


@pytest.mark.parametrize(
    "source",
    [
        "pass={{ lines[0].auth_password }}",
        "pass={{ lines[0].auth_password | reverse }}",
        "pass={% for char in lines[0].auth_password %}{{ char }}-{% endfor %}",
        "{% if lines[0].auth_password == '9z' %}open{% else %}closed{% endif %}",
    ],
)
def test_a_template_that_shares_a_secret_is_refused_and_named_however_short_it_is(
    idle: Hub, site: str, source: str
) -> None:
    put_template(idle, "common.cfg", source + "\n")
    put_template(idle, "{mac}.cfg", "own={{ lines[0].auth_password }}\n")
    done = publishing.publish(idle, "test", site_ids=[site])
    (left,) = done.left_out
    assert OWNED in left.fault.what
    assert "template own template generic/common.cfg" in left.fault.where
    assert "9z" not in str(left.fault)
    assert "{mac}" in left.fault.to_do
    assert done.sites == []
    put_template(idle, "common.cfg", "name={{ phone.model }}\n")
    assert publishing.publish(idle, "test", site_ids=[site]).left_out == []
    with idle.database.reading() as session:
        kinds = {target.name: str(target.kind) for target in releases.targets(session, site, 1)}
    assert kinds == {"common.cfg": "shared", f"{ONE.bare.lower()}.cfg": "configuration"}


def test_a_secret_of_another_site_that_somebody_typed_is_refused_too(idle: Hub, site: str) -> None:
    other = Mac("001B54C2B0F2")
    with idle.change("test") as change:
        elsewhere = sites.create(change, idle.signers, "Elsewhere").id
        phones.add(change, other, elsewhere, "9971", "")
        change.session.flush()
        lines.put(change, idle.sealer, other, 1, LineParts(name="202", password=Secret("Elsewhere-9-Secret")))
        settings.put(change, idle.sealer, SettingPlace(Scope.SITE, elsewhere), "ssh_password", "Also-a-Secret")
    for typed, owner in (("Elsewhere-9-Secret", f"{OWNED} {other}"), ("Also-a-Secret", "ssh_password of site")):
        put_template(idle, "common.cfg", f"note={base64.b64encode(typed.encode()).decode()}\n")
        (left,) = publishing.publish(idle, "test", site_ids=[site], dry_run=True).left_out
        assert owner in left.fault.what
        assert typed not in str(left.fault)


def test_an_upload_that_holds_a_secret_is_not_published_and_goes_where_it_was(idle: Hub) -> None:
    mac, secret = Mac("001B54C2B0F3"), "Uploaded-1-Secret"
    data = b"<tones>" + secret.encode("utf-16") + b"</tones>"
    digest = sha256_hex(data)
    upload(idle, {digest: data})
    with idle.change("test") as change:
        settings.put(change, idle.sealer, ORGANISATION, "sip_server", "sip.example.org")
        site = sites.create(change, idle.signers, "Uploads").id
        phones.add(change, mac, site, "9971", "")
        change.session.flush()
        lines.put(change, idle.sealer, mac, 1, LineParts(name="203", password=Secret("Not-the-same-1")))
        settings.put(change, idle.sealer, SettingPlace(Scope.SITE, site), "network_locale", "Ruritania")
        file = assets.UploadedAsset("Ruritania/g4-tones.xml", digest, len(data), "g4-tones.xml")
        assets.add(change, idle.blobs, AssetKind.TONES, "Ruritania", "test", [file])
    first = publishing.publish(idle, "test", site_ids=[site])
    with idle.database.reading() as session:
        assert "Ruritania/g4-tones.xml" in {target.name for target in releases.targets(session, site, 1)}
    assert first.refused == []
    with idle.change("test") as change:
        lines.put(change, idle.sealer, mac, 1, LineParts(password=Secret(secret)))
    done = publishing.publish(idle, "test", site_ids=[site])
    (refused,) = done.refused
    assert (f"{OWNED} {mac}" in refused.what, secret in str(refused)) == (True, False)
    assert "Ruritania/g4-tones.xml" in refused.where
    with idle.database.reading() as session:
        assert "Ruritania/g4-tones.xml" not in {target.name for target in releases.targets(session, site, 2)}


def test_an_upload_that_holds_a_secret_already_is_refused(running: RunningHub) -> None:
    mac = "00:1B:54:C2:B0:F4"
    site = running.do("POST", "/sites", {"name": "Uploads of secrets"})["id"]
    running.do("POST", "/phones", {"mac": mac, "site": site, "model": "9971"})
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "password": "Already-1-Secret"})
    data = b"<tones>Already-1-Secret</tones>"
    digest = sha256_hex(data)
    upload(running.hub, {digest: data})
    file = {"name": "Ruritania/g4-tones.xml", "digest": digest, "length": len(data), "variant": "g4-tones.xml"}
    answer = running.ask("POST", "/assets", {"kind": "tones", "name": "Ruritania", "source": "x", "files": [file]})
    assert answer.json["kind"] == "secret-would-be-shared"
    assert f"{OWNED} {mac}" in answer.json["what"]
    assert "Already-1-Secret" not in answer.data.decode()


def test_looking_for_many_secrets_in_a_file_does_not_depend_on_their_number() -> None:
    """Ten thousand secrets are in an index: what is looked at is the file, once for each of its bytes."""
    secrets = [hashlib.sha256(str(n).encode()).hexdigest()[:20] for n in range(10_000)]
    index = known(*secrets)
    text = hashlib.sha256(b"x").hexdigest().encode() * 500
    assert index.owner_in(text) is None
    assert index.owner_in(text + secrets[-1].encode()) == "secret 9999"
