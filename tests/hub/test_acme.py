"""Certificates for phones from a CA: Debian's pebble issues them, and a hub keeps them."""

import contextlib
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from acme.crypto_util import make_csr
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ringfence.errors import RingfenceError
from ringfence.hub.acme import dns_program, http_challenge, keeper, ordering, state
from ringfence.hub.acme.http_challenge import HttpChallenges
from ringfence.hub.acme.keeper import CertificateKeeper
from ringfence.hub.certificate_errors import ChallengeFailed
from ringfence.hub.core import Hub
from ringfence.hub.data import listener_files, server_certificates
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.listener_files import CertificateSource
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.fleet import listener_certificate_alerts, listener_certificates
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.process.listeners import bind_for_acme
from ringfence.hub.store.pages import Page
from support.pebble_ca import EAB, PebbleCa, pebble
from support.small_certificates import self_signed

NAMES = ("phones.example.org", "old.example.org")
WITHIN_S = 90.0
DAY_S = 86_400.0
with_pebble = pytest.mark.needs("pebble")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PebbleCa]:
    with pebble(tmp_path_factory.mktemp("pebble")) as there:
        yield there


def folder_of(hub: Hub) -> DataFolder:
    assert hub.folder is not None
    return hub.folder


def configure(hub: Hub, ca: PebbleCa, **further: "str | bool | tuple[str, ...]") -> None:
    told = {
        "phones_acme_directory": ca.directory, "phones_acme_names": NAMES, "phones_acme_terms_agreed": True,
        "phones_acme_listen": f"127.0.0.1:{ca.http_port}", "phones_acme_authorities": str(ca.authorities), **further,
    }  # fmt: skip
    hub.config = hub.config.model_copy(update=told)


def by_dns(hub: Hub, ca: PebbleCa, program: Path) -> None:
    configure(hub, ca, phones_acme_challenge="dns-01", phones_acme_program=str(program))


@contextlib.contextmanager
def keeping(hub: Hub) -> Iterator[CertificateKeeper]:
    """A keeper that looks when a test says so."""
    with bind_for_acme(hub.config) as bound, CertificateKeeper(hub, folder_of(hub), bound).listening() as kept:
        yield kept


def look(hub: Hub) -> state.AcmeState:
    with keeping(hub) as kept:
        kept.look()
    return state.read(folder_of(hub))


def shown(hub: Hub) -> x509.Certificate:
    pair = listener_files.read(hub.config, folder_of(hub), is_for_old=False)
    assert pair.source is CertificateSource.ACME
    return server_certificates.read_chain(pair.certificate)[0]


def said(hub: Hub) -> list[str]:
    listener_certificate_alerts.look(hub)
    with hub.database.reading() as session:
        rows = alerts.find(session, Page(10), site_id=None, kinds=[alerts.PHONES_CERTIFICATE]).rows
        return [row.sentence for row in rows]


def ahead(hub: Hub, seconds: float) -> None:
    hub.clock.ahead_s += seconds  # type: ignore[attr-defined] # a test's clock


@with_pebble
def test_a_certificate_with_two_names_and_its_chain_is_issued_kept_and_believed(idle: Hub, ca: PebbleCa) -> None:
    configure(idle, ca, phones_acme_contact=("admin@example.org",))
    assert look(idle).problem == ""
    pair = listener_files.read(idle.config, folder_of(idle), is_for_old=False)
    chain = server_certificates.read_chain(pair.certificate)
    assert len(chain) == 2
    assert sorted(server_certificates.names_of(chain[0])) == sorted(NAMES)
    acme = folder_of(idle).path / "acme"
    assert {file.name for file in acme.iterdir()} == {"account.key", "phones.pem", "state.json"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in (acme, *acme.iterdir())} == {0o700, 0o600}
    (row,) = listener_certificates.find(idle, idle.clock())
    assert (row.source, sorted(row.names), row.problem) == ("acme", sorted(NAMES), "")
    _believed_by_a_phone(pair, ca)
    assert said(idle) == []


def _believed_by_a_phone(pair: listener_files.ListenerPair, ca: PebbleCa) -> None:
    """A phone that knows the CA's root, and the name, takes it; by another name it does not."""
    whole = Path(ca.folder / "served.pem")
    whole.write_text(pair.key.reveal() + pair.certificate)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(whole)
    believing = ssl.create_default_context(cadata=ca.root())
    for name, is_good in ((NAMES[0], True), ("others.example.org", False)):
        ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = served.wrap_bio(ours, theirs, server_side=True)
        phone = believing.wrap_bio(theirs, ours, server_hostname=name)
        outcome: list[bool] = []
        for _turn in range(6):
            for side in (phone, server):
                try:
                    side.do_handshake()
                    outcome += [True] if side is phone else []
                except ssl.SSLWantReadError:
                    continue
                except ssl.SSLCertVerificationError:
                    outcome.append(False)
                except ssl.SSLError:
                    assert not is_good
        assert outcome[0] is is_good


@with_pebble
def test_it_is_renewed_in_good_time_by_the_same_account_and_what_is_shown_stays_until_then(
    idle: Hub, ca: PebbleCa
) -> None:
    configure(idle, ca)
    look(idle)
    first, account = shown(idle), (folder_of(idle).path / "acme" / "account.key").read_bytes()
    look(idle)
    assert shown(idle) == first
    begins, ends = first.not_valid_before_utc.timestamp(), first.not_valid_after_utc.timestamp()
    assert keeper.renewed_from(begins, ends) - begins == pytest.approx((ends - begins) * 2 / 3)
    ahead(idle, keeper.renewed_from(begins, ends) - idle.clock() - 60)
    look(idle)
    assert shown(idle) == first
    ahead(idle, 120)
    # the CA's clock is not ahead: what it issues now ends when the first one does, nearly
    assert keeper.is_due(idle, folder_of(idle), idle.clock())
    look(idle)
    assert shown(idle) != first
    assert (folder_of(idle).path / "acme" / "account.key").read_bytes() == account


@with_pebble
def test_by_the_dns_the_operators_program_sets_and_removes_each_record(
    idle: Hub, ca: PebbleCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_HUB_DATABASE_URL", "postgresql://hub:secret@db/hub")
    (ca.folder / "called").unlink(missing_ok=True)
    by_dns(idle, ca, ca.program())
    idle.config = idle.config.model_copy(update={"phones_acme_names": ("*.example.org", "phones.example.net")})
    assert look(idle).problem == ""
    records = {"_acme-challenge.example.org", "_acme-challenge.phones.example.net"}
    assert set(ca.calls) == {f"{does} {name}" for does in ("set", "remove") for name in records}
    assert state.read(folder_of(idle)).records == ()
    assert sorted(server_certificates.names_of(shown(idle))) == ["*.example.org", "phones.example.net"]
    assert "secret" not in (ca.folder / "environment").read_text()


@with_pebble
def test_records_of_an_order_that_a_stop_cut_short_are_removed_by_the_next(idle: Hub, ca: PebbleCa) -> None:
    (ca.folder / "called").unlink(missing_ok=True)
    by_dns(idle, ca, ca.program())
    state.write(folder_of(idle), state.AcmeState(records=(("_acme-challenge.left.example.org", "x"),)))
    look(idle)
    assert ca.calls[0] == "remove _acme-challenge.left.example.org"


@with_pebble
def test_a_record_that_stays_behind_costs_no_certificate_and_is_tried_again(idle: Hub, ca: PebbleCa) -> None:
    (ca.folder / "called").unlink(missing_ok=True)
    by_dns(idle, ca, ca.program(body='[ "$1" = set ] || exit 5'))
    idle.config = idle.config.model_copy(update={"phones_acme_names": ("a.example.org", "b.example.org")})
    assert look(idle).problem == ""
    left = {f"_acme-challenge.{name}.example.org" for name in "ab"}
    assert {name for name, _value in state.read(folder_of(idle)).records} == left
    assert {each for each in ca.calls if each.startswith("remove")} == {f"remove {name}" for name in left}
    (ca.folder / "called").unlink()
    by_dns(idle, ca, ca.program())
    idle.config = idle.config.model_copy(update={"phones_acme_names": ("c.example.org",)})
    assert look(idle).problem == ""
    assert {f"remove {name}" for name in left} <= set(ca.calls)
    assert state.read(folder_of(idle)).records == ()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("echo 'the zone is locked' >&2; exit 3", ".example.org: the zone is locked"),
        ("exit 4", "it ended with status 4"),
    ],
)
@with_pebble
def test_a_program_that_fails_is_told_in_its_words(idle: Hub, ca: PebbleCa, body: str, told: str) -> None:
    by_dns(idle, ca, ca.program(body=f'[ "$1" = remove ] || {{ {body}; }}'))
    assert told in look(idle).problem


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!/bin/sh\nsleep 600 & echo $! > {tmp_path}/child\nyes >&2 & wait\n")
    hangs.chmod(0o755)
    with pytest.raises(ChallengeFailed, match="did not set x within 1 seconds"):
        dns_program.call(str(hangs), "set", "x", "y", longest_s=1)
    child = int((tmp_path / "child").read_text())
    until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2])
    with pytest.raises(ChallengeFailed, match="can't be started: No such file"):
        dns_program.call(str(tmp_path / "none"), "set", "x", "y")


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@with_pebble
def test_a_ca_that_is_away_is_told_and_asked_ever_more_rarely(idle: Hub, ca: PebbleCa) -> None:
    configure(idle, ca, phones_acme_directory="https://127.0.0.1:1/dir")
    first = look(idle)
    assert "the CA can't be reached" in first.problem
    assert said(idle) == [f"Phones see a certificate of the hub's own CA, as none was issued yet: {first.problem}"]
    assert look(idle) == first  # it waits
    waits = []
    for _time in range(4):
        ahead(idle, state.read(folder_of(idle)).next_at - idle.clock() + 1)
        before = idle.clock()
        waits.append(round(look(idle).next_at - before, -1))
    assert waits == sorted(waits)
    assert waits[0] >= 3600
    assert state.read(folder_of(idle)).failures == 5
    configure(idle, ca)
    ahead(idle, DAY_S + 1)
    idle.clock.ahead_s = 0  # type: ignore[attr-defined] # a test's clock, put right again
    ahead(idle, 2 * DAY_S + 8 * 3600 + 4)
    assert look(idle).problem == ""
    assert said(idle) == []


@with_pebble
def test_a_ca_whose_own_certificate_is_not_believed_gets_nothing(idle: Hub, ca: PebbleCa) -> None:
    configure(idle, ca, phones_acme_authorities="")
    assert "the CA's own certificate is not trusted here" in look(idle).problem
    configure(idle, ca, phones_acme_authorities="none.pem")
    ahead(idle, 400)
    assert "phones_acme_authorities can't be used: No such file" in look(idle).problem


@with_pebble
def test_a_challenge_that_the_ca_can_not_see_is_told_in_its_words(idle: Hub, ca: PebbleCa) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        configure(idle, ca, phones_acme_listen=f"127.0.0.1:{elsewhere.getsockname()[1] + 0}")
        elsewhere.close()
        failed = look(idle)
    assert "the CA could not see that" in failed.problem
    assert "Look whether port 80 of" in failed.problem
    assert not listener_files.acme_file(folder_of(idle)).exists()


@with_pebble
def test_terms_are_agreed_to_by_a_person(idle: Hub, ca: PebbleCa) -> None:
    configure(idle, ca, phones_acme_terms_agreed=False)
    assert "phones_acme_terms_agreed = true" in look(idle).problem


@with_pebble
def test_a_ca_that_asks_for_an_account_of_its_own_gets_it(
    idle: Hub, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kid, secret = EAB
    at = tmp_path_factory.mktemp("eab")
    with pebble(at, externalAccountBindingRequired=True, externalAccountMACKeys={kid: secret}) as ca:
        configure(idle, ca)
        assert "the CA refuses" in look(idle).problem
        (tmp_path / "eab.key").write_text(f"{secret}\n")
        configure(idle, ca, phones_acme_eab_id=kid, phones_acme_eab_key_file=str(tmp_path / "eab.key"))
        ahead(idle, 400)
        made = look(idle)
        assert (made.problem, made.failures) == ("", 0)
        assert secret not in str(made)


@with_pebble
def test_a_wrong_clock_is_told_and_what_is_shown_stays(idle: Hub, ca: PebbleCa) -> None:
    configure(idle, ca)
    look(idle)
    before = shown(idle)
    ahead(idle, 20 * 365 * DAY_S)
    assert "has ended on" in look(idle).problem
    assert shown(idle) == before
    ahead(idle, -30 * 365 * DAY_S)
    failed = look(idle)
    assert "begins only on" in failed.problem
    assert "Is this machine's clock right?" in failed.problem
    assert shown(idle) == before
    idle.clock.ahead_s = 0  # type: ignore[attr-defined] # put right
    assert not keeper.is_due(idle, folder_of(idle), idle.clock())
    assert state.read(folder_of(idle)).may_begin(idle.clock())


@with_pebble
def test_a_certificate_for_another_name_is_refused_by_the_hub(
    idle: Hub, ca: PebbleCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(idle, ca)
    monkeypatch.setattr(ordering, "make_csr", lambda key, _names: make_csr(key, ["others.example.org"]))
    assert "is not for phones.example.org, old.example.org (it is for others.example.org)" in look(idle).problem
    assert listener_files.source_of(idle.config, folder_of(idle), is_for_old=False) is CertificateSource.HUB


@with_pebble
def test_no_more_than_five_orders_a_day_whatever_is_asked_for(idle: Hub, ca: PebbleCa) -> None:
    configure(idle, ca, phones_acme_directory="https://127.0.0.1:1/dir")
    for _time in range(state.MOST_ORDERS_A_DAY):
        with idle.change("test") as change:
            listener_certificates.renew(change, idle)
        look(idle)
    with pytest.raises(RingfenceError, match="were ordered within a day"), idle.change("test") as change:
        listener_certificates.renew(change, idle)
    ahead(idle, DAY_S + 1)
    assert state.read(folder_of(idle)).has_orders_left(idle.clock())


@with_pebble
def test_somebody_asks_for_a_new_one_at_once(idle: Hub, ca: PebbleCa) -> None:
    configure(idle, ca)
    look(idle)
    first = shown(idle)
    with idle.change("test") as change:
        listener_certificates.renew(change, idle)
    look(idle)
    assert shown(idle) != first
    look(idle)
    assert len(state.read(folder_of(idle)).ordered_at) == 2


@with_pebble
def test_a_hub_that_is_stopped_in_an_order_waits_for_no_ca_and_begins_it_again(idle: Hub, ca: PebbleCa) -> None:
    begun = ca.folder / "begun"
    by_dns(idle, ca, ca.program(body=f'[ "$1" = remove ] || {{ touch {begun}; sleep 3; }}'))
    with CertificateKeeper(idle, folder_of(idle), None).running():
        until(begun.exists)
        began = time.monotonic()
    assert time.monotonic() - began < 60
    kept = state.read(folder_of(idle))
    assert len(kept.ordered_at) == 1
    assert not kept.may_begin(idle.clock())
    assert kept.may_begin(idle.clock() + state.WAITS_S[0] + 1)


def test_what_waits_for_the_ca_is_told_once_its_certificate_ends_soon_or_renewing_fails_for_a_day(
    idle: Hub, tmp_path: Path
) -> None:
    listener_files.acme_file(folder_of(idle)).parent.mkdir()
    key, pem = _own(idle, days=90)
    listener_files.acme_file(folder_of(idle)).write_text(key + pem)
    idle.config = idle.config.model_copy(update={"phones_acme_directory": "https://acme.example.org/dir"})
    state.write(folder_of(idle), state.AcmeState().failed(idle.clock(), "the CA is away."))
    assert said(idle) == []
    ahead(idle, DAY_S + 1)
    assert "was not renewed: the CA is away." in said(idle)[0]
    state.write(folder_of(idle), state.AcmeState())
    assert said(idle) == []
    certificate, own = tmp_path / "own.pem", tmp_path / "own.key"
    certificate.write_text(pem)
    own.write_text(key)
    files = {"phones_certificate": str(certificate), "phones_key": str(own), "phones_listen": "127.0.0.1:1"}
    idle.config = idle.config.model_copy(update={"phones_acme_directory": "", **files})
    assert said(idle) == []
    ahead(idle, 80 * DAY_S)
    assert said(idle)[0].startswith("The certificate that phones see ends on ")
    certificate.unlink()
    assert "can't read its certificate: No such file" in said(idle)[0]


def _own(hub: Hub, days: int) -> tuple[str, str]:
    return self_signed("hub.example.org", hub.clock(), days)


@pytest.mark.parametrize(
    "further",
    [
        {"phones_acme_listen": ""}, {"phones_acme_challenge": "dns-01"}, {"phones_acme_names": ("*.example.org",)},
        {"phones_acme_names": ("192.0.2.1",)}, {"phones_acme_names": ("a b.example.org",)},
        {"phones_acme_directory": "http://acme.example.org/dir"}, {"phones_acme_program": "set-dns"},
        {"phones_acme_contact": ("a@b.example&x",)}, {"phones_acme_eab_id": "kid"},
        {"phones_acme_names": tuple(f"n{number}.example.org" for number in range(21))},
        {"phones_certificate": "x.pem", "phones_key": "x.key"},
    ],
)  # fmt: skip
def test_what_hub_toml_says_is_checked(further: dict[str, "str | tuple[str, ...]"]) -> None:
    good = {
        "address": "hub.example.org", "phones_acme_directory": "https://acme.example.org/dir",
        "phones_acme_listen": "0.0.0.0:8080",
    }  # fmt: skip
    assert make_config(**good).acme_names("hub.example.org") == ("hub.example.org",)
    with pytest.raises(BadConfiguration):
        make_config(**{**good, **further})


def test_a_chain_in_disorder_or_for_another_key_is_refused(idle: Hub) -> None:
    key, pem = _own(idle, days=90)
    _other_key, other = _own(idle, days=90)
    del key
    chain = server_certificates.read_chain(pem + other)
    with pytest.raises(RingfenceError, match="the chain is broken"):
        server_certificates.check(chain, chain[0].public_key(), ["hub.example.org"], idle.clock())
    stranger = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(RingfenceError, match="for another key"):
        server_certificates.check(chain[:1], stranger, ["hub.example.org"], idle.clock())
    for bad in ("", "no certificate", pem * 11, "x" * (server_certificates.LARGEST_BYTES + 1)):
        with pytest.raises(RingfenceError):
            server_certificates.read_chain(bad)


def test_a_state_that_can_not_be_read_is_a_new_one(idle: Hub) -> None:
    state.write(folder_of(idle), state.AcmeState().begun(idle.clock()))
    file = folder_of(idle).path / "acme" / "state.json"
    assert state.read(folder_of(idle)).ordered_at
    for text in ("", "[]", '{"ordered_at": [1e999]}', file.read_text()[:20]):
        file.write_text(text)
        assert state.read(folder_of(idle)) == state.AcmeState()
    far = replace(state.AcmeState(), next_at=idle.clock() + 400 * DAY_S)
    assert far.may_begin(idle.clock())


@pytest.fixture
def challenges() -> Iterator[tuple[HttpChallenges, int]]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as bound, HttpChallenges(bound).running() as there:
        yield there, bound.getsockname()[1]


def ask(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), WITHIN_S) as line:
        with contextlib.suppress(OSError):
            line.sendall(sent)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := line.recv(65536):
                answer += part
        return answer


def test_the_port_for_the_ca_answers_its_challenges_and_nothing_else(challenges: tuple[HttpChallenges, int]) -> None:
    there, port = challenges
    path = f"{http_challenge.PATH}token"
    there.put(path, "token.thumbprint")
    there.put("/elsewhere", "x")
    good = ask(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert good.startswith(b"HTTP/1.1 200")
    assert good.endswith(b"\r\n\r\ntoken.thumbprint")
    for target in ("/elsewhere", "/", f"{path}x", http_challenge.PATH, f"{path}?x=1"):
        assert ask(port, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).startswith(b"HTTP/1.1 404")
    for method in ("POST", "PUT", "DELETE"):
        answer = ask(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert b"thumbprint" not in answer
    for broken in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 2000, b"\r\n" * 5000):
        assert b"200" not in ask(port, broken)[:20]
    there.clear()
    assert ask(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).startswith(b"HTTP/1.1 404")


def test_a_crowd_in_which_the_oldest_speak_just_as_others_come_leaves_it_at_work(
    challenges: tuple[HttpChallenges, int],
) -> None:
    there, port = challenges
    there.put(f"{http_challenge.PATH}token", "answer")
    for _turn in range(20):
        with contextlib.ExitStack() as held:
            crowd = [
                held.enter_context(socket.create_connection(("127.0.0.1", port), WITHIN_S))
                for _number in range(http_challenge.MOST_CONNECTIONS)
            ]
            for line in crowd:
                with contextlib.suppress(OSError):
                    line.sendall(b"G")
                held.enter_context(socket.create_connection(("127.0.0.1", port), WITHIN_S))
    asked = ask(port, f"GET {http_challenge.PATH}token HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert asked.endswith(b"answer")


def test_those_who_hold_connections_open_do_not_shut_the_ca_out(challenges: tuple[HttpChallenges, int]) -> None:
    there, port = challenges
    path = f"{http_challenge.PATH}token"
    there.put(path, "answer")
    with contextlib.ExitStack() as held:
        for _number in range(http_challenge.MOST_CONNECTIONS + 20):
            held.enter_context(socket.create_connection(("127.0.0.1", port), WITHIN_S)).sendall(b"GET /")
        assert ask(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).endswith(b"answer")
        assert len(there._visits) <= http_challenge.MOST_CONNECTIONS
    with socket.create_connection(("127.0.0.1", port), WITHIN_S) as slow:
        slow.sendall(b"GET ")
        assert slow.recv(1) == b""
