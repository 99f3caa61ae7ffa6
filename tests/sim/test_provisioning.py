"""HTTP before TFTP by the phones' own rule, and firmware taken whole or not at all."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.families import families, model
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.server.errors import FileRefused
from ringfence.sim.errors import ConfigurationMissing
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.provisioning import HttpFirst, upgrade
from ringfence.sim.steps import (
    BootFailed,
    Booting,
    Fetched,
    Holds,
    Missing,
    Step,
    Upgraded,
    UpgradeFailed,
)
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions
from support.firmware_files import signed

MAC = Mac("001122334455")
SERVER = ("127.0.0.1", 6969)
OWN = "SEP001122334455.cnf.xml"
LOAD = "sip9971.9-4-2SR4-1"


class Files:
    """What a TFTP server gives, and what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.asked = files, list[str]()

    def __call__(
        self, server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        del server, options, source_host
        self.asked.append(name)
        found = self.files.get(name.lstrip("/"))
        if found is None:
            raise FileRefused(1, "File not found")
        return found


@contextmanager
def http_server(files: dict[str, bytes], status: int = 404) -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = files.get(self.path.lstrip("/"))
            self.send_response(200 if found is not None else status)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


def rendered(kind: str, **settings: Value) -> dict[str, bytes]:
    lines = tuple(LineAccount(at, f"Line {at}", f"20{at}", "", "anna", Secret("s3cr3t")) for at in (1,))
    phone = PhoneToRender(MAC, kind, "", {"sip_server": "192.0.2.10", **settings}, lines)
    own = OwnTemplates({"generic": {"{mac}.cfg": "x"}})
    return {file.name: file.data for file in Renderer(own).render(phone)}


def boot(
    kind: str, files: dict[str, bytes], *, http: HttpFirst | None = None, load: str = ""
) -> tuple[list[Step], Files]:
    steps: list[Step] = []
    tftp = Files(files)
    phone = VirtualPhone(MAC, kind, SERVER, on_step=steps.append, fetch=http or tftp, running_load=load)
    phone.boot()
    return steps, tftp


def test_what_http_gives_is_not_asked_for_by_tftp() -> None:
    files = rendered("8851")
    with http_server(files) as (port, asked):
        steps, tftp = boot("8851", files, http=HttpFirst(port, Files(files)))
    assert [step.over for step in steps if isinstance(step, Fetched)] == ["http"]
    assert f"/{OWN}" in asked
    assert tftp.asked == []


def test_a_404_ends_the_search_and_tftp_is_not_asked() -> None:
    tftp = Files({"ITLFile.tlv": b"there over TFTP only"})
    with http_server({}) as (port, _asked):
        ask = HttpFirst(port, tftp)
        with pytest.raises(FileRefused):
            ask(SERVER, "ITLFile.tlv", options=NO_OPTIONS, source_host=None)
    assert (tftp.asked, ask.over) == ([], "http")


def test_a_refused_connection_means_tftp_at_once_for_each_file() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    files = rendered("8851")
    tftp = Files(files)
    steps, _unused = boot("8851", files, http=HttpFirst(port, tftp))
    assert OWN in tftp.asked
    assert {step.over for step in steps if isinstance(step, Fetched)} == {"tftp"}


def test_another_error_of_http_means_tftp_too() -> None:
    tftp = Files({"x": b"by TFTP"})
    with http_server({}, status=500) as (port, _asked):
        assert HttpFirst(port, tftp)(SERVER, "x", options=NO_OPTIONS, source_host=None) == b"by TFTP"


def test_a_phone_takes_its_firmware_whole_and_starts_anew() -> None:
    files = rendered("9971", firmware_load=LOAD)
    files |= {
        f"{LOAD}.loads": signed(f"{LOAD}.loads", b"kern.sebn\nrootfs.sebn\n"),
        "kern.sebn": b"k",
        "rootfs.sebn": b"r",
    }
    steps, tftp = boot("9971", files)
    assert [step for step in steps if isinstance(step, Upgraded)] == [Upgraded(LOAD, 2)]
    assert [step.why for step in steps if isinstance(step, Booting)] == ["power on", "new firmware"]
    assert tftp.asked.count(f"{LOAD}.loads") == 1
    assert sum(isinstance(step, Holds) for step in steps) == 2


def test_a_phone_that_runs_the_load_fetches_none() -> None:
    files = rendered("9971", firmware_load=LOAD)
    steps, tftp = boot("9971", files, load=LOAD)
    assert f"{LOAD}.loads" not in tftp.asked
    assert not any(isinstance(step, Upgraded | UpgradeFailed) for step in steps)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, f"missing: {LOAD}.loads"),
        ({f"{LOAD}.loads": b"kern.sebn\nrootfs.sebn\n", "kern.sebn": b"k"}, "missing: rootfs.sebn"),
        ({f"{LOAD}.loads": b""}, f"missing: {LOAD}.loads (it does not name a file)"),
    ],
)
def test_a_phone_keeps_its_firmware_where_a_file_is_missing(more: dict[str, bytes], why: str) -> None:
    steps, _files = boot("9971", rendered("9971", firmware_load=LOAD) | more)
    assert [step for step in steps if isinstance(step, UpgradeFailed)] == [UpgradeFailed(LOAD, why)]
    assert sum(isinstance(step, Booting) for step in steps) == 1


def test_an_optional_file_may_be_missing() -> None:
    files = {f"{LOAD}.loads": b"a.sbn\n#+ b.sbn 1 x\n", "a.sbn": b"a"}
    assert upgrade(LOAD, files.get).missing == ()


@pytest.mark.parametrize("of", [of for of in families().values() if of.files], ids=lambda of: of.id)
def test_each_family_boots_in_its_own_order_with_what_we_render(of: object) -> None:
    family = next(each for each in families().values() if each is of)
    kind = next(iter(family.models.values()))
    steps, tftp = boot(kind.name, rendered(kind.name))
    order = [ask.name_for(MAC, kind) for ask in family.boot.value]
    assert tftp.asked[: len(order)] == order
    (holds,) = [step for step in steps if isinstance(step, Holds)]
    assert holds.configuration.lines[0].name == "201"
    harmless = [step for step in steps if isinstance(step, Missing)]
    assert all(step.harmless or step.name.endswith((".TXT", ".DAT")) for step in harmless), harmless


@pytest.mark.parametrize(("kind", "seconds"), [("8851", 45.0), ("SPA504G", 3600.0), ("7960", 45.0)])
def test_a_phone_asks_again_after_the_time_that_its_family_takes(kind: str, seconds: float) -> None:
    steps: list[Step] = []
    phone = VirtualPhone(MAC, kind, SERVER, on_step=steps.append, fetch=Files({}))
    phone._boot_or_wait("power on")
    (failed,) = [step for step in steps if isinstance(step, BootFailed)]
    assert failed.retry_s == seconds


def test_a_phone_without_its_file_or_with_a_bad_one_says_which() -> None:
    with pytest.raises(ConfigurationMissing, match=r"8851-3PCC\.xml"):
        boot("8851-3PCC", {})
    bad = rendered("SPA504G") | {"001122334455.cfg": b"<flat-profile><User_ID_1_>"}
    with pytest.raises(ConfigurationRejected, match="not well-formed"):
        boot("SPA504G", bad)
    with pytest.raises(ConfigurationRejected, match="nothing to register"):
        boot("7960", {"SIPDefault.cnf": b"", f"SIP{MAC.bare}.cnf": b'proxy1_address: "x"\n'})
    assert model("7960")[0].id == "cisco-7940-7960"
