"""``ringfence-portable`` as somebody at home runs it: any Python from 3.11 on, no library, real UDP, a clean disk."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from ringfence.content.release import TargetKind
from ringfence.hub.publishing import bundle_file
from ringfence.portable.manifest import BundledPhone
from ringfence.secret import Secret
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from support.portable_home import (
    CONFIGURATION,
    FIRMWARE,
    MAC,
    NAME,
    OTHER_MAC,
    SECRET,
    SHARED,
    BundlingHub,
    new_identity,
    pythons,
    refused,
    started,
)

HUB = BundlingHub()
IDENTITY, LOCK, IDENTITY_TEXT = new_identity()
pytestmark = pytest.mark.slow

LOADS = "SCCP45.9-4-2SR3-1S.loads"
BIG = RequestedOptions(block_size=1428)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return HUB.program(tmp_path_factory.mktemp("program") / "ringfence-portable.pyz")


@pytest.fixture(scope="module")
def anna(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return HUB.write(tmp_path_factory.mktemp("bundle") / "anna.rfb", LOCK)


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    (file := tmp_path / "key.txt").write_text(IDENTITY_TEXT)
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).parent.parent.name)
def test_each_python_serves_a_phone_all_its_files(
    program: Path, anna: Path, identity: Path, home: Path, python: str
) -> None:
    with started(program, str(anna), "--identity", str(identity), "--no-page", home=home, python=python) as portable:
        server = ("127.0.0.1", portable.port)
        assert fetch(server, NAME) == CONFIGURATION
        assert fetch(server, "dialplan.xml", mode="netascii") == SHARED
        assert fetch(server, LOADS.upper(), options=BIG) == FIRMWARE
        said = portable.until(lambda said: f"took {LOADS}" in said)
        assert "Anna's phone took its file at " in said
        assert portable.end().endswith("Ended. Nothing is kept on this computer.\n")


def test_it_brings_all_that_it_loads(program: Path, anna: Path, identity: Path, home: Path) -> None:
    """No module comes from elsewhere than the standard library and the file itself."""
    told = (
        "import runpy, sys, json\n"
        "sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as ended: status = ended.code\n"
        "files = {n: getattr(m, '__file__', None) or '' for n, m in sys.modules.items() if n not in ('__main__',)}\n"
        "print(json.dumps([status, files]))\n"
    )
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", told, str(program), str(anna), "--identity", str(identity), "--inspect"],
        capture_output=True, text=True, check=True, env={"HOME": str(home)}, cwd=home,
    )  # fmt: skip
    status, files = json.loads(done.stdout.splitlines()[-1])
    assert status == 0
    library = str(Path(os.__file__).parent)
    foreign = {name: file for name, file in files.items() if file and not file.startswith((str(program), library))}
    assert not foreign
    assert not {name for name in files if name.partition(".")[0] in {"cryptography", "msgspec", "tuf"}}


def test_it_has_the_licences_of_what_it_brings(program: Path) -> None:
    with zipfile.ZipFile(program) as archive:
        names = set(archive.namelist())
        assert {f"licences/{each}/LICENSE" for each in ("tlslite-ng", "ecdsa", "six")} <= names
        assert HUB.key.hex() in archive.read("__main__.py").decode()
    assert HUB.program(program.with_name("again.pyz")).read_bytes() == program.read_bytes()


def test_no_decrypted_byte_is_on_the_disk(program: Path, home: Path, tmp_path: Path) -> None:
    """Everything that the process opens to write is known, and its open files and folders hold no secret."""
    told = (
        "import os, runpy, sys\n"
        "def hook(event, args):\n"
        "    if event == 'open' and isinstance(args[0], (str, bytes)):\n"
        "        writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)\n"
        "        if writes: os.write(2, b'WRITES ' + os.fsencode(args[0]) + b'\\n')\n"
        "sys.addaudithook(hook)\n"
        "runpy.run_path({program!r}, run_name='__main__')\n"
    )
    (start := tmp_path / "start.py").write_text(told.format(program=str(program)))
    by_passphrase = HUB.write(tmp_path / "p.rfb", bundle_file.lock_for_passphrase(Secret("correct horse battery")))
    (file := tmp_path / "passphrase").write_text("correct horse battery\n")
    with started(start, str(by_passphrase), "--passphrase-file", str(file), home=home) as portable:
        assert fetch(("127.0.0.1", portable.port), NAME) == CONFIGURATION
        portable.until(lambda said: "took its file" in said)
        opened = list(Path(f"/proc/{portable.process.pid}/fd").iterdir())
        assert not [each for each in opened if SECRET.encode() in _read(each)]
        assert SECRET not in Path(f"/proc/{portable.process.pid}/cmdline").read_text()
        written = {line.split(" ", 1)[1] for line in portable.end().splitlines() if line.startswith("WRITES ")}
    assert {Path(each).name for each in written} <= {"taken.json.new"}
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["taken.json"]
    assert json.loads(kept[0].read_text()) == {"bundle-3f9c0a7b21de": 1}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


def test_each_bundle_that_is_not_good_has_its_sentence_and_code(
    program: Path, anna: Path, identity: Path, home: Path, tmp_path: Path
) -> None:
    words = ("--identity", str(identity), "--no-page")

    def told(path: Path, *more: str) -> tuple[int, str]:
        return refused(program, str(path), *more, home=home)

    (cut := tmp_path / "cut.rfb").write_bytes(anna.read_bytes()[:-1])
    (empty := tmp_path / "empty.rfb").write_bytes(b"")
    foreign = BundlingHub().write(tmp_path / "foreign.rfb", LOCK)
    old = HUB.write(tmp_path / "old.rfb", LOCK, HUB.content(now=1e9))
    early = HUB.write(tmp_path / "early.rfb", LOCK, HUB.content(now=9e9))
    (passphrase := tmp_path / "passphrase").write_text("wrong\n")
    for path, code, sentence in (
        (cut, 8, "damaged or cut short"), (empty, 3, "not a bundle of Ringfence"), (foreign, 8, "from another hub"),
        (old, 8, "expired on 2001-10-09"), (early, 8, "Set the clock right"),
    ):  # fmt: skip
        status, said = told(path, *words)
        assert (status, sentence in said, "Traceback" in said) == (code, True, False), said
    status, said = told(anna, "--passphrase-file", str(passphrase))
    assert (status, "for an age recipient" in said) == (6, True)
    status, said = told(tmp_path / "none.rfb", *words)
    assert (status, "there is no bundle at" in said) == (3, True)
    status, said = told(anna, *words, "--address", "203.0.113.77")
    assert (status, "no address 203.0.113.77" in said) == (7, True)
    status, said = told(anna, *words, "--language", "de", "--watch", "http://hub.example.org/x",
                        "--download-password-file", str(passphrase))  # fmt: skip
    assert (status, "nur über https://" in said) == (3, True)


def test_an_older_bundle_than_the_last_is_refused(
    program: Path, anna: Path, identity: Path, home: Path, tmp_path: Path
) -> None:
    words = ("--identity", str(identity), "--no-page")
    newer = HUB.write(tmp_path / "newer.rfb", LOCK, HUB.content(2))
    with started(program, str(newer), *words, home=home) as portable:
        assert portable.port
    status, said = refused(program, str(anna), *words, "--port", "0", home=home)
    assert status == 8
    assert "this bundle has number 1, and this computer has had number 2" in said
    other = HUB.write(tmp_path / "other.rfb", LOCK, HUB.content(1, bundle="bundle-of-ben"))
    with started(program, str(other), *words, home=home) as portable:
        assert portable.port


def test_a_busy_port_is_explained(program: Path, anna: Path, identity: Path, home: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        words = ("--identity", str(identity), "--address", "127.0.0.1", "--port", str(port))
        status, said = refused(program, str(anna), *words, home=home)
    assert status == 7
    assert f"another program uses port {port}" in said


def test_who_is_not_the_phone_gets_nothing_and_the_person_is_told(
    program: Path, anna: Path, identity: Path, home: Path
) -> None:
    with started(program, str(anna), "--identity", str(identity), "--no-page", home=home) as portable:
        server = ("127.0.0.1", portable.port)
        assert fetch(server, NAME, source_host="127.0.0.2") == CONFIGURATION
        for name, source in ((NAME, "127.0.0.3"), (f"SEP{OTHER_MAC}.cnf.xml", "127.0.0.3"), ("../x", "127.0.0.2"),
                             ("dialplan.xml", "127.0.0.3")):  # fmt: skip
            with pytest.raises(FileRefused, match="File not found"):
                fetch(server, name, source_host=source)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as writer:
            writer.settimeout(60)
            writer.sendto(b"\0\x02x\0octet\0", server)
            assert writer.recv(600) == b"\0\x05\0\x02Access violation\0"
            for junk in (b"", b"\0", b"\xff" * 1500, b"\0\x01", b"\0\x01x\0mail\0"):
                writer.sendto(junk, server)
        said = portable.until(lambda said: OTHER_MAC in said)
        assert "A second device, at 127.0.0.3, asked for the file of Anna's phone" in said
        assert fetch(server, NAME, source_host="127.0.0.2") == CONFIGURATION


def test_a_flood_of_one_device_stops_no_other(program: Path, anna: Path, identity: Path, home: Path) -> None:
    with started(program, str(anna), "--identity", str(identity), "--no-page", home=home) as portable:
        server = ("127.0.0.1", portable.port)
        assert fetch(server, NAME, source_host="127.0.0.2") == CONFIGURATION
        over = threading.Event()

        def flood() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
                endpoint.bind(("127.0.0.9", 0))
                while not over.wait(0.001):
                    endpoint.sendto(b"\0\x01" + NAME.encode() + b"\0octet\0", server)

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            assert fetch(server, LOADS, source_host="127.0.0.2", options=BIG) == FIRMWARE
        finally:
            over.set()
            flooding.join()


def test_the_page_is_for_this_computer_alone_and_speaks_both_languages(
    program: Path, anna: Path, identity: Path, home: Path
) -> None:
    with started(program, str(anna), "--identity", str(identity), home=home) as portable:
        assert fetch(("127.0.0.1", portable.port), NAME) == CONFIGURATION
        said = portable.until(lambda said: "took its file" in said)
        host, path = said.split("http://", 1)[1].split(" ", 1)[0].split("/", 1)
        status, page, headers = _get(host, f"/{path}")
        assert status == 200
        assert "Anna&#x27;s phone took its file at" in page
        assert "script" not in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert 'href="de"' in page
        assert "hat seine Datei um" in _get(host, f"/{path.removesuffix('en')}de")[1]
        assert _get(host, f"/{path.removesuffix('en')}style.css")[2]["Content-Type"].startswith("text/css")
        token = path.split("/", 1)[0]
        for refused_path in ("/", "/en", f"/{token}", f"/{token}/fr", f"/{token}x/en", f"/{token}/en/x", "//x/en"):
            assert _get(host, refused_path)[0] == 404
        assert _get(host, f"/{path}", host_header="evil.example.org")[0] == 404
        assert _get(host, f"/{path}", method="POST")[0] == 501
        assert SECRET not in page


def _get(host: str, path: str, host_header: str = "", method: str = "GET") -> tuple[int, str, http.client.HTTPMessage]:
    name, port = host.split(":")
    connection = http.client.HTTPConnection(name, int(port), timeout=60)
    try:
        connection.request(method, path, headers={"Host": host_header or host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_a_bundle_of_a_site_is_for_each_of_its_phones(
    program: Path, identity: Path, home: Path, tmp_path: Path
) -> None:
    names = {each: f"SEP{each}.cnf.xml" for each in (MAC, OTHER_MAC)}
    content = HUB.content(
        phones=tuple(BundledPhone(each, "", "9971") for each in names),
        files=[HUB.target(names[each], each.encode(), TargetKind.CONFIGURATION, each) for each in names],
    )
    site = HUB.write(tmp_path / "site.rfb", LOCK, content)
    with started(
        program, str(site), "--identity", str(identity), "--no-page", "--language", "de", home=home
    ) as portable:
        server = ("127.0.0.1", portable.port)
        for number, (mac, name) in enumerate(names.items(), 2):
            assert fetch(server, name, source_host=f"127.0.0.{number}") == mac.encode()
        said = portable.until(lambda said: "Telefon 00:1B:54:C2:9A:11 hat seine Datei um" in said)
        assert "Dieses Bündel ist für Telefon 00:1B:54:C2:9A:10 und Telefon 00:1B:54:C2:9A:11." in said
