"""The PBX: a real Kamailio, which registers phones and passes calls on, and a voice that answers at number 600."""

import json
import shutil
import subprocess
from pathlib import Path

import urllib3

from stack import StoryBroken, wait_for
from support.kamailio_server import REALM, configured
from support.namespaces import entered
from world.machines import Machine
from world.sip_phone import SIP_PORT, SipPhone

ADDRESS, VOICE, VOICE_PORT = "172.16.5.10", "600", 5070
_REFUSES = '    sl_send_reply("405", "Method Not Allowed");'
_RELAYS = f"""
    if (has_totag()) {{
        if (!loose_route()) {{ sl_send_reply("404", "Not Here"); exit; }}
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    record_route();
    if ($rU == "{VOICE}") {{ $du = "sip:{ADDRESS}:{VOICE_PORT}"; t_relay(); exit; }}
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
"""


def configuration(accounts: Path) -> str:
    """Return the configuration of docs/pbx.md, with what makes a proxy of the registrar."""
    text = configured(f"{ADDRESS}:{SIP_PORT}", accounts)
    for theirs, ours in ((_REFUSES, _RELAYS), ('loadmodule "sl.so"', 'loadmodule "rr.so"\nloadmodule "sl.so"')):
        if theirs not in text:
            raise StoryBroken(f"docs/pbx.md has no {theirs!r}")
        text = text.replace(theirs, ours)
    return text


class Pbx:
    """The machine, and what runs there. ``folder`` is for its files; the accounts are exported into ``accounts``."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.realm = REALM
        self._folder = folder
        self.accounts = folder / "accounts"
        self.rpc_url = f"http://{ADDRESS}:{SIP_PORT}/RPC"
        self.voice = SipPhone(machine, folder / "voice", ADDRESS)

    def start(self) -> None:
        """Start Kamailio with the accounts."""
        path = self._folder / "kamailio.cfg"
        path.write_text(configuration(self.accounts))
        program = shutil.which("kamailio", path="/usr/sbin:/usr/bin")
        words = [str(program), "-f", str(path), "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(self._folder)]
        with (self._folder / "log").open("w") as log:
            process = self.machine.start(*words, "-w", str(self._folder), log=log)
        wait_for("Kamailio", lambda: self._answers(process))

    def take_a_call(self) -> "subprocess.Popen[str]":
        """Have the voice take the next call of its number."""
        return self.voice.answer(VOICE_PORT)

    def contacts(self, user: str) -> list[str]:
        """Return where a user is registered."""
        found = self._call("ul.lookup", "location", user).get("result", {})
        return [row["Contact"]["Address"] for row in found.get("Contacts", [])]

    def _answers(self, process: "subprocess.Popen[str]") -> bool:
        if process.poll() is not None:
            raise StoryBroken(f"Kamailio ended: {(self._folder / 'log').read_text()[-2000:]}")
        try:
            return "result" in self._call("core.version")
        except (urllib3.exceptions.HTTPError, OSError):
            return False

    def _call(self, method: str, *parameters: object) -> dict[str, dict[str, list[dict[str, dict[str, str]]]]]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        with entered(self.machine.namespace):
            answer = urllib3.request("POST", self.rpc_url, json=body, timeout=60, retries=False)
        return dict(json.loads(answer.data))
