"""Captures: which frames belong there, what is left of them, and that no secret of a site is."""

import base64
import hashlib
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.edge.errors import NoFrames
from ringfence.edge.jobs import capture
from ringfence.edge.jobs.capture import HEAD, Capturing
from ringfence.edge.jobs.capture_packets import (
    MOST_TRANSFERS,
    CapturePackets,
    masked_dhcp,
    masked_sip,
    masked_tftp,
)
from ringfence.edge.jobs.edge_jobs import Work
from ringfence.edge.jobs.policy import JobPolicy
from ringfence.edge.jobs.telling import JobTelling
from ringfence.edge.lan.capture_bpf import MOST_PORTS, capture_filter
from ringfence.edge.lan.capture_socket import CaptureSocket
from ringfence.wire.job_messages import JobNews, JobNewsAnswer, JobOrder
from support.namespaces import Wire, entered

on_a_wire = [pytest.mark.needs("netns"), pytest.mark.needs("tshark")]
PHONE, EDGE, PBX, OTHER = b"\xc0\0\2\x09", b"\xc0\0\2\x01", b"\xc0\0\2\x32", b"\xc0\0\2\x63"
SECRET = "S3cret-of-201"
NONCE = "0123456789abcdef"
RESPONSE = hashlib.md5(f"201:asterisk:{SECRET}:{NONCE}".encode()).hexdigest()  # noqa: S324 - what SIP asks for
FILE = f"<device><authPassword>{SECRET}</authPassword></device>".encode()

REGISTER = (
    "REGISTER sip:pbx.example.org SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n"
    f'From: "Anna" <sip:201:{SECRET}@pbx.example.org>;tag=1\r\n'
    "To: <sip:201@pbx.example.org>\r\n"
    "Call-ID: abc@192.0.2.9\r\n"
    "CSeq: 2 REGISTER\r\n"
    f'Authorization: Digest username="201", realm="asterisk", nonce="{NONCE}",\r\n'
    f'\t uri="sip:pbx.example.org", response="{RESPONSE}"\r\n'
    f"X-Provisioning: {SECRET}\r\n"
    f"Refer-To: <sip:202@pbx?Authorization={SECRET}>\r\n"
    "User-Agent: Cisco/9971\r\n"
    "Content-Length: 0\r\n\r\n"
).encode()
INVITE = (
    "INVITE sip:202@pbx.example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060\r\nCSeq: 1 INVITE\r\n"
    "c: application/sdp\r\n\r\n"
    f"v=0\r\no=anna 1 1 IN IP4 192.0.2.9\r\ns=secret subject\r\nc=IN IP4 192.0.2.9\r\nk=clear:{SECRET}\r\n"
    f"m=audio 20000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}\r\n"
    f"a=ice-pwd:{SECRET}\r\na=sendrecv\r\n"
).encode()


def udp(payload: bytes, source: tuple[bytes, int], target: tuple[bytes, int], *, tail: bytes = b"") -> bytes:
    """A frame with IPv4 and UDP; ``tail`` is what an interface adds behind."""
    datagram = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0xBEEF) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0, source[0], target[0])
    return bytes(12) + b"\x08\x00" + head + datagram + tail


def tcp(payload: bytes, source: tuple[bytes, int], target: tuple[bytes, int]) -> bytes:
    segment = struct.pack("!HHIIBBHHH", source[1], target[1], 1, 1, 0x50, 0x18, 1024, 0xBEEF, 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0, source[0], target[0])
    return bytes(12) + b"\x08\x00" + head + segment


def encodings(secret: str) -> set[bytes]:
    """A secret as it may stand somewhere: plain, base64 at any place, hexadecimal, percent, UTF-16, backwards."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1], secret.encode("utf-16-le")}
    found |= {"".join(f"%{byte:02X}" for byte in raw).encode(), urllib.parse.quote(secret).encode()}
    found |= {base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3)}
    return {each for each in found if len(each) > 3}


def chosen(*frames: bytes, with_secrets: bool = False) -> list[bytes | None]:
    packets = CapturePackets({69, 1069}, {5060}, with_secrets=with_secrets)
    return [packets.take(frame) for frame in frames]


def test_a_transfer_is_followed_to_its_ports_and_its_file_is_not_seen() -> None:
    asked = udp(b"\0\1SEP001122334455.cnf.xml\0octet\0", (PHONE, 50_000), (EDGE, 69))
    first = udp(b"\0\3\0\1" + FILE, (EDGE, 41_000), (PHONE, 50_000), tail=SECRET.encode())
    answered = udp(b"\0\4\0\1", (PHONE, 50_000), (EDGE, 41_000))
    stranger = udp(b"\0\3\0\1" + FILE, (OTHER, 41_000), (PHONE, 50_000))
    rtp = udp(b"\x80\0" + bytes(160), (PHONE, 20_000), (PBX, 20_000))
    before, *kept = chosen(first, asked, first, answered, stranger, rtp)
    assert before is None, "nobody asked for it"
    assert kept[3:] == [None, None]
    assert [len(frame or b"") for frame in kept[:3]] == [len(asked), len(first) - len(SECRET), len(answered)]
    assert b"SEP001122334455.cnf.xml" in (kept[0] or b"")
    assert (kept[1] or b"").endswith(b"\0\3\0\1" + b"X" * len(FILE))
    with_secrets = chosen(asked, first, with_secrets=True)
    assert FILE in (with_secrets[1] or b"")
    assert SECRET.encode() not in (with_secrets[1] or b"")[-len(SECRET) :], "what the interface adds is dropped"


def test_a_message_of_sip_keeps_what_finds_faults_and_no_secret() -> None:
    masked = masked_sip(REGISTER)
    assert len(masked) == len(REGISTER)
    for kept in (b"REGISTER sip:pbx.example.org SIP/2.0", b"Call-ID: abc@192.0.2.9", b"User-Agent: Cisco/9971",
                 b"sip:201:XXXX", b"@pbx.example.org>;tag=1", b"Authorization: XXXX"):  # fmt: skip
        assert kept in masked or kept in masked.replace(b"Authorization:X", b"Authorization: X"), kept
    for gone in (SECRET, RESPONSE, NONCE):
        assert gone.encode() not in masked
    sdp = masked_sip(INVITE)
    for kept in (b"m=audio 20000 RTP/SAVP 0", b"a=rtpmap:0 PCMU/8000", b"a=sendrecv", b"c=IN IP4 192.0.2.9"):
        assert kept in sdp
    assert SECRET.encode() not in sdp
    assert b"subject" not in sdp


@pytest.mark.parametrize("cut", [3, 10, 40, 200, 330, 400, 460, 600])
def test_however_tcp_cuts_a_message_no_part_of_a_secret_is_seen(cut: int) -> None:
    parts = [tcp(part, (PHONE, 5060), (PBX, 5060)) for part in (REGISTER[:cut], REGISTER[cut:])]
    seen = b"".join(each or b"" for each in chosen(*parts))
    for start in range(len(SECRET) - 5):
        assert SECRET[start : start + 6].encode() not in seen
    for start in range(len(RESPONSE) - 7):
        assert RESPONSE[start : start + 8].encode() not in seen


@pytest.mark.parametrize("text", ["http://user:{0}@192.0.2.1/", "tftp://{0}@h/x", "https://a:b:{0}@[::1]/"])
def test_dhcp_keeps_all_but_credentials(text: str) -> None:
    url = text.format(SECRET).encode()
    options = b"\x35\1\2\0\x42" + bytes([len(url)]) + url + b"\x5a\x0d" + SECRET.encode() + b"\xff"
    packet = bytes(236) + b"\x63\x82\x53\x63" + options
    masked = masked_dhcp(packet)
    assert len(masked) == len(packet)
    assert SECRET.encode() not in masked
    assert masked[:245] == packet[:245]


def test_a_flood_of_requests_is_remembered_in_bounds() -> None:
    packets = CapturePackets({69}, {5060})
    for number in range(MOST_TRANSFERS + 10):
        packets.take(udp(b"\0\1f\0octet\0", (struct.pack("!I", number), 50_000), (EDGE, 69)))
    assert packets.take(udp(b"\0\3\0\1x", (EDGE, 41_000), (struct.pack("!I", 0), 50_000))) is None
    assert packets.take(udp(b"\0\3\0\1x", (EDGE, 41_000), (struct.pack("!I", MOST_TRANSFERS), 50_000))) is not None


_payloads = st.one_of(
    st.binary(max_size=600),
    st.sampled_from([REGISTER, INVITE, b"\0\3\0\1" + FILE, b"\0\1f\0octet\0"]),
    st.builds(
        lambda start, rest: start + rest, st.sampled_from([REGISTER[:60], INVITE[:60], b"\0\3\0\1"]), st.binary()
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="X"), min_size=8, max_size=24),
    hide=st.sampled_from(["file", "digest", "header", "crypto", "uri", "body", "continued", "tail"]),
    turned=st.integers(0, 40),
    port=st.sampled_from([(50_000, 69), (5060, 5060), (68, 67), (41_000, 50_000)]),
    over_tcp=st.booleans(),
)
def test_no_secret_of_a_site_occurs_in_a_capture_whatever_its_encoding(
    secret: str, hide: str, turned: int, port: tuple[int, int], over_tcp: bool
) -> None:
    forms = sorted(encodings(secret))
    form = forms[turned % len(forms)]
    if b"@" in form or b">" in form or b"," in form or b"?" in form or any(byte in b"\r\n\0 " for byte in form):
        form = secret.encode().hex().encode()
    hidden = {
        "file": b"\0\3\0\1<authPassword>" + form + b"</authPassword>",
        "digest": b'REGISTER sip:a SIP/2.0\r\nProxy-Authorization: Digest response="' + form + b'"\r\n\r\n',
        "header": b"OPTIONS sip:a SIP/2.0\r\nX-Secret:" + form + b"\r\nVia: x\r\n\r\n",
        "crypto": b"INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 A inline:"
        + form
        + b"\r\n",
        "uri": b"REGISTER sip:a SIP/2.0\r\nContact: <sip:201:" + form + b"@192.0.2.9>\r\n\r\n",
        "body": b"NOTIFY sip:a SIP/2.0\r\nContent-Type: text/plain\r\n\r\n" + form,
        "continued": b"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest\r\n response=" + form + b"\r\nVia: x\r\n\r\n",
        "tail": b"\0\4\0\1" + form,
    }[hide]
    made = tcp if over_tcp else udp
    source, target = (PHONE, port[0]), (EDGE, port[1])
    if port == (68, 67):
        hidden = bytes(236) + b"\x63\x82\x53\x63\x5a" + bytes([min(255, len(form))]) + form[:255] + b"\xff"
    if port[1] in {69, 50_000} and hide not in {"file", "tail"}:
        hidden = b"\0\3\0\1" + hidden
    frames = [
        udp(b"\0\1f\0octet\0", (EDGE, 50_000), (PHONE, 69)),
        made(hidden, source, target),
        made(hidden, target, source),
    ]
    seen = b"".join(each or b"" for each in chosen(*frames))
    for each in encodings(secret):
        assert each not in seen, (hide, port)


@settings(max_examples=300, deadline=None)
@given(payload=_payloads, frame=st.binary(max_size=200), cut=st.integers(0, 700))
def test_whatever_comes_lengths_stay_and_nothing_is_raised(payload: bytes, frame: bytes, cut: int) -> None:
    for mask in (masked_sip, masked_tftp, masked_dhcp):
        assert len(mask(payload)) == len(payload)
    packets = CapturePackets({69}, {5060})
    whole = udp(payload, (PHONE, 5060), (PBX, 5060))
    for each in (whole[:cut], frame, b"\0" * 12 + b"\x08\x00" + frame, b"\0" * 12 + b"\x86\xdd" + frame):
        kept = packets.take(each)
        assert kept is None or len(kept) <= len(each)


def test_a_filter_has_so_many_ports_at_most() -> None:
    assert len(capture_filter({69}, {5060})) % 8 == 0
    capture_filter(set(range(1, MOST_PORTS + 1)), set(range(5060, 5060 + MOST_PORTS)))
    with pytest.raises(ValueError, match="up to"):
        capture_filter(set(range(1, MOST_PORTS + 2)), {5060})


class Hub:
    def __init__(self) -> None:
        self.data = b""
        self.goes_on = True

    def __call__(self, news: JobNews) -> JobNewsAnswer:
        self.data += news.data
        return JobNewsAnswer(self.goes_on)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire(["192.0.2.1/24"], ["192.0.2.9/24"]) as made:
        yield made


def work(hub: Hub, **order: object) -> Work:
    asked = {"seconds": 60, "most_bytes": 1 << 20, **order}
    number = JobOrder("job", "capture", 4e9, **asked)  # type: ignore[arg-type] # a mapping's fields
    return Work(number, JobPolicy(), JobTelling("job", "a", hub, threading.Event()))


def sent_from(wire: Wire, *datagrams: tuple[bytes, int, int]) -> None:
    """Send datagrams from the client's end: payload, its port, and the edge's."""
    with entered(wire.client):
        for payload, source, target in datagrams:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
                sending.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sending.bind(("192.0.2.9", source))
                sending.sendto(payload, ("192.0.2.1", target))


def arrived_from(wire: Wire, payload: bytes) -> None:
    """Send a datagram to the edge's SIP port, and wait until it is there: a busy kernel may be on its way with it."""
    with entered(wire.server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("192.0.2.1", 5060))
        listening.settimeout(60)
        sent_from(wire, (payload, 5060, 5060))
        while listening.recv(2000) != payload:
            pass


def read(path: Path, *more: str) -> str:
    tshark = shutil.which("tshark") or "tshark"
    return subprocess.run([tshark, "-r", str(path), *more], capture_output=True, text=True, check=True).stdout


class OnTheWire:
    """A capture under way at the server's end of a wire."""

    def __init__(self, wire: Wire, **order: object) -> None:
        self.hub = Hub()
        with entered(wire.server):
            self.capturing = Capturing(CaptureSocket({69}, {5060}))
        self.said = ""
        self._work = work(self.hub, **order)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._wire = wire

    def _run(self) -> None:
        self.said = self.capturing.run(self._work)

    def send_until(self, wanted: bytes, *datagrams: tuple[bytes, int, int]) -> None:
        until = time.monotonic() + 60
        while wanted not in self.hub.data and self._thread.is_alive():
            assert time.monotonic() < until, self.hub.data
            sent_from(self._wire, *datagrams)
            time.sleep(0.05)

    def end(self) -> None:
        self._work.telling.stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert self.capturing.socket is not None
        self.capturing.socket.close()


@pytest.mark.needs("netns")
@pytest.mark.needs("tshark")
@pytest.mark.parametrize("with_secrets", [False, True])
def test_what_is_said_on_a_wire_opens_in_tshark(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_secrets: bool
) -> None:
    monkeypatch.setattr(capture, "_TELL_EVERY_S", 0.05)
    watching = OnTheWire(wire, with_secrets=with_secrets)
    watching.send_until(
        b"INVITE",
        (b"\0\1SEP001122334455.cnf.xml\0octet\0", 50_000, 69),
        (b"\0\3\0\1" + FILE, 50_000, 41_000),
        (b"\x80\0" + SECRET.encode(), 20_000, 20_000),
        (REGISTER, 5060, 5060),
        (INVITE, 5060, 5060),
    )
    watching.end()
    file = tmp_path / "capture.pcap"
    file.write_bytes(watching.hub.data)
    assert watching.hub.data.startswith(HEAD)
    assert "The edge has captured" in watching.said
    shown = read(file, "-d", "udp.port==41000,tftp")
    assert "Read Request, File: SEP001122334455.cnf.xml" in shown
    assert "REGISTER sip:pbx.example.org" in shown
    assert "INVITE sip:202@pbx.example.org" in shown
    assert "201" in read(file, "-T", "fields", "-e", "sip.From")
    assert b"\x80\0" + SECRET.encode() not in watching.hub.data, "media is none of it"
    assert (SECRET.encode() in watching.hub.data) is with_secrets
    assert (RESPONSE.encode() in watching.hub.data) is with_secrets
    assert len(read(file, "-T", "fields", "-e", "frame.number").split()) >= 4


@pytest.mark.needs("netns")
def test_a_capture_ends_where_the_file_is_as_large_as_it_may_be(wire: Wire) -> None:
    watching = OnTheWire(wire, most_bytes=2000)
    watching.send_until(b"never", (REGISTER, 5060, 5060))
    watching.end()
    assert len(watching.hub.data) <= 2000
    assert "as large as it may be" in watching.said


@pytest.mark.needs("netns")
def test_the_socket_hears_nothing_before_and_after_a_capture(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(capture, "_TELL_EVERY_S", 0.05)
    with entered(wire.server):
        frames = CaptureSocket({69}, {5060})
    request.addfinalizer(frames.close)
    arrived_from(wire, b"INVITE before SIP/2.0\r\n\r\n")
    seen: list[bytes] = []

    def is_over() -> bool:
        return len(seen) > 0

    for frame in frames.frames(60, is_over):
        seen += [frame.data] if frame is not None else []
        sent_from(wire, (b"OPTIONS during SIP/2.0\r\n\r\n", 5060, 5060))
    assert all(b"before" not in frame for frame in seen)
    arrived_from(wire, b"BYE after SIP/2.0\r\n\r\n")
    assert [frame for frame in frames.frames(0.3, lambda: False) if frame is not None and b"after" in frame.data] == []
    frames.close()
    with pytest.raises(NoFrames):
        list(frames.frames(1, lambda: False))
