"""Activation codes: a prepared phone is adopted once, by whoever tells its code, with all that it has."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import ActivationRefused, LimitReached, TooManyCodes, UnknownPhone
from ringfence.hub.fleet import activation_use, activations, audit, groups, lines, phones, sites
from ringfence.hub.fleet.activation_use import CodeUser, PhoneAtHand
from ringfence.hub.fleet.activations import PreparedPhone
from ringfence.hub.fleet.audit import AuditFilter
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.sign_in_throttle import SignInThrottle
from ringfence.hub.store.activation_models import ActivationLineRow
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.pages import Page
from ringfence.identity.activation_codes import ALPHABET, ActivationCode
from ringfence.identity.errors import BadActivationCode
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from support.running_hub import RunningHub

ADMINISTRATOR = CodeUser("key-1", "Anna", may_know_why=True)
INSTALLER = CodeUser("key-2", "Ben", may_know_why=False)
MAC = Mac("001B54C2B401")
PASSWORD = "Prepared-Secret-3197"
_numbers = count(1)


@pytest.fixture
def site(idle: Hub) -> str:
    with idle.change("test") as change:
        return sites.create(change, idle.signers, "Berlin").id


@pytest.fixture
def throttle() -> SignInThrottle:
    return SignInThrottle()


def waits(hub: Hub, site_id: str, mac: Mac = MAC, model: str = "9971") -> None:
    """A phone that nobody knows has asked an edge of a site."""
    with hub.change("test") as change:
        alerts.raise_alert(change, site_id, alerts.UNKNOWN_PHONE, mac.bare, "It asked.", model=model)


def prepared(hub: Hub, **parts: object) -> tuple[str, str]:
    """A prepared phone's id and its code."""
    with hub.change("Anna") as change:
        row, code = activations.create(change, hub.sealer, PreparedPhone(**parts))  # type: ignore[arg-type] # its own
    return row.id, code.to_text()


def test_a_phone_is_adopted_with_all_that_was_prepared(idle: Hub, site: str, throttle: SignInThrottle) -> None:
    with idle.change("test") as change:
        group = groups.create(change, "Reception").id
    waits(idle, site)
    of_first = LineParts("Anna", "201", None, None, Secret(PASSWORD))
    number, code = prepared(
        idle, site_id=site, model="9971", description="By the door", group_id=group,
        lines={1: of_first, 3: LineParts(name="203")},
    )  # fmt: skip
    phone = activation_use.use(idle, throttle, INSTALLER, code.lower(), PhoneAtHand("b4:01"))
    assert (phone.mac, phone.site_id, phone.model, phone.group_id) == (MAC.bare, site, "9971", group)
    assert (phone.description, phone.admitted_at is not None) == ("By the door", True)
    assert [(line.index, line.name, line.label) for line in phone.lines] == [(1, "201", "Anna"), (3, "203", "203")]
    with idle.database.reading() as session:
        assert lines.open_password(idle.sealer, phone.lines[0]).reveal() == PASSWORD
        row = activations.get(session, number)
        assert (row.mac, row.used_by, row.lines) == (MAC.bare, "Ben", [])
        assert session.query(ActivationLineRow).count() == 0
        assert alerts.find(session, Page(10), site_id=site).rows == []
    log = "".join(audit.export(idle, AuditFilter(), as_csv=False))
    assert '"activation.use"' in log
    assert not [secret for secret in (code, code.replace("-", ""), PASSWORD) if secret in log]
    assert code.replace("-", "")[:-2] not in repr(row.__dict__)


def test_any_site_and_any_model_are_those_of_the_phone(idle: Hub, site: str, throttle: SignInThrottle) -> None:
    waits(idle, site)
    _number, code = prepared(idle, lines={1: LineParts(name="201")})
    phone = activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("C2B401"))
    assert (phone.site_id, phone.model, len(phone.lines)) == (site, "9971", 1)


def test_a_model_that_nobody_knows_must_be_said(idle: Hub, site: str, throttle: SignInThrottle) -> None:
    waits(idle, site, model="")
    _number, code = prepared(idle)
    with pytest.raises(RingfenceError, match="not known which model"):
        activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("B401"))
    phone = activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("B401", model="CP-8841"))
    assert phone.model == "8841"


def test_a_phone_that_does_not_fit_is_refused_and_the_code_stays_good(
    idle: Hub, site: str, throttle: SignInThrottle
) -> None:
    with idle.change("test") as change:
        elsewhere = sites.create(change, idle.signers, "Elsewhere").id
    waits(idle, elsewhere, model="8841")
    number, code = prepared(idle, site_id=site)
    with pytest.raises(ActivationRefused, match=f"for a phone at {site}"):
        activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("B401"))
    _number, of_model = prepared(idle, model="9971")
    with pytest.raises(ActivationRefused, match="looks like a 8841") as looks:
        activation_use.use(idle, throttle, INSTALLER, of_model, PhoneAtHand("B401"))
    assert "--model 9971" in looks.value.to_do
    with pytest.raises(ActivationRefused, match="is a 8841"):
        activation_use.use(idle, throttle, INSTALLER, of_model, PhoneAtHand("B401", model="8841"))
    _number, beyond = prepared(idle, lines={60: LineParts(name="260")})
    with pytest.raises(RingfenceError, match="line 60 has no key"):
        activation_use.use(idle, throttle, INSTALLER, beyond, PhoneAtHand("B401"))
    with idle.database.reading() as session:
        assert session.get(PhoneRow, MAC.bare) is None
        found = activations.find(session, Page(10), idle.clock(), ended_too=False, site_id=None).rows
        assert len(found) == 3
        assert activations.get(session, number).lines == []
    assert activation_use.use(idle, throttle, INSTALLER, of_model, PhoneAtHand("B401", model="9971")).model == "9971"


def test_which_phone_is_told_by_its_last_digits_and_its_site(idle: Hub, site: str, throttle: SignInThrottle) -> None:
    _number, code = prepared(idle)

    def use(ending: str, where: str = "") -> PhoneRow:
        return activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand(ending, where))

    with pytest.raises(UnknownPhone, match="no phone that waits"):
        use("B401")
    for wrong in ("401", "", "xyz1", "00001B54C2B401", "%%%%", "____"):
        with pytest.raises(RingfenceError, match="no end of a MAC address"):
            use(wrong)
    waits(idle, site)
    waits(idle, site, Mac("001B54C3B401"))
    with pytest.raises(RingfenceError, match="2 phones that wait fit") as several:
        use("B401")
    assert "00:1B:54:C3:B4:01" in several.value.where
    with pytest.raises(RingfenceError, match="there is no site"):
        use("B401", "nowhere")
    with idle.change("test") as change:
        phones.add(change, Mac("001B54C4B402"), site, "9971", "")
    waits(idle, site, Mac("001B54C4B402"))
    with pytest.raises(ActivationRefused, match="already at a site"):
        use("B402")
    assert use("SEP001B54C3B401", "Berlin").mac == "001B54C3B401"


def test_a_phone_that_waits_at_two_sites_is_adopted_at_the_codes(
    idle: Hub, site: str, throttle: SignInThrottle
) -> None:
    with idle.change("test") as change:
        other = sites.create(change, idle.signers, "Elsewhere").id
    for where in (site, other):
        waits(idle, where)
    _number, anywhere = prepared(idle)
    with pytest.raises(RingfenceError, match="2 phones that wait fit"):
        activation_use.use(idle, throttle, INSTALLER, anywhere, PhoneAtHand("B401"))
    _number, code = prepared(idle, site_id=other)
    assert activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("B401")).site_id == other


def test_why_a_code_opens_nothing_is_told_to_those_alone_who_prepare_phones(
    idle: Hub, site: str, throttle: SignInThrottle
) -> None:
    waits(idle, site)
    waits(idle, site, Mac("001B54C2B402"))
    ended = prepared(idle)
    idle.clock.ahead_s += activations.GOOD_FOR_S  # type: ignore[attr-defined] # a test's clock
    revoked, used = prepared(idle), prepared(idle)
    with idle.change("test") as change:
        activations.revoke(change, revoked[0])
    activation_use.use(idle, throttle, INSTALLER, used[1], PhoneAtHand("B401"))
    never = ActivationCode.of([0] * 8).to_text()
    said = {ended[1]: "has ended", revoked[1]: "was revoked", used[1]: "was used for", never: "no phone was prepared"}
    told = set()
    for code, why in said.items():
        with pytest.raises(ActivationRefused, match=why):
            activation_use.use(idle, throttle, ADMINISTRATOR, code, PhoneAtHand("B402"))
        with pytest.raises(ActivationRefused) as caught:
            activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("nothing is said of phones"))
        told.add(str(caught.value))
    assert len(told) == 1
    with idle.database.reading() as session:
        found = audit.find(session, AuditFilter(action="activation.refused"), Page(50)).rows
    assert len(found) == 2 * len(said)


def test_guesses_wait_each_caller_for_itself_and_mistyped_codes_cost_nothing(
    idle: Hub, site: str, throttle: SignInThrottle
) -> None:
    waits(idle, site)
    _number, code = prepared(idle)
    with idle.clock.stopped():  # type: ignore[attr-defined] # a test's clock
        for number in range(10):
            guess = ActivationCode.of([number] * 8).to_text()
            with pytest.raises(ActivationRefused):
                activation_use.use(idle, throttle, INSTALLER, guess, PhoneAtHand("B401"))
            mistyped = guess[:-1] + next(each for each in ALPHABET if each != guess[-1])
            with pytest.raises(BadActivationCode):
                activation_use.use(idle, throttle, INSTALLER, mistyped, PhoneAtHand("B401"))
        with pytest.raises(TooManyCodes) as late:
            activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("B401"))
        assert late.value.wait_s > 0
        assert activation_use.use(idle, throttle, ADMINISTRATOR, code, PhoneAtHand("B401")).mac == MAC.bare


def test_of_several_at_once_one_adopts(idle: Hub, site: str, throttle: SignInThrottle) -> None:
    macs = [Mac(f"001B54C2B5{number:02X}") for number in range(4)]
    for mac in macs:
        waits(idle, site, mac)
    _number, code = prepared(idle, lines={1: LineParts(name="201")})
    together = Barrier(len(macs))

    def use(mac: Mac) -> str:
        together.wait()
        try:
            return activation_use.use(idle, throttle, ADMINISTRATOR, code, PhoneAtHand(mac.bare)).mac
        except ActivationRefused:
            return ""

    with ThreadPoolExecutor(len(macs)) as pool:
        won = [mac for mac in pool.map(use, macs) if mac]
    with idle.database.reading() as session:
        assert [row.mac for row in session.query(PhoneRow)] == won
    assert len(won) == 1


def test_open_codes_have_a_limit(idle: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations, "MOST_OPEN", 2)
    number, _code = prepared(idle)
    prepared(idle)
    with pytest.raises(LimitReached):
        prepared(idle)
    with idle.change("test") as change:
        activations.revoke(change, number)
    prepared(idle)


def test_a_code_is_of_its_organisation_and_of_its_hubs_key(idle: Hub) -> None:
    code = ActivationCode.of([1] * 8)
    here, there = idle.sealer.fingerprints(code.secret, "x"), idle.sealer.of("other").fingerprints(code.secret, "x")
    assert here != there
    assert here != Sealer(Sealer.new_key()).fingerprints(code.secret, "x")


def test_the_api_tells_what_may_be_told(running: RunningHub) -> None:
    site = running.site(f"Codes {next(_numbers)}")
    body = {"site": site, "model": "9971", "lines": [{"index": 1, "name": "201", "password": PASSWORD}]}
    made = running.do("POST", "/activations", body)
    assert running.newest_action() == ("activation.create", made["id"])
    assert PASSWORD not in str(made)
    listed = running.ask("GET", f"/activations?site={site}").data.decode()
    assert made["id"] in listed
    assert made["code"] not in listed
    installer = running.do("POST", "/api-tokens", {"name": "installs", "role": "installer"})["token"]
    for method, path, sent in (("POST", "/activations", body), ("DELETE", f"/activations/{made['id']}", None)):
        assert running.ask(method, path, sent, token=installer).status == 403
    waits(running.hub, site, Mac("001B54C2B601"))
    used = running.ask("POST", "/activations/use", {"code": made["code"], "phone": "B601"}, token=installer)
    assert (used.status, used.json["mac"]) == (200, "00:1B:54:C2:B6:01")
    again = running.ask("POST", "/activations/use", {"code": made["code"], "phone": "B601"}, token=installer)
    assert (again.status, again.json["kind"]) == (422, "activation-refused")
    assert running.do("GET", f"/activations/{made['id']}")["state"] == "used"
    assert made["id"] not in str(running.do("GET", "/activations"))
    assert made["id"] in str(running.do("GET", "/activations?ended_too=true"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"site": "nowhere"}, "unknown-site"), ({"model": "CP-1"}, "unknown-model"), ({"group": "no"}, "unknown-group"),
        ({"description": "x" * 201}, "bad-name"), ({"lines": [{"index": 1, "name": " "}]}, "bad-name"),
        ({"lines": [{"index": 1, "name": "1"}, {"index": 1, "name": "2"}]}, "bad-selection"),
        ({"model": "9971", "lines": [{"index": 99, "name": "1"}]}, "limit-exceeded"),
        ({"lines": [{"index": 1, "name": "a b"}]}, "bad-name"), ({"lines": [{"index": 0, "name": "1"}]}, "bad-field"),
    ],
)  # fmt: skip
def test_what_can_be_no_phone_is_refused_at_once(running: RunningHub, body: dict[str, object], kind: str) -> None:
    assert running.ask("POST", "/activations", body).json["kind"] == kind


def test_a_draft_holds_no_codes(running: RunningHub) -> None:
    draft = running.do("POST", "/drafts", {"name": "Plan"})["id"]
    answer = running.ask("POST", "/activations", {}, headers={"Ringfence-Draft": draft})
    assert (answer.status, answer.json["kind"]) == (422, "not-in-draft")


def test_a_group_that_is_gone_and_a_site_that_is_gone(idle: Hub, site: str, throttle: SignInThrottle) -> None:
    with idle.change("test") as change:
        group = groups.create(change, "Gone").id
        gone = sites.create(change, idle.signers, "Gone").id
    waits(idle, site)
    _number, code = prepared(idle, group_id=group)
    of_site, _code = prepared(idle, site_id=gone)
    with idle.change("test") as change:
        groups.remove(change, group)
        sites.remove(change, gone)
    with pytest.raises(RingfenceError, match="there is no group"):
        activation_use.use(idle, throttle, INSTALLER, code, PhoneAtHand("B401"))
    with idle.database.reading() as session, pytest.raises(RingfenceError, match="no activation code"):
        activations.get(session, of_site)


def test_a_code_outlives_a_new_sealing_key() -> None:
    old, new, code = Sealer.new_key(), Sealer.new_key(), ActivationCode.of([1] * 8)
    before = Sealer(old).fingerprints(code.secret, "x")
    assert [*Sealer(new).fingerprints(code.secret, "x"), *before] == Sealer(new, old).fingerprints(code.secret, "x")
