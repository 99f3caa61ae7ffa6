"""The hub's listener for phones by HTTPS: who gets which file, by which TLS, and what is told of everybody else."""

import asyncio
import datetime as dt
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.hub.phone_listener import tls
from ringfence.hub.phone_listener.child import PhoneListenerChild
from ringfence.hub.phone_listener.messages import CHANNEL, RetireListener
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from support.https_phones import AtListener, Factory, enterprise, listening, small_business
from support.phone_identities import DAY, forger, key_number
from support.running_hub import RunningHub
from support.trusted_hub import issue, trust

WITHIN_S = 60.0


@pytest.fixture(scope="module")
def at(running: RunningHub) -> Iterator[AtListener]:
    trust(running)
    with listening(running) as there:
        yield there


@pytest.fixture(scope="module")
def home(at: AtListener) -> tuple[str, str, str]:
    """A site with a Multiplatform phone and an SPA phone, published."""
    site = at.site()
    modern, old = at.phone(site), at.phone(site, "SPA504G")
    at.running.publish()
    return site, modern, old


def published(at: AtListener) -> tuple[str, str]:
    """A site of its own with a Multiplatform phone, for what looks at the site's log."""
    site = at.site()
    bare = at.phone(site)
    at.running.publish()
    return site, bare


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def own(bare: str, end: str = ".xml") -> str:
    return f"/{bare.lower()}{end}"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, None])
def test_a_phone_gets_its_own_file_by_its_makers_certificate(at: AtListener, version: ssl.TLSVersion | None) -> None:
    site, modern = published(at)
    phone = at.client(small_business(modern.lower(), "CP-8841-3PCC"), version=version)
    answer = phone.get(own(modern))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml")
    assert b"<flat-profile>" in answer.data
    until(lambda: at.log(site) != [])
    newest = at.log(site)[0]
    assert (newest["finding"], newest["reached"], newest["owner"], newest["edge"]) == ("allowed", "L4", modern, "")
    assert "level L4 is enough (it holds the phone's own key)" in newest["sentence"]


def test_it_gets_the_file_of_its_model_and_the_log_explains_it(at: AtListener) -> None:
    _site, modern = published(at)
    phone = at.client(small_business(modern, "CP-8841-3PCC"))
    assert phone.get("/8841-3PCC.xml").status == 200
    phone.get(own(modern))
    until(lambda: at.running.ask("GET", f"/phones/{modern}/guard").status == 200)
    explained = at.running.do("GET", f"/phones/{modern}/guard")
    assert "It has proved over TLS that it holds the key of phone" in str(explained)


def test_an_old_phone_is_served_at_the_address_for_old_phones(at: AtListener, home: tuple[str, str, str]) -> None:
    _site, _modern, old = home
    answer = at.client(
        small_business(old.lower(), key=key_number(1, 1024)), old=True, version=ssl.TLSVersion.TLSv1
    ).get(own(old, ".cfg"))
    assert (answer.status, answer.tls) == (200, "TLSv1")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_nobody_gets_less_than_tls_1_2_at_the_address_for_phones_of_today(
    at: AtListener, home: tuple[str, str, str], version: ssl.TLSVersion
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        at.client(small_business(home[1], "CP-8841-3PCC"), version=version).get(own(home[1]))


def test_a_phone_of_today_gets_nothing_at_the_address_for_old_phones(
    at: AtListener, home: tuple[str, str, str]
) -> None:
    site, modern, _old = home
    phone = at.client(small_business(modern, "CP-8841-3PCC"), old=True, version=ssl.TLSVersion.TLSv1)
    assert phone.get(own(modern)).status == 404
    until(lambda: any("this phone has the other one" in sentence for _kind, sentence in at.alerts(site)))


def test_an_enterprise_phone_an_issued_certificate_and_an_elliptic_curve(at: AtListener) -> None:
    site = at.site()
    phone, other = at.phone(site, "9971"), at.phone(site)
    at.running.publish()
    name = f"/SEP{phone}.cnf.xml"
    old = at.client(enterprise(f"CP-9971-SEP{phone}"), old=True)
    assert old.get(name).status == 200
    issued = issue(at.running, phone, 3)
    at.listeners.look()
    old.factory = type(old.factory)(issued.certificate, issued.key) if old.factory else None
    assert old.get(name).status == 200
    curve = small_business(other, "CP-8841-3PCC", key=ec.generate_private_key(ec.SECP256R1()))
    assert at.client(curve).get(own(other)).status == 200
    at.running.do("DELETE", f"/phones/{Mac(phone)}/certificate")
    assert old.get(name).status == 404
    assert any("the certificate was revoked" in sentence for _kind, sentence in at.alerts(site))


def mac_of_another(bare: str) -> str:
    return f"{int(bare, 16) ^ 0xF0:012X}"


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (lambda bare: small_business(bare, "CP-8841-3PCC", maker=forger()), ""),
        (lambda bare: small_business(bare, "SPA-504G"), "of another model than the phone has here"),
        (lambda bare: small_business(bare, "CP-8841-3PCC", "CBT999999ZZ"), "another serial number before"),
        (lambda _bare: small_business("ciscogeneric", "cisco.com", "ciscogeneric"), "all of the maker's oldest units"),
        (lambda bare: small_business(bare[:11], "CP-8841-3PCC"), "does not name a phone"),
        (lambda bare: small_business(bare, "CP-8841-3PCC", begins=DAY, ends=2 * DAY), "not valid yet"),
        (lambda bare: small_business(mac_of_another(bare), "CP-8841-3PCC"), "this site has no such phone"),
    ],
    ids=["foreign", "model", "serial", "generic", "no-mac", "not-yet", "unknown-phone"],
)
def test_a_certificate_that_is_not_the_phones_gets_nothing(
    at: AtListener, refused: Callable[[str], Factory], sentence: str
) -> None:
    site, bare = published(at)
    genuine = at.client(small_business(bare, "CP-8841-3PCC"))
    assert genuine.get(own(bare)).status == 200
    until(lambda: at.log(site) != [] and at.running.do("GET", f"/phones/{Mac(bare)}/certificate")["certificates"] != [])
    thief = at.client(refused(bare))
    if not sentence:  # TLS ends with somebody whose issuer nobody trusts
        with pytest.raises((ssl.SSLError, ConnectionError)):
            thief.get(own(bare))
    else:
        assert thief.get(own(bare)).status == 404
        assert sentence in at.log(site)[0]["sentence"]
        assert [kind for kind, _sentence in at.alerts(site)] == ["phone-key-refused"]
    assert genuine.get(own(bare)).status == 200


def test_an_expired_certificate_counts_as_the_policy_says(at: AtListener, monkeypatch: pytest.MonkeyPatch) -> None:
    site, bare = published(at)
    phone = at.client(small_business(bare, "CP-8841-3PCC", ends=dt.timedelta(days=-1)))
    assert phone.get(own(bare)).status == 200
    monkeypatch.setattr(at.running.hub.config, "expired_phone_certificates", False)
    assert phone.get(own(bare)).status == 404
    assert "has expired, and the policy does not accept that" in at.log(site)[0]["sentence"]


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        ("", 200),
        ("curl/8.0", 200),
        ("Cisco-CP-8841-3PCC/11.0.1 ({mac})", 200),
        ("Cisco-CP-8841-3PCC/11.0.1 (00562b043615)", 404),
        ("Cisco-CP-7832-3PCC/11.0.1 ({mac})", 404),
        ("Cisco/SPA508G-7.4.8a ({mac})(CBT141400UK)", 404),
        ("Cisco-CP-8841-3PCC/11.0.1 ({mac})(CBT141400UK)", 200),
        ("Cisco-CP-8841-3PCC/11.0.1 ({mac})(CBT999999ZZ)", 404),
    ],
)
def test_a_user_agent_speaks_of_no_other_phone(
    at: AtListener, home: tuple[str, str, str], agent: str, status: int
) -> None:
    _site, modern, _old = home
    phone = at.client(small_business(modern, "CP-8841-3PCC"), agent=agent.format(mac=modern.lower()))
    assert phone.get(own(modern)).status == status


def test_who_has_no_certificate_gets_no_phones_file(at: AtListener) -> None:
    site, modern = published(at)
    stranger = at.client(None)
    assert stranger.get(own(modern)).status == 404
    assert stranger.get("/8841-3PCC.xml").status == 404
    assert stranger.get(own("000E08FFFFFF")).status == 404
    newest = at.log(site)[0]
    assert (newest["finding"], newest["reached"], newest["needed"]) == ("level-too-low", "L0", "L4")


def test_a_genuine_phone_that_asks_for_its_neighbours_is_named_and_then_gets_nothing(at: AtListener) -> None:
    site, elsewhere = at.site(), at.site()
    thief = at.phone(site)
    others = [at.phone(site) for _ in range(4)] + [at.phone(elsewhere) for _ in range(3)]
    at.running.publish()
    phone = at.client(small_business(thief, "CP-8841-3PCC"))
    neighbour = at.client(small_business(others[0], "CP-8841-3PCC"))
    assert phone.get(own(others[0])).status == 404
    newest = at.log(site)[0]
    assert newest["finding"] == "other-certificate"
    assert f"the sender holds the key of phone {Mac(thief)}, and this is another phone's file" in newest["sentence"]
    assert {kind for kind, _sentence in at.alerts(site)} == {"other-certificate"}
    assert phone.get(own(thief)).status == 200, "one wrong name is no reason to leave a phone without its own file"
    for bare in (*others[1:], "001122334455"):
        assert phone.get(own(bare)).status == 404
    told = dict(at.alerts(site))
    assert f"Whoever holds the key of phone {Mac(thief)} asked from {phone.host}" in told["https-enumeration"]
    assert phone.get(own(thief)).status == 404, "it gets nothing for a while"
    assert neighbour.get(own(others[0])).status == 200
    assert at.alerts(elsewhere) == []


def test_a_blocked_phone_gets_nothing(at: AtListener) -> None:
    site, bare = published(at)
    phone = at.client(small_business(bare, "CP-8841-3PCC"))
    assert phone.get("/8841-3PCC.xml").status == 200
    at.running.do("POST", f"/phones/{Mac(bare)}/block")
    assert phone.get(own(bare)).status == 404
    assert phone.get("/8841-3PCC.xml").status == 404
    assert at.log(site)[0]["finding"] in {"blocked", "level-too-low"}


def test_what_is_unchanged_is_not_sent_again_and_a_part_is_sent_alone(
    at: AtListener, home: tuple[str, str, str]
) -> None:
    _site, modern, _old = home
    phone = at.client(small_business(modern, "CP-8841-3PCC"))
    whole = phone.get(own(modern))
    same = phone.get(own(modern), If_None_Match=whole.headers["etag"])
    assert (same.status, same.data) == (304, b"")
    part = phone.get(own(modern), Range="bytes=5-14")
    assert (part.status, part.data) == (206, whole.data[5:15])
    assert phone.get(own(modern), Range="bytes=99999999-").status == 416
    with phone.connected() as tls:
        for _ in range(3):
            assert phone.get_over(tls, own(modern), Connection="keep-alive").data == whole.data


REDIRECTS = (
    "//evil.example/x", "/\\evil.example", "http://evil.example/x", "/..;/x", "/%2e%2e/x", "/.", "/a//b", "/?u=http://x",
    "/x%0d%0aLocation:%20http://evil", "*",
)  # fmt: skip


def test_nothing_ever_redirects(at: AtListener, home: tuple[str, str, str]) -> None:
    phone = at.client(small_business(home[1], "CP-8841-3PCC"))
    for target in REDIRECTS:
        answer = phone.get(target)
        assert answer.status in {400, 404}, target
        assert "location" not in answer.headers
        assert set(answer.headers) <= {"date", "content-type", "content-length", "connection"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 413),
        (b"PUT /x HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
        (b"GET /" + b"a" * 30000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"\x16\x03\x01 nonsense\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_for_a_file_ends_the_connection(at: AtListener, sent: bytes, status: int) -> None:
    with at.client(None).connected() as tls:
        tls.sendall(sent)
        assert read_status(tls) == status
        assert all(not part.startswith(b"HTTP") for part in iter(lambda: tls.recv(4096), b"")), "it ends"


def read_status(tls: ssl.SSLSocket) -> int:
    said = b""
    while b"\r\n\r\n" not in said and (more := tls.recv(4096)):
        said += more
    return int(said.split(b" ", 2)[1])


def test_the_process_holds_no_file_and_comes_back_when_it_dies(at: AtListener, home: tuple[str, str, str]) -> None:
    before = at.listeners.pids()
    for pid in before:
        opened = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
        kinds = {each.partition(":")[0] for each in opened}
        assert kinds <= {"socket", "/dev/null", "anon_inode"}, opened
        os.kill(pid, 9)
    phone = at.client(small_business(home[1], "CP-8841-3PCC"))

    def served() -> bool:
        at.listeners.look()
        if set(before) & set(at.listeners.pids()):
            return False
        try:
            return phone.get(own(home[1])).status == 200
        except OSError:
            return False

    until(served)


def test_whoever_sends_nothing_holds_nobody_up(at: AtListener, home: tuple[str, str, str]) -> None:
    silent: list[socket.socket] = []
    try:
        there, silent_one = ("127.0.0.1", at.port), ("127.0.1.1", 0)
        silent.extend(socket.create_connection(there, WITHIN_S, silent_one) for _ in range(300))
        phone = at.client(small_business(home[1], "CP-8841-3PCC"))
        assert phone.get(own(home[1])).status == 200
    finally:
        for each in silent:
            each.close()


def test_whoever_comes_while_another_process_takes_over_is_served_by_one_of_the_two(tmp_path: Path) -> None:
    hubs, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bound = socket.create_server(("127.0.0.1", 0))
    shown = small_business("000E08A10099").write(tmp_path).read_text()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE

    def served(line: socket.socket) -> bool:
        with line, client.wrap_socket(line) as talking:
            return talking.version() is not None

    async def scenario() -> None:
        child = PhoneListenerChild(childs, bound.dup(), context)
        work = asyncio.create_task(child.run())
        for _turn in range(3):  # it waits for somebody
            await asyncio.sleep(0)
        line = socket.create_connection(bound.getsockname(), WITHIN_S)
        CHANNEL.send(hubs, RetireListener())  # the loop finds both at once
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            bound.accept()[0].close()  # it waits for the other process
        except BlockingIOError:
            assert await asyncio.to_thread(served, line)
        await asyncio.wait_for(work, WITHIN_S)

    context = tls.listener_context(shown, Secret(shown), (), is_for_old=False)
    with hubs, childs, bound:
        asyncio.run(scenario())
