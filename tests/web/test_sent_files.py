"""Files that people send by a page: firmware, rings and wallpapers, and TFTP folders in archives."""

import gzip
import io
import json
import re
import stat
import tarfile
import threading
import zipfile
from functools import partial
from html import unescape
from pathlib import Path

import pytest

from ringfence.hub.fleet import passwords
from ringfence.hub.people import uploaded_files
from ringfence.hub.people.rights import Role
from ringfence.hub.people.uploaded_files import UploadPlaces
from ringfence.hub.web.assets import views as assets
from ringfence.hub.web.firmware import views as firmware
from ringfence.hub.web.imports import folder_views
from ringfence.hub.web.imports.time_limits import WorkTime
from support.browsing import PlainBrowser, form_of
from support.firmware_files import bundle_42, cop, tarred, zipped
from support.paper import read, send
from support.raw_requests import connected
from support.running_hub import Answer, RunningHub
from support.sent_files import BOUNDARY, form_with_file, send_file
from support.signing_in import CHEAP, PASSWORD, person
from support.sounds import wav
from web.conftest import People

FIRMWARE, ASSETS, FOLDER = "/firmware/-/import", "/assets/-/import", "/phones/-/import/folder"
LINE = (
    "<line button='1'><featureID>9</featureID><name>{name}</name><authName>{name}</authName>"
    "<authPassword>s3cret-{name}</authPassword><proxy>192.0.2.1</proxy></line>"
)
RING = wav(440, 0.5, 8000)


def phone_file(name: str, load: str = "SIP42.9-4-2SR3-1S") -> bytes:
    lines = LINE.format(name=name)
    return (
        f"<device><deviceProtocol>SIP</deviceProtocol><sipProfile><sipLines>{lines}</sipLines></sipProfile>"
        f"<loadInformation>{load}</loadInformation></device>"
    ).encode()


def folder_of(*macs: str) -> dict[str, bytes]:
    return {f"tftpboot/SEP{mac}.cnf.xml": phone_file(str(600 + number)) for number, mac in enumerate(macs)}


def text_of(answer: Answer) -> str:
    """What a page says in its part that is about itself."""
    text = answer.data.decode().partition("<main")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", text)))


def key_of(answer: Answer) -> str:
    return unescape(re.findall(r'name="folder" value="([^"]+)"', answer.data.decode())[0])


def opened_by_the_hub(running: RunningHub) -> list[str]:
    """Nameless files in the hub's folder, or files with a name that were not there before."""
    return sorted(path.name for path in running.folder.path.iterdir())


def test_a_bundle_becomes_a_load(running: RunningHub) -> None:
    answer = send_file(running, FIRMWARE, cop(bundle_42("9-4-2SR3-1")), "cmterm-7942.9-4-2SR3-1.cop.sgn")
    assert answer.status == 200, text_of(answer)
    assert "1 load imported" in text_of(answer)
    assert "SIP42.9-4-2SR3-1S" in [row["name"] for row in running.do("GET", "/firmware")["items"]]
    noted = [(each["action"], each["object"]) for each in running.do("GET", "/audit?limit=50")["items"]]
    assert ("firmware.import", "SIP42.9-4-2SR3-1S") in noted
    again = send_file(running, FIRMWARE, cop(bundle_42("9-4-2SR3-1")), "cmterm-7942.9-4-2SR3-1.cop.sgn")
    assert (again.status, "1 load imported" in text_of(again)) == (200, True), "the same file twice changes nothing"
    assert "Import firmware" in read(running, "/firmware")


def test_rings_and_wallpapers_come_in_and_can_be_deleted(running: RunningHub) -> None:
    answer = send_file(running, ASSETS, zipped({"Doorbell.wav": RING, "__MACOSX/._Doorbell.wav": b"x"}), "rings.zip")
    assert answer.status == 200, text_of(answer)
    assert "ring tone" in text_of(answer)
    assert "Skipped 1 file" in text_of(answer)
    assert "Doorbell" in read(running, "/assets")
    assert "Delete the ring tone" in read(running, "/assets/ring-tone-doorbell/remove")
    assert send(running, "/assets/ring-tone-doorbell/remove").status == 303
    assert running.do("GET", "/assets")["items"] == []
    damaged = send_file(running, ASSETS, zipped({"A.wav": RING, "B.wav": b"RIFF\0\0\0\0WAVE"}), "rings.zip")
    assert damaged.status == 422
    assert "rings.zip: B.wav" in text_of(damaged)


def test_a_folder_is_looked_at_and_then_taken_over(running: RunningHub) -> None:
    macs = ("001B54C2F001", "001B54C2F002")
    files = folder_of(*macs) | {"tftpboot/notes.txt": b"hello"}
    seen = send_file(running, FOLDER, zipped(files), "tftp.zip", site="Sent office")
    said = text_of(seen)
    assert seen.status == 200, said
    assert "2 files of phones: " in said
    assert "2 phones would be added to Sent office" in said
    assert "SEP001B54C2F001.cnf.xml" in said, "the folder around all of them is left out"
    assert "s3cret" not in seen.data.decode()
    assert running.ask("GET", f"/phones/{macs[0]}").status == 404, "nothing is changed yet"
    told = send(running, f"{FOLDER}/report", {"folder": key_of(seen), "as": "json"})
    assert {row["path"] for row in json.loads(told.data)["entries"]} == {f"SEP{mac}.cnf.xml" for mac in macs}
    assert told.headers["Content-Disposition"] == 'attachment; filename="import.json"'
    done = send(running, f"{FOLDER}/do", {"folder": key_of(seen)})
    assert done.status == 200
    assert "2 phones added to Sent office" in text_of(done)
    assert running.do("GET", f"/phones/{macs[0]}/lines")["items"][0]["name"] == "600"
    twice = send(running, f"{FOLDER}/do", {"folder": key_of(seen)})
    assert "2 phones added" in text_of(twice), "who presses it twice sees what it did"
    text = send(running, f"{FOLDER}/report", {"folder": key_of(seen), "as": "text"}).data.decode()
    assert text.startswith("2 files of phones")
    assert "s3cret" not in text
    actions = {each["action"] for each in running.do("GET", "/audit?limit=50")["items"]}
    assert {"bulk.import", "phone.add"} <= actions


def test_questions_about_models_are_a_form(running: RunningHub) -> None:
    macs = ("001B54C2F011", "001B54C2F012")
    seen = send_file(running, FOLDER, zipped(folder_of(*macs)), "tftp.zip", site="Asked")
    assert "Models that are not certain" in text_of(seen)
    target, fields = form_of(seen, f"{FOLDER}/again")
    group = next(name.removeprefix("of-") for name in fields if name.startswith("of-"))
    again = send(running, target, {**fields, group: "7962", f"model-{macs[1]}-alone": "7942"})
    assert again.status == 200
    assert "7962 certain" in text_of(again)
    assert "7942 certain" in text_of(again)
    assert "Models that are not certain" not in text_of(again)
    wrong = send(running, target, {**fields, group: "no-phone"})
    assert (wrong.status, "no-phone" in text_of(wrong)) == (422, True)


def with_links() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in folder_of("001B54C2F021").items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (("SEP001B54C2F022.cnf.xml", "SEP001B54C2F021.cnf.xml"), ("out", "../../etc/passwd")):
            link = tarfile.TarInfo(f"tftpboot/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    return out.getvalue()


def test_links_in_a_folder_lead_to_what_is_in_it_and_nowhere_else(running: RunningHub) -> None:
    seen = send_file(running, FOLDER, with_links(), "tftp.tgz", site="Linked")
    assert seen.status == 200, text_of(seen)
    assert "SEP001B54C2F022.cnf.xml" in text_of(seen)
    assert "it is a link that leads out of the archive" in text_of(seen)


def linked_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("x.loads")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def tar_of_folders(count: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(count):
            info = tarfile.TarInfo(f"d{number}")
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize(
    ("path", "name", "data", "said"),
    [
        (FIRMWARE, "x.zip", b"", "The file is empty"),
        (FIRMWARE, "x.zip", b"not a zip", "neither zip, tar nor gzip"),
        (FIRMWARE, "x.zip", zipped({"../../out.loads": b"x"}), "leads out of the archive"),
        (FIRMWARE, "x.zip", linked_zip(), "is a link"),
        (FIRMWARE, "x.zip", zipped({"readme.txt": b"x"}), "no .loads file"),
        (FIRMWARE, "x.zip", zipped({f"{number}.txt": b"" for number in range(5001)}), "more than 5000 files"),
        (FIRMWARE, "x.tgz", gzip.compress(tar_of_folders(5001)), "more than 5000 files"),
        (FIRMWARE, "x.zip", zipped({name: data for name, data in bundle_42().items() if "cnu" not in name}), "cnu42"),
        (ASSETS, "x.txt", b"hello", "no ring tone"),
        (FOLDER, "x.bin", b"hello", "This is no archive"),
        (FOLDER, "x.zip", zipped({"readme.txt": b"x"}), "no phone's configuration"),
        (FOLDER, "x.zip", zipped({"a/nested.zip": zipped(folder_of("001B54C2F031"))}), "no phone's configuration"),
        (FOLDER, "x.zip", zipped(folder_of("001B54C2F031"))[:-30], "neither zip, tar nor gzip"),
        (FOLDER, "x.tgz", gzip.compress(tarred(folder_of("001B54C2F031")))[:-40], "damaged or cut off"),
    ],
)
def test_what_can_not_be_used_is_refused_in_words(
    running: RunningHub, path: str, name: str, data: bytes, said: str
) -> None:
    answer = send_file(running, path, data, name, site="Typed before")
    assert answer.status == 422, text_of(answer)
    assert said in text_of(answer)
    assert path != FOLDER or 'value="Typed before"' in answer.data.decode(), "what was typed stays"


@pytest.mark.slow
def test_a_bomb_ends_at_its_bound(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.archives.LARGEST_TOTAL_BYTES", 16 << 20)
    bomb = zipped({f"{number}.bin": bytes(4 << 20) for number in range(6)})
    assert len(bomb) < 1 << 20
    for path in (FIRMWARE, FOLDER):
        answer = send_file(running, path, bomb, "x.zip", site="Bomb")
        assert (answer.status, "It unpacks to more than 16 MiB" in text_of(answer)) == (422, True)


def test_a_file_that_is_cut_leaves_nothing_behind(running: RunningHub) -> None:
    before = opened_by_the_hub(running)
    data = zipped(folder_of("001B54C2F041"))
    whole = len(form_with_file(data, "tftp.zip", {"site": "Cut"}))
    for cut in (whole - 5, whole - len(BOUNDARY) - 20, whole // 2, 150, 20):
        answer = send_file(running, FOLDER, data, "tftp.zip", cut=cut, site="Cut")
        assert (answer.status, "did not come whole" in text_of(answer)) == (422, True), (cut, text_of(answer))
    assert opened_by_the_hub(running) == before
    assert send_file(running, FOLDER, data, "tftp.zip", site="Cut").status == 200, "no place is lost"


def test_a_sender_who_is_gone_leaves_nothing_behind(running: RunningHub) -> None:
    before = opened_by_the_hub(running)
    for _time in range(2 * uploaded_files.MOST_AT_ONCE):
        head = (
            f"POST {FOLDER} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {running.token.reveal()}\r\n"
            f'Content-Type: multipart/form-data; boundary="{BOUNDARY}"\r\nContent-Length: 9999999\r\n\r\n'
        )
        with connected(running.people_url, running.device_context()) as line:
            line.sendall(head.encode() + form_with_file(bytes(100_000), "tftp.zip", {"site": "Gone"})[:50_000])
    data = zipped(folder_of("001B54C2F051"))
    for _try in range(600):
        if (answer := send_file(running, FOLDER, data, "tftp.zip", site="Gone")).status == 200:
            break
        threading.Event().wait(0.1)
    assert answer.status == 200, text_of(answer)
    assert opened_by_the_hub(running) == before


def test_a_file_has_a_bound_and_what_was_typed_stays(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploaded_files, "LARGEST_OF", dict.fromkeys((FIRMWARE, ASSETS, FOLDER), 1_000_000))
    for path in (FIRMWARE, ASSETS, FOLDER):
        answer = send_file(running, path, bytes(3 << 20), "large.zip", site="Typed before")
        assert answer.status == 422
        assert "more than 1 MB, which is the most that this page takes" in text_of(answer)
        assert path != FOLDER or 'value="Typed before"' in answer.data.decode()
    texts = send_file(running, FOLDER, b"x", "x.zip", site="x" * 70_000)
    assert (texts.status, "texts are too long" in text_of(texts)) == (422, True)


def test_a_disk_that_is_full_is_said_so(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploaded_files, "_ROOM_LEFT_BYTES", 1 << 60)
    answer = send_file(running, FOLDER, zipped(folder_of("001B54C2F061")), "tftp.zip", site="Full")
    assert (answer.status, "the disk is full" in text_of(answer)) == (503, True), text_of(answer)


def test_an_import_has_a_bound_in_time(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (firmware, assets, folder_views):
        monkeypatch.setattr(module, "WorkTime", partial(WorkTime, -1.0))
    folder = zipped(folder_of("001B54C2F071"))
    for path, name, data in (
        (FIRMWARE, "x.cop.sgn", cop(bundle_42())),
        (ASSETS, "x.wav", RING),
        (FOLDER, "x.zip", folder),
    ):
        answer = send_file(running, path, data, name, site="Slow")
        assert (answer.status, "The hub was at work on it for" in text_of(answer)) == (422, True), text_of(answer)


def test_two_people_at_once_and_no_more_than_there_are_places(running: RunningHub) -> None:
    answers: dict[int, Answer] = {}

    def one(number: int) -> None:
        data = zipped(folder_of(f"001B54C2F08{number}"))
        answers[number] = send_file(running, FOLDER, data, "tftp.zip", site=f"At once {number}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(uploaded_files.MOST_AT_ONCE_OF_ONE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.status for answer in answers.values()] == [200] * len(threads)
    places = UploadPlaces()
    with places.one("a"), places.one("a"):
        with pytest.raises(Exception, match="no place for one more"), places.one("a"):
            pass
        with places.one("b"), places.one("b"), pytest.raises(Exception, match="no place"), places.one("c"):
            pass
    with places.one("a"):
        pass


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)


@pytest.mark.usefixtures("cheap")
def test_a_form_of_another_site_sends_no_file(running: RunningHub) -> None:
    row = person(running.hub, "sends-files@example.org")
    browser = PlainBrowser(running)
    assert browser.follow(browser.submit("/sign-in", name=row.name, password=PASSWORD.reveal())).status == 200
    _target, fields = form_of(browser.get(FOLDER), FOLDER)
    data = zipped(folder_of("001B54C2F091"))

    def sent(typed: dict[str, str], **headers: str) -> Answer:
        said = {"Content-Type": f'multipart/form-data; boundary="{BOUNDARY}"', "Origin": "null", **headers}
        return browser._ask("POST", FOLDER, said, form_with_file(data, "tftp.zip", typed))

    own = {"form_token": fields["form_token"], "form_organisation": fields["form_organisation"], "site": "Own"}
    assert sent(own, **{"Sec-Fetch-Site": "same-origin"}).status == 200
    assert sent(own, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert sent({**own, "form_token": "x"}, **{"Sec-Fetch-Site": "same-origin"}).status == 403
    assert sent({"site": "Own"}, **{"Sec-Fetch-Site": "same-origin"}).status == 403


def test_it_is_for_those_who_may_edit(running: RunningHub) -> None:
    token = running.do("POST", "/api-tokens", {"name": "reads files", "role": "support"})["token"]
    for path in (FIRMWARE, ASSETS, FOLDER):
        answer = send_file(running, path, b"x", "x.zip", token=token, site="Mine")
        assert answer.status == 403, path
    other = running.do("POST", "/api-tokens", {"name": "another one", "role": "operator"})["token"]
    seen = send_file(running, FOLDER, zipped(folder_of("001B54C2F0A1")), "tftp.zip", site="Mine")
    taken = send(running, f"{FOLDER}/do", {"folder": key_of(seen)}, token=other)
    assert (taken.status, "not kept any more" in text_of(taken)) == (422, True)


def put(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


@pytest.mark.slow
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("has_script", [True, False])
def test_a_folder_is_chosen_and_imported_in_a_browser(people: People, tmp_path: Path, has_script: bool) -> None:
    someone = people.person(Role.OPERATOR, java_script_enabled=has_script)
    page = someone.page
    mac = f"001B54C2F1{int(has_script):02}"
    someone.go(FOLDER)
    page.get_by_label("Site of its phones").fill(f"Browser {has_script}")
    page.get_by_label("The folder in an archive").set_input_files(put(tmp_path, "tftp.zip", zipped(folder_of(mac))))
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("heading", name="What the folder would become").wait_for()
    assert "1 file of phones" in page.locator(".lead").inner_text()
    page.get_by_role("button", name="Import it").click()
    page.get_by_role("heading", name="Imported", exact=True).wait_for()
    assert "1 phone added" in page.locator("main").inner_text()
    if has_script:
        someone.go(FIRMWARE)
        bundle = put(tmp_path, "cmterm-7942.cop.sgn", cop(bundle_42("9-4-2SR2-2")))
        page.get_by_label("The bundle").set_input_files(bundle)
        page.get_by_role("button", name="Import it").click()
        page.get_by_role("heading", name="1 load imported").wait_for()
        page.get_by_role("link", name="Import another").click()
        page.get_by_label("The bundle").set_input_files(put(tmp_path, "bad.zip", b"no zip"))
        page.get_by_role("button", name="Import it").click()
        page.get_by_text("neither zip, tar nor gzip").wait_for()
        page.get_by_label("The bundle").set_input_files(bundle)
        page.get_by_role("button", name="Import it").click()
        page.get_by_role("heading", name="1 load imported").wait_for()


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_a_browser_whose_connection_ends_says_so(people: People, tmp_path: Path) -> None:
    someone = people.person(Role.OPERATOR)
    page = someone.page
    someone.go(FOLDER)
    page.route("**" + FOLDER, lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.get_by_label("The folder in an archive").set_input_files(
        put(tmp_path, "tftp.zip", zipped(folder_of("001B54C2F201")))
    )
    page.get_by_role("button", name="Look at it").click()
    page.get_by_text("The connection ended before the file was whole.").wait_for()
    assert page.get_by_label("Site of its phones").input_value() == "imported"
    page.unroute("**" + FOLDER)
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("heading", name="What the folder would become").wait_for()
    someone.complaints[:] = [said for said in someone.complaints if "ERR_FAILED" not in said]


@pytest.mark.slow
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("has_script", [True, False])
def test_a_browser_with_a_file_that_is_too_large_shows_why(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_script: bool
) -> None:
    monkeypatch.setattr(uploaded_files, "LARGEST_OF", {FOLDER: 1_000_000})
    someone = people.person(Role.OPERATOR, java_script_enabled=has_script)
    someone.go(FOLDER)
    page = someone.page
    page.get_by_label("The folder in an archive").set_input_files(put(tmp_path, "large.zip", bytes(30 << 20)))
    page.get_by_role("button", name="Look at it").click()
    said = "The file is larger than this page takes." if has_script else "which is the most that this page takes"
    page.get_by_text(said).wait_for()
