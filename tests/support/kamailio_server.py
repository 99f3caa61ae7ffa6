"""A real Kamailio on loopback: a registrar that asks for digest, with its credentials in a hash table."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from stack import free_port

REALM = "sip.example.org"

DOCUMENT = Path(__file__).parents[2] / "docs" / "pbx.md"


def configured(address: str, folder: Path) -> str:
    """The configuration of docs/pbx.md, for an address (host:port) and a folder with accounts."""
    text = DOCUMENT.read_text().split("```kamailio\n")[1].split("```")[0]
    for theirs, ours in (
        ("10.0.0.5:5060", address),
        ("/etc/kamailio/ringfence", str(folder)),
        ("/usr/lib/x86_64-linux-gnu/kamailio/modules", str(modules())),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    return text


def modules() -> Path:
    """Where this machine's Kamailio has its modules."""
    return next(Path("/usr/lib").glob("*/kamailio/modules"))


def with_tls(text: str, folder: Path, port: int) -> str:
    """A configuration with what ``ringfence trust export-pbx`` says at the top of the files in a folder."""
    phones = folder / "kamailio-phones.cfg"
    changes = [
        ("listen=udp", f"listen=tls:127.0.0.1:{port}\nlisten=udp"),
        ('loadmodule "jsonrpcs.so"', f'include_file "{folder}/kamailio-tls.cfg"\nloadmodule "jsonrpcs.so"'),
    ]
    if phones.exists():
        changes += [
            ('modparam("usrloc"', f'include_file "{phones}"\nmodparam("usrloc"'),
            ("request_route {", "request_route {\n    route(RINGFENCE_PHONE);"),
        ]
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


@dataclass
class Kamailio:
    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"
    tls_port: int = 0

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/RPC"

    def call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = urllib3.request("POST", self.rpc_url, json=body, timeout=60, retries=False)
        return json.loads(answer.data)

    def contacts(self, user: str) -> list[dict[str, Any]]:
        found = self.call("ul.lookup", "location", user)
        return [row["Contact"] for row in found.get("result", {}).get("Contacts", [])]


@contextlib.contextmanager
def running_kamailio(folder: Path, files: dict[str, str], *, by_tls: bool = False) -> Iterator[Kamailio]:
    """Run Kamailio with the files that ``ringfence sip export --pbx kamailio`` writes.

    Where ``by_tls``, also with those of ``ringfence trust export-pbx``, which were written for this folder.
    """
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    port = free_port()
    tls_port = free_port() if by_tls else 0
    text = configured(f"127.0.0.1:{port}", folder)
    (folder / "kamailio.cfg").write_text(with_tls(text, folder, tls_port) if by_tls else text)
    command = [str(shutil.which("kamailio")), "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4"]
    command += ["-Y", str(folder), "-w", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    running = Kamailio(port, folder, process, tls_port)
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, (folder / "log").read_text()[-3000:]
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
                if "result" in running.call("core.version"):
                    break
            assert time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
            time.sleep(0.05)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(120)
