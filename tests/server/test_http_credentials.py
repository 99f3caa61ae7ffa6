"""Phones' credentials over real HTTP: curl as the phone, and those who are not the phone."""

import http.client
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ringfence.content.release import TargetKind
from ringfence.guard.findings import Finding
from ringfence.guard.policy import EDGE_LEVELS, Policy
from ringfence.guard.rules import Rules, read_rules
from ringfence.phones.credentials import REALM, credential_ha1
from ringfence.phones.filenames import is_credential_asked_for
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.sip.digest import Challenge, authorization, parse_challenge
from ringfence.secret import Secret
from ringfence.server.access.admission import Admission
from ringfence.server.events import RequestRefused, TransferFinished
from ringfence.server.files.catalogue import Catalogue, Offer
from ringfence.server.http.challenges import GOOD_FOR_S, Challenges
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.provisioning import HttpFirst
from ringfence.wire.messages import GuardCredential, GuardCredentialKey, GuardRules
from support.http_front import Front

ANNA, BEN = "805EC0123456", "805EC0123457"
OWN, OTHER = "805ec0123456.cfg", "805ec0123457.cfg"
UNKNOWN = "805ec0999999.cfg"
ANNAS, BENS, OLD = "annasOwnPassword2345", "bensOwnPassword23456", "annasOldPassword2345"
BODIES = {OWN: b"#!version:1.0.0.1\nanna's secret\n", OTHER: b"#!version:1.0.0.1\nben's secret\n"}


FORGED = 'Digest username="a", realm="phones", nonce="1.1.1", uri="/", qop=auth, nc=1, cnonce="", response="é"'


def key(mac: str, serial: int, password: str) -> GuardCredentialKey:
    return GuardCredentialKey(serial, credential_ha1(mac, Secret(password)))


def rules() -> Rules:
    return read_rules(
        GuardRules(
            1,
            credentials=(
                GuardCredential(ANNA, (key(ANNA, 2, ANNAS), key(ANNA, 1, OLD))),
                GuardCredential(BEN, (key(BEN, 1, BENS),)),
            ),
        )
    )


def offers() -> list[Offer]:
    made = []
    for (name, content), mac in zip(BODIES.items(), (ANNA, BEN), strict=True):
        fd = os.memfd_create(name)
        os.write(fd, content)
        made.append(Offer(name, fd, len(content), TargetKind.CONFIGURATION, mac))
    return made


def serve(admission: Admission) -> None:
    admission.take_rules("site", "Home", rules())
    admission.adopt(Catalogue(1, offers()), "site")


@pytest.fixture
def front() -> Iterator[Front]:
    front = Front(serve, refusals=20)
    yield front
    front.close()


def curl(front: Front, name: str, *options: str) -> tuple[int, bytes]:
    """Return the status of curl's last answer, and its body."""
    host, port = front.address
    url = f"http://{host}:{port}/{name}"
    done = subprocess.run(
        ["curl", "-q", "-s", "-m", "20", "-w", "\\n%{http_code}", *options, url],
        capture_output=True, timeout=120, check=False, env={"no_proxy": "*", "PATH": os.environ["PATH"]},
    )  # fmt: skip
    body, _line, status = done.stdout.rpartition(b"\n")
    return int(status), body


def findings(front: Front) -> list[str]:
    return [event.finding for event in front.events if isinstance(event, RequestRefused)]


@pytest.mark.parametrize("password", [ANNAS, OLD])
def test_a_phone_gets_its_own_file_by_its_credential_be_it_the_one_before(front: Front, password: str) -> None:
    assert curl(front, OWN, "--digest", "-u", f"805ec0123456:{password}") == (200, BODIES[OWN])
    front.wait_until(lambda: [event for event in front.events if isinstance(event, TransferFinished)])
    (event,) = [event for event in front.events if isinstance(event, TransferFinished)]
    assert Finding.BY_CREDENTIAL in event.decision
    assert password not in event.decision


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--digest", "-u", f"805ec0123457:{BENS}"),
        ("--digest", "-u", f"805ec0123456:{BENS}"),
        ("--digest", "-u", f"805ec0123457:{ANNAS}"),
        ("--digest", "-u", "805ec0123456:"),
        ("--basic", "-u", f"805ec0123456:{ANNAS}"),
        ("-H", "Authorization: Digest nonsense"),
        ("-H", f"Authorization: {FORGED}"),
        ("-H", "Authorization: Digest " + "a=b," * 200),
    ],
    ids=["none", "ben's", "ben's password", "ben's name", "empty", "in the clear", "nonsense", "forged", "long"],
)  # fmt: skip
def test_whoever_does_not_know_it_gets_nothing_and_is_asked_for_it(front: Front, options: tuple[str, ...]) -> None:
    status, body = curl(front, OWN, *options)
    assert (status, body) == (401, b"Unauthorized\n")
    assert set(findings(front)) <= {Finding.NO_CREDENTIAL, Finding.WRONG_CREDENTIAL}


def test_a_wrong_one_is_told_in_words(front: Front) -> None:
    curl(front, OWN, "--digest", "-u", f"805ec0123456:{BENS}")
    told = [event for event in front.events if isinstance(event, RequestRefused)]
    assert [event.finding for event in told] == [Finding.NO_CREDENTIAL, Finding.WRONG_CREDENTIAL]
    assert "the credential that it gave is not that phone's" in told[1].reason


def test_no_answer_tells_which_phones_there_are_or_have_a_credential(front: Front) -> None:
    unknown, known = curl(front, UNKNOWN), curl(front, OWN)
    assert unknown == known
    wrong = ("--digest", "-u", "805ec0999999:guess")
    assert curl(front, UNKNOWN, *wrong) == curl(front, OWN, *wrong) == (401, b"Unauthorized\n")
    assert curl(front, "y000000000108.cfg")[0] == 404
    assert curl(front, "SEP001122334455.cnf.xml")[0] == 404


def test_where_no_phone_has_a_credential_nobody_is_asked_for_one() -> None:
    def serve_plainly(admission: Admission) -> None:
        admission.take_rules("site", "Home", Rules(Policy(EDGE_LEVELS)))
        admission.adopt(Catalogue(1, offers()), "site")

    front = Front(serve_plainly)
    try:
        assert curl(front, OWN)[0] == 404
    finally:
        front.close()


def test_ten_thousand_guesses_get_nothing_and_do_not_lock_the_phone_out(front: Front) -> None:
    connection = front.connect()
    answered = 0
    for guess in range(10_000):
        try:
            connection.request("GET", f"/{OWN}", headers={"Authorization": _answer(front, f"guess{guess}")})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (401, b"Unauthorized\n")
            answered += 1
        except (ConnectionError, http.client.HTTPException):
            connection.close()
            connection = front.connect()
            if answered and guess > answered + 100:
                break  # told nothing any more, whatever it sends
    connection.close()
    assert answered <= 40, "as many as a source may be told, and those of the meantime"
    assert curl(front, OWN, "--digest", "-u", f"805ec0123456:{ANNAS}") == (200, BODIES[OWN])


def _challenge(front: Front, name: str = OWN) -> Challenge:
    connection = front.connect()
    connection.request("GET", f"/{name}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return parse_challenge(answer.getheader("WWW-Authenticate") or "")


def _answer(front: Front, password: str, challenge: Challenge | None = None, name: str = OWN, count: int = 1) -> str:
    asked = challenge or Challenge(
        REALM, front.front._challenges.nonce("127.0.0.1", front.loop.moment.mono), qop="auth"
    )
    return authorization(
        asked, user="805ec0123456", password=Secret(password), method="GET", uri=f"/{name}", cnonce="c", count=count
    )


def _got(front: Front, header: str, name: str = OWN) -> int:
    connection = front.connect()
    connection.request("GET", f"/{name}", headers={"Authorization": header})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_an_answer_is_good_once_and_for_its_own_target(front: Front) -> None:
    challenge = _challenge(front)
    answer = _answer(front, ANNAS, challenge)
    assert _got(front, answer, "/805ec0123456.cfg") == 401, "another target, if the same file"
    assert _got(front, answer) == 200
    assert _got(front, answer) == 401, "a replay"
    assert _got(front, _answer(front, ANNAS, challenge, count=2)) == 200, "the phone goes on with its challenge"
    assert _got(front, _answer(front, ANNAS, challenge, count=1)) == 401


def test_a_challenge_is_good_for_one_address_and_a_minute_and_of_this_server_alone() -> None:
    challenges, others = Challenges(b"k" * 32), Challenges(b"o" * 32)

    def read(made_by: Challenges, host: str, now: float) -> bool:
        challenge = Challenge(REALM, made_by.nonce("192.0.2.9", 100.0), qop="auth")
        header = authorization(
            challenge, user="u", password=Secret("p"), method="GET", uri="/f", cnonce="c", count=1
        ).encode()
        return challenges.read(header, b"GET", b"/f", host, now) is not None

    assert read(challenges, "192.0.2.9", 100.0 + GOOD_FOR_S)
    assert not read(challenges, "192.0.2.9", 101.0 + GOOD_FOR_S)
    assert not read(challenges, "192.0.2.10", 100.0)
    assert not read(others, "192.0.2.9", 100.0)


def test_an_old_answer_is_asked_again_without_blame(front: Front) -> None:
    challenge = Challenge(REALM, front.front._challenges.nonce("127.0.0.1", -1000.0), qop="auth")
    connection = front.connect()
    connection.request("GET", f"/{OWN}", headers={"Authorization": _answer(front, ANNAS, challenge)})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert parse_challenge(answer.getheader("WWW-Authenticate") or "").stale
    assert findings(front) == [Finding.NO_CREDENTIAL]


@pytest.mark.parametrize(
    ("name", "is_so"),
    [(OWN, True), (OWN.upper(), True), ("/sub/" + OWN, True), ("snomD785-000413123456.htm", True),
     ("snomD785-000413123456-firmware.xml", True), ("SEP001122334455.cnf.xml", False), ("y000000000108.cfg", False),
     ("000000000000.cfg", False), ("snomD785.htm", False)],
)  # fmt: skip
def test_which_names_are_asked_by_phones_with_credentials(name: str, is_so: bool) -> None:
    assert is_credential_asked_for(name) is is_so


def test_a_virtual_phone_stores_what_its_file_brings_and_fetches_with_it() -> None:
    """Its file is served by its place on the wire first; then a new credential comes with the old one's help."""
    line = LineAccount(1, "Anna", "201", "Anna", "", Secret("secretOfLine"))
    whole = {"sip_server": "192.0.2.10"}

    def file_with(password: str) -> bytes:
        (file,) = Renderer().render(PhoneToRender(Mac(ANNA), "T46U", "", whole, (line,), credential=Secret(password)))
        return file.data

    def serving(policy: Policy, data: bytes) -> Callable[[Admission], None]:
        def serve_it(admission: Admission) -> None:
            admission.take_rules("site", "Home", replace(rules(), policy=policy))
            fd = os.memfd_create(OWN)
            os.write(fd, data)
            admission.adopt(Catalogue(1, [Offer(OWN, fd, len(data), TargetKind.CONFIGURATION, ANNA)]), "site")

        return serve_it

    phone = VirtualPhone(Mac(ANNA), "T46U", ("127.0.0.1", 1), source_host="127.0.0.1")
    held = None
    for policy, brings in ((Policy(), OLD), (Policy(EDGE_LEVELS), ANNAS), (Policy(EDGE_LEVELS), ANNAS)):
        front = Front(serving(policy, file_with(brings)))
        try:
            fetch = HttpFirst(front.address[1])
            fetch.credential = held.credential if held is not None else None
            phone.ask_by(fetch)
            held = phone.boot()
        finally:
            front.close()
        assert held.credential == ("805ec0123456", Secret(brings))
