"""A phone's calls: sipp registers, calls and answers as the phone, and speaks (G.711, 50 packets a second)."""

import subprocess
from pathlib import Path

from ringfence.phones.parsed_configuration import HeldLine
from stack import StoryBroken, wait_for
from world.machines import Machine, end

SIP_PORT, AUDIO_PORT = 5060, 16_384
AUDIO_BYTES = 8000
_HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="phone">\n'
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70"
_SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=phone 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
"""
_SAME = "[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"
_SPEAK = '<nop><action><exec rtp_stream="AUDIO,-1,8,PCMA/8000"/></action></nop>\n'
_HUSH = '<nop><action><exec rtp_stream="pause"/></action></nop>\n'


def _send(text: str, *, retrans: bool = True) -> str:
    again = ' retrans="500"' if retrans else ""
    return f"  <send{again}><![CDATA[\n{text}\n  ]]></send>\n"


def _register(number: int, more: str) -> str:
    return _send(
        f"REGISTER sip:[remote_ip] SIP/2.0\n{_VIA}\n"
        "From: <sip:NAME@[remote_ip]>;tag=[call_number]\nTo: <sip:NAME@[remote_ip]>\nCall-ID: [call_id]\n"
        f"CSeq: {number} REGISTER\nContact: <sip:NAME@[local_ip]:[local_port];transport=[transport]>\n{more}"
        "Expires: 3600\nContent-Length: 0\n"
    )


REGISTER = (
    _HEAD + _register(1, "") + '<recv response="401" auth="true"/>\n'
    + _register(2, "[authentication username=USER password=PASSWORD]\n")
    + '<recv response="200"/>\n</scenario>\n'
)  # fmt: skip


def _in_call(method: str, number: int) -> str:
    return _send(
        f"{method} [next_url] SIP/2.0\n{_VIA}\n[routes]\n"
        "From: <sip:NAME@[local_ip]:[local_port]>;tag=[call_number]\nTo: <sip:[service]@[remote_ip]>[peer_tag_param]\n"
        f"Call-ID: [call_id]\nCSeq: {number} {method}\nContent-Length: 0\n",
        retrans=method != "ACK",
    )


CALL = (
    _HEAD
    + _send(
        f"INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n{_VIA}\n"
        "From: <sip:NAME@[local_ip]:[local_port]>;tag=[call_number]\nTo: <sip:[service]@[remote_ip]>\n"
        "Call-ID: [call_id]\nCSeq: 1 INVITE\nContact: <sip:NAME@[local_ip]:[local_port];transport=[transport]>\n" + _SDP
    )
    + '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
    + '<recv response="200" rrs="true"/>\n'
    + _in_call("ACK", 1)
    + _SPEAK
    + '<pause milliseconds="LASTS"/>\n'
    + _HUSH
    + _in_call("BYE", 2)
    + '<recv response="200"/>\n</scenario>\n'
)
ANSWER = (
    _HEAD
    + '<recv request="INVITE" rrs="true"/>\n'
    + "".join(
        _send(
            f"SIP/2.0 {status}\n{_SAME.format(tag=';tag=[call_number]')}[last_Record-Route:]\n"
            f"Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n{body}",
            retrans=body == _SDP,
        )
        for status, body in (("180 Ringing", "Content-Length: 0\n"), ("200 OK", _SDP))
    )
    + '<recv request="ACK"/>\n'
    + _SPEAK
    + '<recv request="BYE" timeout="600000"/>\n'
    + _HUSH
    + _send(f"SIP/2.0 200 OK\n{_SAME.format(tag='')}Content-Length: 0\n", retrans=False)
    + "</scenario>\n"
)
BE_TOLD = (
    _HEAD + '<recv request="NOTIFY" timeout="600000"/>\n'
    + _send(f"SIP/2.0 200 OK\n{_SAME.format(tag=';tag=[call_number]')}Content-Length: 0\n", retrans=False)
    + "</scenario>\n"
)  # fmt: skip


class SipPhone:
    """What a phone does over SIP at one address; each ``recv`` has its time, so that nothing waits for ever.

    Args:
        machine: Where it is.
        folder: For scenarios and logs.
        address: Its own.
        line: What it is called, and its password; None for what registers nowhere.
        transport: ``udp`` or ``tcp``.
    """

    def __init__(
        self, machine: Machine, folder: Path, address: str, line: HeldLine | None = None, transport: str = "udp"
    ) -> None:
        self.machine, self.address = machine, address
        self.name = line.name if line is not None else "pbx"
        self._folder = folder
        self._transport = transport
        self._words = {"AUDIO": str(folder / "audio.pcma"), "NAME": self.name}
        if line is not None:
            self._words |= {"USER": line.auth_name, "PASSWORD": line.password.reveal()}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audio.pcma").write_bytes(bytes(range(256)) * (AUDIO_BYTES // 256))

    def register(self, server: str) -> bool:
        """Register; return whether it was accepted."""
        return self._start("register", REGISTER, server).wait() == 0

    def answer(self, port: int = SIP_PORT) -> "subprocess.Popen[str]":
        """Wait for a call, take it, and speak until the other one hangs up."""
        process = self._start("answer", ANSWER, "", port=port)
        self._listens("answer", process, port)
        return process

    def call(self, server: str, number: str, *, lasts_s: float, port: int = SIP_PORT) -> "subprocess.Popen[str]":
        """Call a number and speak; ends with status 0 if all of the call was as it should be."""
        self._words["LASTS"] = str(round(1000 * lasts_s))
        return self._start("call", CALL, server, "-s", number, port=port)

    def be_told(self) -> "subprocess.Popen[str]":
        """Wait for an order to fetch files, out of any dialog, and obey."""
        process = self._start("be-told", BE_TOLD, "")
        self._listens("be-told", process, SIP_PORT)
        return process

    def heard(self, what: str) -> str:
        """Return the SIP messages of what was started: ``register``, ``answer``, ``call`` or ``be-told``."""
        return self._path(what, "messages").read_text(errors="replace")

    def hang_up(self, process: "subprocess.Popen[str]") -> None:
        """End what was started, whatever it does."""
        end(process)

    def _start(
        self, what: str, scenario: str, server: str, *more: str, port: int = SIP_PORT
    ) -> "subprocess.Popen[str]":
        for word, value in self._words.items():
            scenario = scenario.replace(word, value)
        self._path(what, "xml").write_text(scenario)
        self._path(what, "messages").unlink(missing_ok=True)
        words = [
            "sipp", *([f"{server}:{SIP_PORT}"] if server else []), "-sf", str(self._path(what, "xml")),
            "-i", self.address, "-mi", self.address, "-p", str(port), "-mp", str(AUDIO_PORT), "-m", "1", "-nostdin",
            "-t", {"udp": "u1", "tcp": "t1"}[self._transport], "-recv_timeout", "60000",
            "-trace_msg", "-message_file", str(self._path(what, "messages")), *more,
        ]  # fmt: skip
        with self._path(what, "log").open("w") as log:
            return self.machine.start(*words, log=log)

    def _listens(self, what: str, process: "subprocess.Popen[str]", port: int) -> None:
        option = "-lnuH" if self._transport == "udp" else "-lntH"

        def look() -> bool:
            if process.poll() is not None:
                raise StoryBroken(f"sipp ended: {self._path(what, 'log').read_text()[-1000:]}")
            return f"{self.address}:{port}" in self.machine.must("ss", option)

        wait_for("a phone that listens", look)

    def _path(self, what: str, suffix: str) -> Path:
        return self._folder / f"{what}.{suffix}"
