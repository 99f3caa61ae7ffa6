"""Organisations: whoever has a token of another one finds nothing, on any route and in no way of asking."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.hub.fleet import sessions
from ringfence.hub.store.organisation_models import LastNumberRow
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.store.release_models import AssetRow, FirmwareLoadRow
from ringfence.identity.certificates import make_authority, to_pem
from ringfence.identity.tokens import EnrolmentToken
from ringfence.phones.mac import Mac
from ringfence.wire import paths
from ringfence.wire.messages import Report, ReportBatch
from ringfence.wire.network_messages import BoxStanding
from support.every_route import bodies, filled, routes
from support.portable_home import new_identity
from support.running_hub import Answer, EdgeInHand, Json, RunningHub
from support.signing_in import person

MAC, UNKNOWN_MAC = "00:1B:54:C2:0A:01", "00:1B:54:C2:0A:02"
DIGEST = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of b"foo"
LOAD = "sip8941_8945.9-4-2SR3-1"
_IDENTITY, _LOCK, _TEXT = new_identity()
RECIPIENT = _LOCK.recipient

NOWHERE = {
    "site": "nowhere", "group": "nobodys", "pbx": "no-pbx", "asset": "ring-nope", "load": "sip0.0-0-0",
    "mac": UNKNOWN_MAC, "edge": "edge-000000000000", "token": "key-000000000000", "channel": "no-channel",
    "alert": "999999", "address": "203.0.113.250", "digest": "0" * 64, "name": "admin_password",
    "template": "{mac}.xyz", "family": "generic", "index": "1", "number": "1", "organisation": "nobody",
    "rotation": UNKNOWN_MAC, "person": "person-000000000000", "session": "session-000000000000",
    "activation": "activation-000000000000", "book": "no-book", "authority": "ca-000000000000",
    "concentrator": "nobodys-tunnel", "bundle": "bundle-000000000000",
}  # fmt: skip
"""What fills a path's parameters so that it leads to nothing anywhere."""


@dataclass
class TwoOrganisations:
    """The first organisation with everything that one can have, and somebody of another with nothing."""

    running: RunningHub
    edge: EdgeInHand
    token: str
    """Of the other one's owner."""
    stranger: str
    """Of the owner of a third one, which stays empty."""
    known: dict[str, str] = field(default_factory=dict)
    """What fills a path's parameters so that it leads to what the first one has."""

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        return self.running.ask(method, path, body, token=self.token)


def token_of(running: RunningHub, organisation: str, **how: object) -> Json:
    body = {"name": f"owner of {organisation}", **how}
    return in_organisation(running, organisation, "POST", "/api-tokens", body).json


def in_organisation(running: RunningHub, organisation: str, method: str, path: str, body: object = None) -> Answer:
    answer = running.ask(method, path, body, headers={"Ringfence-Organisation": organisation})
    assert answer.status < 300, answer.data
    return answer


@pytest.fixture(scope="module")
def two(running: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoOrganisations]:
    do = running.do
    site = running.site("Rich")
    running.phone(site, MAC)
    group = do("POST", "/groups", {"name": "Reception"})["id"]
    do("PATCH", f"/phones/{MAC}", {"group": group})
    for place in ("organisation", f"sites/{site}", f"groups/{group}"):
        do("PUT", f"/settings/{place}/ssh_password", {"value": "Secret-of-a-setting-1"})
    do("PUT", f"/settings/phones/{MAC}/ssh_user", {"value": "anna"})
    pbx = {"name": "Gold", "kind": "asterisk", "realm": "r", "url": "amis://127.0.0.1", "secret": "Secret-of-a-pbx-1"}
    do("POST", "/pbxes", pbx)
    do("PUT", "/templates/generic/{mac}.cfg", {"source": "x=1\n"})
    do("POST", "/guard/bans", {"address": "203.0.113.7", "why": "test"})
    do("PATCH", f"/sites/{site}/guard", {"gateway": "windows"})
    do("PUT", f"/phones/{MAC}/window", {})
    with running.hub.change("test") as change:
        change.session.add(LastNumberRow(counted="guard_alert", number=7000))
    edge = running.enrol(site, tmp_path_factory.mktemp("edge"))
    running.token_for(site)
    running.publish(sites=[site])
    told = [
        Report(1, running.clock(), "release-served", "Release 1.", release=1),
        Report(2, running.clock(), "worker-died", "A worker died."),
        Report(3, running.clock(), "banned", "Banned.", peer="203.0.113.9"),
    ]
    assert edge.post(paths.REPORTS, ReportBatch(tuple(told), 0)).status == 200
    # After the alerts above, so that nothing is ever sent.
    do("POST", "/alert-channels", {"name": "bell", "kind": "webhook", "url": "https://alerts.example.org/x"})
    with running.hub.change("test") as change:
        added = {"source": "test", "added_at": 1.0, "added_by": "test"}
        change.session.add(FirmwareLoadRow(name=LOAD, **added))
        change.session.add(AssetRow(id="ring-chime", kind="ring tone", name="chime", **added))
        under_way = {"began_at": 1.0, "changed_at": 1.0, "until": 2.0, "who": "test"}
        change.session.add(RotationRow(mac=Mac.parse(MAC).bare, pbx_id="gold", stage="done", **under_way))
    do("POST", "/organisations", {"id": "other", "name": "The other"})
    token = token_of(running, "other")
    do("POST", "/organisations", {"id": "hollow", "name": "Hollow"})
    stranger = token_of(running, "hollow")
    assert running.raw("PUT", f"/api/v1/uploads/{DIGEST}", b"foo").status == 201
    own = next(row["id"] for row in do("GET", "/api-tokens")["items"])
    anna = person(running.hub, "anna@example.org", "operator")
    with running.hub.change("test") as change:
        session, _secret = sessions.start(change, anna, address="192.0.2.1", agent="Test")
    alert = do("GET", "/guard/alerts")["items"][0]["id"]
    activation = do("POST", "/activations", {"site": site})["id"]
    book = do("POST", "/phone-books", {"name": "The rich one's"})["id"]
    ca = make_authority(ec.generate_private_key(ec.SECP256R1()), "Maker", serial=1, now=running.clock())
    authority = do("POST", "/port-authorities", {"pem": to_pem(ca)})["id"]
    do("POST", "/concentrators", {"name": "Of the rich one"})
    bundle = do("POST", "/bundles", {"mac": MAC, "recipient": RECIPIENT})["id"]
    assert edge.post(paths.BOX, BoxStanding(running.clock(), devices=("001B54C20A03",))).status == 200
    known = {
        "site": site, "group": group, "pbx": "gold", "channel": "bell", "mac": MAC, "edge": edge.response.edge_id,
        "token": own, "alert": str(alert), "address": "203.0.113.7", "digest": DIGEST, "name": "ssh_password",
        "template": "{mac}.cfg", "load": LOAD, "asset": "ring-chime", "rotation": MAC,
        "person": anna.id, "session": session.id, "activation": activation, "book": book, "authority": authority,
        "concentrator": "Of the rich one", "bundle": bundle,
        "family": "generic", "index": "1", "number": "1", "organisation": "main",
    }  # fmt: skip
    yield TwoOrganisations(running, edge, token["token"], stranger["token"], known)
    edge.pool.close()


def told(answer: Answer, two: TwoOrganisations) -> tuple[int, str, str]:
    """An answer, with the same words for what is known and for what is nowhere."""
    text = re.sub(
        r"rft_[\w-]+|RFT1[\w-]+|code=[\w-]+|(key|person|draft|activation|tunnel)-[0-9a-f]{12}|[2-9A-Z]{3}(-[2-9A-Z]{3}){2}|\"ending\":\"\w+\"|\b\d+(\.\d{4,}|\.\d+e-\d+)",
        "…",
        answer.data.decode(errors="replace"),
    )
    names = (*two.known.items(), *NOWHERE.items())
    for key, value in sorted(names, key=lambda each: -len(each[1])):
        if len(value) > 2:
            text = re.sub(re.escape(value) + "|" + re.escape(value.replace(":", "")), f"<{key}>", text)
    return answer.status, answer.headers.get("content-type", ""), text


OF_THE_CATALOGUE = "/settings/organisation/{name:path}"
"""The page of a setting says what it means, which differs from one setting to another and is everybody's to know."""


@pytest.mark.slow
def test_a_token_of_another_organisation_finds_what_nobody_has_on_every_route(two: TwoOrganisations) -> None:
    """What the first one has is asked for, and what nobody has: the answers are the same."""
    document = json.loads(two.running.raw("GET", "/openapi.json").data)
    walked = 0
    for method, path in routes(two.running.hub):
        for number, body_of_known in enumerate(bodies(document, method, path, two.known)):
            if (method == "PUT" and "uploads" in path) or path == OF_THE_CATALOGUE:
                continue  # whoever uploads has the bytes
            body_of_none = bodies(document, method, path, NOWHERE)[number]
            for query in queries(document, method, path):
                with two.running.clock.stopped():
                    ours = ask_anew(two, method, filled(path, two.known) + filled(query, two.known), body_of_known)
                    none = ask_anew(two, method, filled(path, NOWHERE) + filled(query, NOWHERE), body_of_none)
                assert told(ours, two) == told(none, two), (method, path, query, body_of_known)
                assert ours.status < 500, (method, path, ours.data)
                walked += 1
    assert walked > 100


OF_SITES = ("site", "bundle", "mac", "edge", "alert", "address", "rotation")
"""What belongs to a site; all else that fills paths is the whole organisation's."""


@pytest.mark.slow
def test_a_token_for_one_site_finds_what_nobody_has_of_another_on_every_route(two: TwoOrganisations) -> None:
    """The same walk within one organisation, by an administrator who is limited to a site with nothing in it."""
    lab = two.running.site("Lab 7")
    body = {"name": "of the lab", "role": "administrator", "limited_to": {"sites": [lab]}}
    token = two.running.do("POST", "/api-tokens", body)["token"]
    document = json.loads(two.running.raw("GET", "/openapi.json").data)
    nowhere = {**two.known, **{key: NOWHERE[key] for key in OF_SITES}}
    walked = 0
    for method, path in routes(two.running.hub):
        for number, body_of_known in enumerate(bodies(document, method, path, two.known)):
            body_of_none = bodies(document, method, path, nowhere)[number]
            for query in queries(document, method, path):
                with two.running.clock.stopped():
                    asked, in_vain = (filled(path, of) + filled(query, of) for of in (two.known, nowhere))
                    ours = two.running.ask_at(method, asked, body_of_known, token)
                    none = two.running.ask_at(method, in_vain, body_of_none, token)
                assert told(ours, two) == told(none, two), (method, path, query, body_of_known)
                assert ours.status < 500 or "/pbxes/" in path, (method, path, ours.data)
                walked += 1
    assert walked > 100
    samples = two.running.ask_at("GET", "/metrics", None, token).data.decode().splitlines()
    counts = {line for line in samples if line and not line.startswith(("#", "ringfence_disk_free_bytes"))}
    assert {line for line in counts if not line.endswith(" 0.0")} == {'ringfence_sites{state="all"} 1.0'}


def test_lists_and_counts_of_an_organisation_that_has_nothing_are_empty(two: TwoOrganisations) -> None:
    token = two.stranger
    of_all = {"/api/v1/models", "/api/v1/settings/catalogue", "/openapi.json"}
    listed = 0
    for path in (path for method, path in routes(two.running.hub) if method == "GET" and "{" not in path):
        answer = two.running.ask_at("GET", path, None, token)
        for key in (
            "site",
            "group",
            "mac",
            "edge",
            "load",
            "asset",
            "address",
            "pbx",
            "channel",
            "alert",
            "person",
            "activation",
            "book",
        ):
            if path not in of_all:
                assert (
                    re.search(rf'[">]{re.escape(two.known[key])}["<]', answer.data.decode(errors="replace")) is None
                ), (path, key)
        if answer.is_json and path.endswith(("/audit", "/api-tokens")):
            assert {row.get("who", "owner of hollow") for row in answer.json["items"]} <= {
                "administrator",
                "owner of hollow",
            }
        elif path not in of_all and "items" in (answer.json if answer.is_json else {}):
            assert answer.json == {"items": [], "next": None}, path
            listed += 1
    assert listed > 15
    samples = two.running.ask_at("GET", "/metrics", None, token).data.decode().splitlines()
    counts = [line for line in samples if line and not line.startswith(("#", "ringfence_disk_free_bytes"))]
    assert counts
    assert {line.rpartition(" ")[2] for line in counts} == {"0.0"}


def queries(document: Json, method: str, path: str) -> list[str]:
    """Query strings for a route: none, and one for each of its parameters that names something."""
    parameters = document["paths"].get(path, {}).get(method.lower(), {}).get("parameters", ())
    asked = {each["name"] for each in parameters if each["in"] == "query"}
    names = sorted(asked & {"site", "group", "phone"})
    return ["", *(f"?{name}={{{'mac' if name == 'phone' else name}}}" for name in names)]


_NEW = iter(range(10_000))


def ask_anew(two: TwoOrganisations, method: str, path: str, body: object) -> Answer:
    """Ask in an organisation of its own, so that no answer depends on the one before."""
    if method in {"GET", "HEAD"} or path.startswith("/api/v1/organisations"):
        token = two.stranger
    else:
        organisation = f"empty-{next(_NEW)}"
        two.running.do("POST", "/organisations", {"id": organisation, "name": "Empty"})
        token = token_of(two.running, organisation)["token"]
    answer = two.running.ask_at(method, path, body, token)
    if token != two.stranger:
        answer = Answer(answer.status, answer.data.replace(organisation.encode(), b"<own>"), answer.headers)
    return answer


def test_all_that_the_first_one_has_is_still_there(two: TwoOrganisations) -> None:
    assert two.running.do("GET", f"/phones/{MAC}")["site"] == two.known["site"]
    assert two.running.do("GET", f"/edges/{two.known['edge']}")["revoked_at"] is None
    assert two.running.do("GET", "/whoami")["organisation"] == "main"


def test_the_same_names_exist_in_two_organisations(two: TwoOrganisations) -> None:
    assert two.ask("POST", "/sites", {"name": "Rich"}).json["id"] == "other.rich"
    assert two.ask("POST", "/phones", {"mac": MAC, "site": "rich", "model": "9971"}).json["site"] == "other.rich"
    assert two.ask("PUT", f"/phones/{MAC}/lines/1", {"name": "7", "password": "Secret-of-the-other"}).status == 200
    assert two.ask("POST", "/groups", {"name": "Reception"}).json["id"] == "reception"
    assert two.ask("PUT", "/settings/organisation/sip_server", {"value": "sip.other.example"}).status == 200
    done = two.ask("POST", "/publish", {"dry_run": False}).json
    assert [(site["site"], site["release"]) for site in done["sites"]] == [("other.rich", 1)]
    assert [row["name"] for row in two.running.do("GET", f"/phones/{MAC}/lines")["items"]] == ["201"]
    assert {row["id"] for row in two.ask("GET", "/sites").json["items"]} - {"other.with-an-edge"} == {"other.rich"}
    assert [row["mac"] for row in two.ask("GET", "/phones").json["items"]] == [MAC]


def test_numbers_count_each_organisations_own(two: TwoOrganisations) -> None:
    own = two.ask("GET", "/audit").json["items"]
    assert [row["id"] for row in own] == list(range(len(own), 0, -1))
    assert {row["who"].partition("-")[0] for row in own} <= {"owner of other", "administrator", "edge"}


def test_an_edge_of_one_organisation_gets_its_own_files_only(two: TwoOrganisations) -> None:
    site = two.ask("POST", "/sites", {"name": "With an edge"}).json["id"]
    text = two.ask("POST", f"/sites/{site}/tokens").json["token"]
    answer = two.running.ask_to_enrol(EnrolmentToken.from_text(text).secret)
    assert json.loads(answer.data)["site_id"] == site
    assert [row["site"] for row in two.ask("GET", "/edges").json["items"]] == [site]
    assert site not in {row["site"] for row in two.running.do("GET", "/edges")["items"]}


def test_which_organisation_is_said_by_the_header_where_a_token_is_for_all(two: TwoOrganisations) -> None:
    seen = in_organisation(two.running, "other", "GET", "/whoami").json
    assert (seen["organisation"], seen["is_hubwide"]) == ("other", True)
    for asked in ("main", "nobody", "other "):
        refused = two.running.ask("GET", "/whoami", token=two.token, headers={"Ringfence-Organisation": asked})
        assert (refused.status, refused.json["kind"]) == (404, "unknown-organisation"), asked


def test_an_organisation_is_removed_with_all_that_it_has_and_its_id_is_never_given_again(running: RunningHub) -> None:
    running.do("POST", "/organisations", {"id": "brief", "name": "Brief"})
    token = token_of(running, "brief")["token"]
    running.ask("POST", "/sites", {"name": "Only"}, token=token)
    assert running.ask("DELETE", "/organisations/brief").json["kind"] == "organisation-not-empty"
    assert running.do("GET", "/organisations/brief")["sites"] == 1
    assert running.ask("DELETE", "/organisations/brief?with_all=true").status == 204
    assert running.ask("GET", "/whoami", token=token).status == 401
    assert running.ask("POST", "/organisations", {"id": "brief", "name": "Again"}).json["kind"] == "organisation-taken"
    assert running.ask("DELETE", "/organisations/main?with_all=true").json["kind"] == "organisation-not-empty"
    actions = [(row["action"], row["object"]) for row in running.do("GET", "/audit?limit=5")["items"]]
    assert ("organisation.remove", "brief") in actions


@pytest.mark.parametrize("organisation", ["", "A", "a.b", "-a", "a" * 17, "ä", "1a"])
def test_an_id_that_can_be_none_is_refused(running: RunningHub, organisation: str) -> None:
    assert running.ask("POST", "/organisations", {"id": organisation, "name": "x"}).json["kind"] == "bad-name"
