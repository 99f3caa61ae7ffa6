"""The API of phones' trust: the keys, the recovery file, and who may do what about them."""

import base64
import itertools

import pytest

from ringfence.hub import within
from ringfence.hub.trust import recovery, trust_alerts, trust_keys
from ringfence.hub.trust.errors import NotAListToSign, RecoveryNotProven
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.hub.trust.trust_keys import KeyState
from ringfence.identity.certificates import to_pem
from ringfence.phones.trust.roles import SigningHash
from support.running_hub import Answer, Json, RunningHub

_numbers = itertools.count(1)
YEAR_S = 365 * 86_400
KEY, OTHER = RecoveryKey.new("a"), RecoveryKey.new("b")


class Customer:
    """An organisation of the test's own, and its owner."""

    def __init__(self, running: RunningHub) -> None:
        self.running, self.id = running, f"customer-{next(_numbers)}"
        running.do("POST", "/organisations", {"id": self.id, "name": self.id})
        self.hub = within.organisation(running.hub, self.id)

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        return self.running.ask(method, path, body, headers={"Ringfence-Organisation": self.id})

    def initialise(self, key: RecoveryKey = KEY) -> Json:
        body = {"recovery_certificate": to_pem(key.certificate)}
        answer = self.ask("POST", "/trust", body)
        assert answer.status == 201, answer.data
        return answer.json

    def proof(self, key: RecoveryKey = KEY, challenge: str | None = None) -> Json:
        challenge = challenge or self.ask("POST", "/trust/challenge").json["challenge"]
        return {
            "challenge": challenge,
            "fingerprint": key.fingerprint,
            "signature": base64.b64encode(key.prove(base64.b64decode(challenge))).decode(),
        }

    def newest_action(self) -> tuple[str, str]:
        (newest,) = self.ask("GET", "/audit?limit=1").json["items"]
        return newest["action"], newest["object"]


@pytest.fixture
def customer(running: RunningHub) -> Customer:
    return Customer(running)


def test_an_organisation_has_no_keys_until_somebody_makes_them(customer: Customer) -> None:
    nothing = {
        "organisation": customer.id,
        "is_initialised": False,
        "keys": [],
        "recovery": None,
        "list": None,
        "pbxes": [],
    }
    assert customer.ask("GET", "/trust").json == nothing
    made = customer.initialise()
    assert [each["role"] for each in made["keys"]] == list(KeyRole)
    assert {each["state"] for each in made["keys"]} == {"current"}
    assert {each["next_step"] for each in made["keys"]} == {""}
    assert made["recovery"]["is_ready"] is False
    assert customer.newest_action() == ("trust.init", "sast-1, sast-2, tftp, capf, tvs, ccm")
    again = customer.ask("POST", "/trust", {"recovery_certificate": to_pem(KEY.certificate)})
    assert (again.status, again.json["kind"]) == (409, "trust-initialised")
    assert customer.ask("GET", "/trust").json["keys"] == made["keys"]
    assert "PRIVATE" not in str(made)


def test_what_is_no_certificate_is_refused(customer: Customer) -> None:
    refused = customer.ask("POST", "/trust", {"recovery_certificate": "none"})
    assert (refused.status, refused.json["kind"]) == (422, "bad-recovery-certificate")
    assert customer.ask("POST", "/trust", {"recovery_certificate": "n" * 9000}).status == 422
    assert customer.ask("GET", "/trust").json["is_initialised"] is False


def test_the_recovery_file_is_shown_to_open_once_and_again_after_a_year(customer: Customer) -> None:
    customer.initialise()
    with customer.hub.database.reading() as session, pytest.raises(RecoveryNotProven, match="trust check FILE"):
        recovery.check_ready_for_signed(session, customer.hub.clock())
    shown = customer.ask("POST", "/trust/check", customer.proof())
    assert shown.status == 200, shown.data
    assert customer.newest_action() == ("trust.check", "sast-2")
    assert shown.json["recovery"]["is_ready"] is True
    assert shown.json["recovery"]["sentence"] == "The recovery file opens."
    with customer.hub.database.reading() as session:
        assert recovery.check_ready_for_signed(session, customer.hub.clock()) == ""
        assert "more than a year ago" in recovery.check_ready_for_signed(session, customer.hub.clock() + YEAR_S + 60)


def kind(answer: Answer) -> str:
    assert answer.status == 422, answer.data
    return str(answer.json["kind"])


def test_a_proof_of_another_key_or_of_another_time_or_place_is_refused(running: RunningHub, customer: Customer) -> None:
    assert customer.ask("POST", "/trust/challenge").json["kind"] == "trust-not-initialised"
    customer.initialise()
    other = Customer(running)
    other.initialise()

    def check(body: Json) -> str:
        return kind(customer.ask("POST", "/trust/check", body))

    assert check(customer.proof(OTHER)) == "foreign-recovery-file"
    assert check(customer.proof() | {"signature": customer.proof(OTHER)["signature"]}) == "challenge-refused"
    assert check(other.proof()) == "challenge-refused"
    assert check(customer.proof(challenge=base64.b64encode(b"x" * 60).decode())) == "challenge-refused"
    for field, value in itertools.product(("challenge", "fingerprint", "signature"), ("", "é", "====", "QUJD")):
        assert check(customer.proof() | {field: value}) in {"challenge-refused", "foreign-recovery-file"}
    proof = customer.proof()
    with running.clock.forward(recovery.CHALLENGE_S + 5):
        assert check(proof) == "challenge-refused"
    assert customer.ask("GET", "/trust").json["recovery"]["is_ready"] is False
    assert customer.ask("POST", "/trust/check", customer.proof()).status == 200


def test_the_file_of_an_older_key_is_told_from_a_foreign_one(customer: Customer) -> None:
    customer.initialise(OTHER)
    with customer.hub.change("test") as change:
        trust_keys.current(change.session, KeyRole.SAST_2).state = KeyState.RETIRED.value
        new = trust_keys.MadeKey("trust-1", KeyRole.SAST_2, KEY.certificate, trust_keys.OFFLINE)
        trust_keys.add(change, new, KeyState.CURRENT)
        change.note("test", "")
    assert kind(customer.ask("POST", "/trust/check", customer.proof(OTHER))) == "older-recovery-file"


def test_certificates_near_their_end_ask_for_another_key(running: RunningHub, customer: Customer) -> None:
    customer.initialise()
    with running.clock.forward(9 * YEAR_S + 3 * 86_400):
        steps = {each["role"]: each["next_step"] for each in customer.ask("GET", "/trust").json["keys"]}
    assert steps["sast-1"] == steps["sast-2"] == ""
    assert steps["tftp"].endswith(": ringfence trust rotate tftp")
    with running.clock.forward(10 * YEAR_S):
        steps = {each["role"]: each["next_step"] for each in customer.ask("GET", "/trust").json["keys"]}
    assert steps["ccm"] == "Its certificate has ended: ringfence trust rotate ccm"


def test_owners_make_keys_and_others_see_them(running: RunningHub) -> None:
    for role in ("administrator", "read"):
        token = running.do("POST", "/api-tokens", {"name": role, "role": role})["token"]
        assert running.ask("GET", "/trust", token=token).status == 200
        for path in ("/trust", "/trust/challenge", "/trust/check"):
            assert running.ask("POST", path, {}, token=token).status == 403


def test_a_key_is_changed_in_two_steps_and_a_new_list_tells_of_each(customer: Customer) -> None:
    customer.initialise()
    first = customer.ask("POST", "/trust/rotate", {"role": "tftp"}).json
    assert (first["list"]["number"], first["list"]["why"]) == (2, "tftp: a new key")
    assert [each["state"] for each in first["keys"] if each["role"] == "tftp"] == ["current", "next"]
    assert customer.newest_action() == ("trust.rotate", "tftp")
    second = customer.ask("POST", "/trust/rotate", {"role": "tftp"}).json
    assert second["list"]["number"] == 3
    assert [each["state"] for each in second["keys"] if each["role"] == "tftp"] == ["current"]
    assert second["list"]["phones_without"] == 0
    for role, word in (
        ("sast-1", "recovery-file-needed"),
        ("sast-2", "recovery-file-needed"),
        ("x", "unknown-trust-role"),
    ):
        assert customer.ask("POST", "/trust/rotate", {"role": role}).json["kind"] == word
    other = customer.ask("POST", "/trust/rotate", {"role": "sast-2", "recovery_certificate": to_pem(OTHER.certificate)})
    assert other.json["keys"][1]["fingerprint"] == OTHER.fingerprint
    assert other.json["recovery"]["is_ready"] is False


def test_the_recovery_key_signs_a_list_with_a_new_sast_1(customer: Customer) -> None:
    assert customer.ask("POST", "/trust/recovery").json["kind"] == "trust-not-initialised"
    before = customer.initialise()
    begun = customer.ask("POST", "/trust/recovery").json
    assert customer.newest_action() == ("trust.begin-recovery", "sast-1")
    assert customer.ask("GET", "/trust").json["list"] == before["list"]
    signed = {
        form: base64.b64encode(KEY.sign_list(base64.b64decode(data), SigningHash[form.split()[1]])).decode()
        for form, data in begun["data"].items()
    }
    assert customer.ask("POST", "/trust/recover", {"signed_at": begun["signed_at"], "signatures": {}}).status == 422
    done = customer.ask("POST", "/trust/recover", {"signed_at": begun["signed_at"], "signatures": signed})
    assert done.status == 200, done.data
    assert customer.newest_action() == ("trust.recover", "sast-1")
    assert done.json["list"]["number"] == 2
    assert done.json["keys"][0]["fingerprint"] != before["keys"][0]["fingerprint"]
    assert done.json["list"]["signed_by"] == before["keys"][1]["id"]


def open_alerts(customer: Customer) -> dict[str, str]:
    trust_alerts.look(customer.hub)
    return {each["kind"]: each["sentence"] for each in customer.ask("GET", "/guard/alerts").json["items"]}


def test_people_are_told_of_a_file_that_nobody_tried_and_of_certificates_that_end(
    running: RunningHub, customer: Customer
) -> None:
    customer.initialise()
    assert open_alerts(customer) == {}
    with running.clock.forward(trust_alerts.FIRST_WITHIN_S + 60):
        assert open_alerts(customer) == {
            "trust-recovery": "Nobody has shown yet that the recovery file opens. Do it: ringfence trust check FILE."
        }
        assert customer.ask("POST", "/trust/check", customer.proof()).status == 200
        assert open_alerts(customer) == {}
    with running.clock.forward(YEAR_S + 3 * 86_400):
        assert "more than a year ago" in open_alerts(customer)["trust-recovery"]
    with running.clock.forward(9 * YEAR_S + 3 * 86_400):
        assert open_alerts(customer)["trust-certificate"].startswith("The key of")


def test_the_recovery_key_signs_lists_alone() -> None:
    with pytest.raises(NotAListToSign):
        KEY.sign_list(b"ringfence trust check\0", SigningHash.SHA1)
