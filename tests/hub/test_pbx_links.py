"""Links to PBXes that mean harm: where they lead, how much they say and for how long, and who they are."""

import hashlib
import ipaddress
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.hub.data.authority import new_authority
from ringfence.hub.errors import PbxAddressRefused, PbxRefused, PbxUnavailable
from ringfence.hub.fleet import pbx_addresses
from ringfence.hub.telephony.pbx.asterisk import Asterisk
from ringfence.hub.telephony.pbx.connection import PbxAccess
from ringfence.hub.telephony.pbx.kamailio import Kamailio
from ringfence.identity.certificates import key_to_pem, to_pem
from ringfence.secret import Secret
from support.json_rpc import answering
from support.running_hub import RunningHub

HERE = ("127.0.0.0/8",)
Talk = Callable[[socket.socket], None]


@contextmanager
def peer(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """What listens on a port of loopback and talks to each that connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    link, _peer = listener.accept()
                except OSError:
                    return
                with suppress(OSError), link:
                    if context is None:
                        talk(link)
                    else:
                        with context.wrap_socket(link, server_side=True) as wrapped:
                            talk(wrapped)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def asterisk(port: int, **how: object) -> Asterisk:
    access = PbxAccess(HERE, **how)  # type: ignore[arg-type]  # its own fields
    return Asterisk(f"ami://127.0.0.1:{port}", "ringfence", Secret("x"), access)


def kamailio(port: int, **how: object) -> Kamailio:
    return Kamailio(f"http://127.0.0.1:{port}/RPC", Secret("x"), PbxAccess(HERE, **how))  # type: ignore[arg-type]


def floods(start: bytes, part: bytes) -> Talk:
    def talk(link: socket.socket) -> None:
        link.sendall(start)
        for _ in range(20_000):  # 1,250 MiB
            link.sendall(part)

    return talk


def trickles(start: bytes) -> Talk:
    def talk(link: socket.socket) -> None:
        link.sendall(start)
        while True:
            link.sendall(b"x")
            time.sleep(0.05)

    return talk


GREETING = b"Asterisk Call Manager/7.0.3\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
EVENT = b"Event: Nothing\r\nActionID: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("link", "start", "part"),
    [
        (asterisk, b"", b"x" * 65_536),
        (asterisk, GREETING, b"x" * 65_536),
        (asterisk, GREETING, EVENT * 2_000),
        (kamailio, HEAD, b"x-filler: " + b"x" * 65_000 + b"\r\n"),
        (kamailio, HEAD + b"\r\n", b" " * 65_536),
        (kamailio, HEAD + b"content-length: 1000000000\r\n\r\n", b" " * 65_536),
    ],
)
def test_an_answer_without_end_ends_and_takes_little(
    link: Callable[..., Asterisk | Kamailio], start: bytes, part: bytes
) -> None:
    with peer(floods(start, part)) as port:
        before = resident_bytes()
        with pytest.raises(PbxUnavailable, match=r"too long|don't end|other than"):
            link(port).check()
        assert resident_bytes() - before < 100 << 20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize(
    ("link", "start"),
    [(asterisk, b""), (asterisk, GREETING), (kamailio, b""), (kamailio, HEAD), (kamailio, HEAD + b"\r\n")],
)
def test_an_answer_that_trickles_ends(link: Callable[..., Asterisk | Kamailio], start: bytes) -> None:
    with peer(trickles(start)) as port, pytest.raises(PbxUnavailable, match=r"too long|timed out|other than"):
        link(port, longest_s=0.5).check()


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 100_000,
        b"[]",
        b"7",
        b'{"error": 7}',
        b'{"error": []}',
        b'{"result": {"Contacts": 7}}',
        b'{"result": {"Contacts": [{}]}}',
        b'{"result": {"Contacts": [{"Contact": []}]}}',
        b'{"result": []}',
        b"\xff\xfe",
    ],
)
def test_any_answer_of_kamailio_is_refused_in_words(answer: bytes) -> None:
    with answering(lambda _order: answer) as url, pytest.raises((PbxUnavailable, PbxRefused)):
        Kamailio(url, Secret(""), PbxAccess(HERE)).contacts("201")


def test_a_user_with_a_million_contacts_has_a_hundred() -> None:
    row = '{"Contact": {"Address": "sip:201@192.0.2.1"}}'
    answer = f'{{"result": {{"Contacts": [{",".join([row] * 100_000)}]}}}}'.encode()
    with answering(lambda _order: answer) as url:
        assert len(Kamailio(url, Secret(""), PbxAccess(HERE)).contacts("201")) == 100


def test_a_link_is_sent_nowhere_else() -> None:
    def talk(link: socket.socket) -> None:
        link.recv(65_536)
        link.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    with peer(talk) as port, pytest.raises(PbxUnavailable, match="other than JSON-RPC"):
        kamailio(port).check()


@pytest.mark.parametrize(
    ("address", "networks", "may"),
    [
        ("192.0.2.10", (), True),
        ("10.0.0.5", (), True),
        ("2001:db8::5", (), True),
        ("127.0.0.1", (), False),
        ("127.1.2.3", (), False),
        ("::1", (), False),
        ("::ffff:127.0.0.1", (), False),
        ("64:ff9b::7f00:1", (), False),
        ("2002:7f00:1::", (), False),
        ("169.254.169.254", (), False),
        ("169.254.7.7", (), False),
        ("fe80::1", (), False),
        ("fd00:ec2::254", (), False),
        ("100.100.100.200", (), False),
        ("0.0.0.0", (), False),  # noqa: S104 - refused, not bound
        ("0.1.2.3", (), False),
        ("::", (), False),
        ("224.0.0.1", (), False),
        ("ff02::1", (), False),
        ("255.255.255.255", (), False),
        ("127.0.0.1", ("127.0.0.1/32",), True),
        ("::1", ("::1/128",), True),
        ("127.0.0.2", ("127.0.0.1/32",), False),
        ("10.0.0.5", ("10.0.0.0/24",), True),
        ("::ffff:10.0.0.5", ("10.0.0.0/24",), True),
        ("10.0.1.5", ("10.0.0.0/24",), False),
        ("169.254.7.7", ("0.0.0.0/0",), False),
        ("169.254.7.7", ("169.254.7.0/24",), True),
        ("169.254.169.254", ("169.254.0.0/16",), False),
    ],
)
def test_which_addresses_a_link_may_reach(address: str, networks: tuple[str, ...], may: bool) -> None:
    assert (pbx_addresses.why_not(ipaddress.ip_address(address), networks) == "") is may


def test_a_name_is_resolved_once_and_what_was_checked_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer of a name that changes is never asked for."""
    dialled: list[str] = []
    answers = [["192.0.2.1"], ["127.0.0.1"]]

    def resolve(_host: str, port: int, **_how: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers.pop(0)]

    def dial(address: tuple[str, int], _timeout: float) -> socket.socket:
        dialled.append(address[0])
        raise OSError("nobody there")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", dial)
    for expected in (PbxUnavailable, PbxAddressRefused):
        with pytest.raises(expected):
            Asterisk("ami://pbx.example.org", "ringfence", Secret("x"), PbxAccess()).check()
    assert dialled == ["192.0.2.1"]


def test_a_refused_address_says_what_to_do_when_it_is_added_and_when_it_is_used(running: RunningHub) -> None:
    parts = {"name": "Inside", "kind": "asterisk", "realm": "asterisk"}
    answer = running.ask("POST", "/pbxes", {**parts, "url": "ami://169.254.169.254:80"})
    assert (answer.json["kind"], "pbx_networks" in answer.json["to_do"]) == ("pbx-address-refused", True)
    with peer(floods(b"", b"")) as port, pytest.raises(PbxAddressRefused, match="the hub's own machine"):
        Asterisk(f"ami://localhost:{port}", "ringfence", Secret("x"), PbxAccess()).check()


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("ami://192.0.2.10", True),
        ("amis://192.0.2.10", False),
        ("ami://127.0.0.1", False),
        ("http://pbx.example.org/RPC", True),
        ("https://pbx.example.org/RPC", False),
    ],
)
def test_clear_text_beyond_loopback_is_refused_and_where_it_is_allowed_warned_of(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, url: str, warned: bool
) -> None:
    monkeypatch.setattr(running.hub.config, "pbx_networks", ("127.0.0.0/8", "192.0.2.0/24"))
    parts = {"name": "Warned", "kind": "asterisk" if "ami" in url else "kamailio", "realm": "r", "url": url}
    if warned:
        refused = running.ask("POST", "/pbxes", parts)
        assert refused.json["kind"] == "pbx-address-refused"
        assert "in clear text" in refused.json["what"]
        assert "--allow-clear-text" in refused.json["to_do"]
    made = running.do("POST", "/pbxes", {**parts, "allow_clear_text": warned})
    try:
        assert ("in clear text" in made["warning"]) is warned
    finally:
        running.do("DELETE", "/pbxes/warned")


def greets(link: socket.socket) -> None:
    link.sendall(GREETING)
    number = b""
    while b"ActionID" not in number or b"\r\n\r\n" not in number:
        if not (more := link.recv(65_536)):
            return  # whoever came does not believe who is here
        number += more
    action = next(line for line in number.split(b"\r\n") if line.startswith(b"ActionID"))
    link.sendall(b"Response: Error\r\n" + action + b"\r\nMessage: who are you\r\n\r\n")


def test_over_tls_the_pbx_is_known_by_its_ca_or_its_fingerprint(tmp_path: Path) -> None:
    authority, key = new_authority("PBX", time.time()), ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue_server(key.public_key(), ("127.0.0.1",), time.time())
    (tmp_path / "pair.pem").write_bytes(key_to_pem(key) + to_pem(certificate).encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    there = hashlib.sha256(ssl.PEM_cert_to_DER_cert(to_pem(certificate))).hexdigest()

    def link(trust: str) -> Asterisk:
        return Asterisk(f"amis://127.0.0.1:{port}", "ringfence", Secret("x"), PbxAccess(HERE, trust))

    with peer(greets, context) as port:
        for trust in (authority.pem, there):
            with pytest.raises(PbxRefused, match="who are you"):
                link(trust).check()
        other = new_authority("Other", time.time())
        for trust, why in (
            ("", "can't be reached"),
            (other.pem, "can't be reached"),
            ("0" * 64, "another certificate"),
        ):
            with pytest.raises(PbxUnavailable, match=why):
                link(trust).check()


@pytest.mark.parametrize(
    "trust", ["nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "0" * 63]
)
def test_what_is_no_certificate_is_refused(running: RunningHub, trust: str) -> None:
    parts = {"name": "Trust", "kind": "asterisk", "realm": "r", "url": "amis://127.0.0.1", "trust": trust}
    assert running.ask("POST", "/pbxes", parts).json["kind"] == "bad-name"
    parts |= {"url": "ami://127.0.0.1", "trust": "0" * 64}
    assert running.ask("POST", "/pbxes", parts).json["kind"] == "bad-name"
