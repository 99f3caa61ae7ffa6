"""A real Kamailio on loopback: a registrar that asks for digest, with its credentials in a hash table."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

REALM = "sip.example.org"
MODULES = Path("/usr/lib/x86_64-linux-gnu/kamailio/modules")

CONFIGURATION = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=2
mpath="{modules}/"
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
tcp_accept_no_cl=yes
loadmodule "jsonrpcs.so"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "db_text.so"
loadmodule "htable.so"
loadmodule "nathelper.so"
loadmodule "xhttp.so"
loadmodule "xlog.so"
modparam("htable", "db_url", "text://{folder}/dbtext")
modparam("htable", "htable", "credentials=>size=8;dbtable=htable;")
modparam("usrloc", "db_mode", 0)
modparam("nathelper", "received_avp", "$avp(received)")
modparam("registrar", "received_avp", "$avp(received)")
modparam("jsonrpcs", "transport", 1)

event_route[xhttp:request] {{
    if ($hu =~ "^/RPC") {{ jsonrpc_dispatch(); return; }}
    xhttp_reply("404", "Not Found", "text/plain", "");
}}

request_route {{
    if (is_method("REGISTER")) {{
        $var(user) = $au;
        if ($var(user) == $null || $sht(credentials=>$var(user)::0) == $null) {{
            auth_challenge("{realm}", "1"); exit;
        }}
        if (!pv_auth_check("{realm}", "$sht(credentials=>$var(user)::0)", "1", "0")) {{
            if ($sht(credentials=>$var(user)::1) == $null) {{ auth_challenge("{realm}", "1"); exit; }}
            if (!pv_auth_check("{realm}", "$sht(credentials=>$var(user)::1)", "1", "0")) {{
                auth_challenge("{realm}", "1"); exit;
            }}
        }}
        fix_nated_register();
        if (!save("location")) {{ sl_reply_error(); }}
        exit;
    }}
    sl_send_reply("405", "Method Not Allowed");
}}
"""


@dataclass
class Kamailio:
    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/RPC"

    def call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = urllib3.request("POST", self.rpc_url, json=body, timeout=5, retries=False)
        return json.loads(answer.data)

    def contacts(self, user: str) -> list[dict[str, Any]]:
        found = self.call("ul.lookup", "location", user)
        return [row["Contact"] for row in found.get("result", {}).get("Contacts", [])]


def _free_port() -> int:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        return int(tcp.getsockname()[1])


@contextlib.contextmanager
def running_kamailio(folder: Path, files: dict[str, str]) -> Iterator[Kamailio]:
    """Run Kamailio with the files that ``ringfence sip export --pbx kamailio`` writes."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    port = _free_port()
    (folder / "kamailio.cfg").write_text(CONFIGURATION.format(port=port, folder=folder, realm=REALM, modules=MODULES))
    command = [str(shutil.which("kamailio")), "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4"]
    command += ["-Y", str(folder), "-w", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    running = Kamailio(port, folder, process)
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
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(5)
