"""Nothing changes without an entry that names it: every changing route is called, each on a hub of its own.

The tables are compared before and after. A route that is new is walked too; where the body that is made from its schema
is refused, it needs one here.
"""

import json
import re
import time
from contextlib import closing
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import (
    audit,
    box_numbering,
    concentrators,
    edge_tls_keys,
    edges,
    enrolment_tokens,
    passkeys,
    sessions,
)
from ringfence.hub.fleet.audit import AuditFilter
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.relying_party import NewPasskey
from ringfence.hub.people.rights import Right, asked_for
from ringfence.hub.store import touched, unapproved_edits, untold
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.change import UNNAMED
from ringfence.hub.store.guard_models import EdgeNetworkRow, GuardAlertRow
from ringfence.hub.store.models import AuditEntryRow, UnknownEdgeRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.release_models import AssetRow, FirmwareLoadRow
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import EdgeIdentity, make_authority, to_pem
from ringfence.secret import Secret
from support import chosen_database
from support.called_app import ADDRESS, CalledApp
from support.chosen_database import copied
from support.edge_tls import offered
from support.every_route import bodies, filled, routes
from support.phones_with_lists import holding_a_list
from support.portable_home import new_identity
from support.running_hub import Json
from support.serving_hub import new_hub
from support.signing_in import person
from support.vpn_certificates import head_end_pem

V1 = "/api/v1"
PARTS = 8
"""Into how many tests the routes are divided."""
MAC, OTHER, NEW, TRUSTING = (f"00:1B:54:C2:AE:0{number}" for number in (1, 2, 3, 5))
YEALINK, SPA = "80:5E:C0:C2:AE:01", "00:0E:08:C2:AE:01"
SECRET = "Known-Secret-8417"
FOO = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
BAR = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"
LOAD = "sip9971.9-4-2SR3-1"
CHANNEL = {"kind": "webhook", "url": f"https://alerts.example.org/{SECRET}"}
PBX = {"kind": "asterisk", "realm": "r", "url": "amis://127.0.0.1", "secret": SECRET}

PREPARED = {"site": "rich", "group": "reception", "lines": [{"index": 1, "name": "203", "password": SECRET}]}
RING = {"name": "Chime.raw", "digest": FOO, "length": 3, "variant": "MULAW_8K"}
LINE_SETTING = "auto_answer"

_IDENTITY, _LOCK, _TEXT = new_identity()
RECIPIENT = _LOCK.recipient

PROVIDER = {
    "id": "company", "name": "Company", "issuer": "https://login.example.org", "client_id": "hub",
    "client_secret": SECRET, "groups": [{"group": "Phones", "role": "operator"}],
}  # fmt: skip
CA, OTHER_CA = (
    to_pem(make_authority(ec.generate_private_key(ec.SECP256R1()), name, serial=1, now=time.time()))
    for name in ("Maker", "Another maker")
)
HEAD_ENDS = ("berlin", "hamburg")
"""The first has a certificate in use and one announced, the other none."""
BODIES: dict[tuple[str, str], object] = {
    **{
        ("POST", f"/edge-jobs/{kind}"): {"edge": "edge-1", "wait_s": 60, "why": "a test"}
        for kind in ("status", "logs", "diagnose", "capture", "capture-with-secrets", "restart", "reboot")
    },
    ("PUT", "/edges/{edge}/mode"): {"mode": "sealed"},
    ("POST", "/alert-channels"): {"name": "other", **CHANNEL},
    ("POST", "/assets"): {"kind": "ring tone", "name": "Chime", "source": "test", "files": [RING]},
    ("POST", "/pbxes"): {"name": "silver", **PBX},
    ("POST", "/phones"): {"mac": NEW, "site": "rich", "model": "9971"},
    ("PATCH", "/phones/{mac}"): {"description": "by the door", "site": "poor", "model": "8961", "group": ""},
    ("PUT", "/phones/{mac}/lines/{index}"): {"name": "202", "label": "Ben", "password": SECRET + "-new"},
    ("PUT", "/templates/{family}/{name:path}"): {"source": f"y={SECRET}\n"},
    ("PATCH", "/sites/{site}"): {"name": "Richer"},
    ("PATCH", "/sites/{site}/guard"): {"gateway": "windows"},
    ("PATCH", "/sites/{site}/network"): {
        "mtu": 1400,
        "box": True,
        "wifi": {"ssid": "Home", "country": "DE", "passphrase": SECRET},
    },
    ("POST", "/port-authorities"): {"pem": OTHER_CA},
    ("POST", "/listener-certificates/request"): {
        "name": "old.example.org",
        "organisation": "Example",
        "mail": "admin@example.org",
    },
    ("POST", "/bundles"): {"mac": MAC, "recipient": RECIPIENT},
    ("POST", "/trust/rotate"): {"role": "tftp"},
    ("POST", "/hub-keys/{key}/rotate"): {"alone": True},
    ("POST", "/trust/authorities"): {"pem": OTHER_CA},
    ("POST", "/trust/pbx"): {"pbx": "kamailio", "folder": "/etc/kamailio/ringfence"},
    ("POST", "/vpn"): {"name": "paris", "addresses": ["vpn.example.org"], "network": "10.99.0.0/22"},
    ("PATCH", "/vpn/{head_end}"): {"routes": ["192.0.2.0/25"]},
    ("POST", "/vpn/{head_end}/certificates"): {"pem": head_end_pem(1)},
    ("POST", "/vpn/{head_end}/export"): {"folder": "/etc/ocserv/ringfence"},
    ("POST", "/vpn/{head_end}/passwords"): {"mac": MAC},
    ("POST", "/vpn/{head_end}/shown"): {"fingerprint": "ab" * 32},
    ("POST", "/concentrators"): {"name": "Paris", "networks": ["192.0.2.0/24"]},
    ("PATCH", "/concentrators/{concentrator}"): {"networks": ["192.0.2.0/25"], "position": 7},
    ("PATCH", "/organisations/{organisation}/limits"): {"sites": 5},
    ("PATCH", "/drafts/{draft}"): {"name": "Another plan"},
    ("POST", "/drafts/{draft}/publish"): {},
    ("POST", "/sign-in-providers"): {**PROVIDER, "id": "other"},
    ("PATCH", "/sign-in-providers/{provider}"): {"name": "Another name", "client_secret": SECRET + "-new"},
    ("POST", "/people"): {"name": "cora@example.org", "role": "operator"},
    ("PATCH", "/people/{person}"): {"display_name": "Anna B.", "role": "auditor", "disabled": True},
    ("PUT", "/phone-books/{book}/entries"): {"entries": [{"name": "Ben", "number": "202"}]},
    ("POST", "/publish"): {"dry_run": False},
    ("PUT", "/settings/phones/{mac}/lines/{index}/{name:path}"): {"value": "false"},
    **{
        ("PUT", f"/settings/{place}/{{name:path}}"): {"value": SECRET + "-new"}
        for place in ("organisation", "sites/{site}", "groups/{group}", "phones/{mac}")
    },
}
"""What a route needs, where what is made from its schema does not do."""
NOT_ALONE: dict[tuple[str, str], str] = {
    ("POST", "/alert-channels/{channel}/test"): "somebody must listen",
    ("POST", "/pbxes/{pbx}/check"): "a PBX must be there",
    ("POST", "/sign-in-providers/{provider}/check"): "a provider must be there",
    ("POST", "/phone-books/{book}/refresh"): "a directory must be there",
    ("PUT", "/phone-books/{book}/directory"): "a book has one source, and the one that there is has entries of its own",
    ("POST", "/phones/{mac}/reload"): "a PBX must be there",
    ("POST", "/sip/rotations"): "a PBX must be there",
    ("POST", "/drafts/{draft}/approve"): "somebody else must",
    ("POST", "/edge-jobs/{job}/approve"): "somebody must who is signed in",
    ("POST", "/edge-jobs/{job}/capture-with-secrets"): "an edge must have sent one",
    **{
        ("POST", f"/edge-jobs/{kind}"): "a phone's file must turn its page on"
        for kind in ("phone-web", "phone-web-changes")
    },
    ("POST", "/edge-jobs/{job}/phone-web"): "an edge must be at it; what changes something is told",
    ("POST", "/edge-jobs/{job}/phone-web/{number}"): "an edge must have answered",
    **{
        ("POST", f"/rollouts/{{rollout}}/{what}"): "a rollout must be under way"
        for what in ("cancel", "pause", "resume", "retry")
    },
    ("POST", "/trust"): "it is done once (tests/hub/test_trust.py looks at the entry)",
    ("POST", "/trust/challenge"): "it keeps nothing",
    ("POST", "/trust/recover"): "the recovery file's key must sign (tests/hub/test_trust.py looks at the entry)",
    ("POST", "/trust/check"): "the recovery file's key must sign (tests/hub/test_trust.py looks at the entry)",
    (
        "POST",
        "/phone-trust/{mac}/keep",
    ): "it must be let go first (tests/hub/test_publishing_to_trusting_phones.py)",
    ("POST", "/phone-trust/{mac}/rekey"): "it must have taken a key (tests/hub/test_publishing_encrypted_profiles.py)",
    ("POST", "/phone-trust/{mac}/adopt"): "it must have been let go (tests/hub/test_publishing_to_trusting_phones.py)",
    ("POST", "/firmware"): "needs a manufacturer's files",
    ("POST", "/hub-keys/sealing/retire"): "nothing may be sealed by it (tests/hub/test_hub_keys.py)",
    ("POST", "/listener-certificates/renew"): "hub.toml must name a CA (tests/hub/test_acme.py)",
    (
        "POST",
        "/listener-certificates/install",
    ): "the maker must have signed it (tests/cli/test_listener_certificate_cmd.py)",
}
"""Routes that can't do anything here, and why."""

Key = tuple[Any, ...]
Tables = dict[str, dict[Key, dict[str, Any]]]
"""Any: keys and values of any column."""


def fill(hub: Hub, app: CalledApp) -> dict[str, str]:
    """Give a hub something of everything; return what fills a path's parameters so that it leads there."""

    def do(method: str, path: str, body: object = None) -> Json:
        answer = app.ask(method, V1 + path, body)
        assert answer.status < 300, (method, path, answer.data)
        return answer.json

    for name in ("Rich", "Poor", "Empty"):
        do("POST", "/sites", {"name": name})
    do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
    for name in ("Reception", "Nobody"):
        do("POST", "/groups", {"name": name})
    do("POST", "/organisations", {"id": "other", "name": "Other"})
    for mac, site in ((MAC, "rich"), (OTHER, "rich"), (TRUSTING, "poor")):
        do("POST", "/phones", {"mac": mac, "site": site, "model": "9971"})
        do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "password": SECRET})
    do("PATCH", f"/phones/{MAC}", {"group": "reception"})
    do("PUT", f"/settings/phones/{MAC}/lines/1/{LINE_SETTING}", {"value": "true"})
    for place in ("organisation", "sites/rich", "groups/reception", f"phones/{MAC}"):
        do("PUT", f"/settings/{place}/ssh_password", {"value": SECRET})
    for path, body in (
        ("/sign-in-providers", PROVIDER),
        ("/pbxes", {"name": "gold", **PBX}),
        ("/phone-books", {"name": "Company"}),
        ("/port-authorities", {"pem": CA}),
        ("/trust", {"recovery_certificate": to_pem(RecoveryKey.new("main").certificate)}),
        ("/concentrators", {"name": "Berlin"}),
        *(("/vpn", {"name": name, "addresses": ["vpn.example.org"], "network": "10.99.0.0/22"}) for name in HEAD_ENDS),
        *((f"/vpn/{HEAD_ENDS[0]}/certificates", {"pem": head_end_pem(number)}) for number in (1, 2)),
        ("/guard/bans", {"address": "203.0.113.7", "why": "test"}),
        (f"/phones/{MAC}/certificate/fetch", None),
        ("/phones", {"mac": SPA, "site": "rich", "model": "SPA504G"}),
        (f"/phones/{SPA}/https/key", {}),
    ):
        do("POST", path, body)
    do("PUT", "/templates/generic/{mac}.cfg", {"source": f"x={SECRET}\n"})
    do("PUT", f"/phones/{MAC}/window", {})
    yealink = {"mac": YEALINK, "site": "rich", "model": "T46U"}
    for path, body in (("/phones", yealink), (f"/phones/{YEALINK}/credential", {}), (f"/phones/{OTHER}/block", None)):
        do("POST", path, body)
    token = do("POST", "/sites/rich/tokens")["id"]
    key = do("POST", "/api-tokens", {"name": "Ben"})["id"]
    activation = do("POST", "/activations", PREPARED)
    do("PUT", f"/uploads/{FOO}", b"foo")
    for method, path, order in (
        ("POST", "/publish", {"dry_run": False}),
        ("POST", "/bundles", {"mac": MAC, "recipient": RECIPIENT}),
        ("PUT", f"/phones/{MAC}/lines/1", {"label": "Anna"}),
        ("PUT", "/sites/poor/releases/hold", {}),
    ):
        do(method, path, order)
    with hub.change("test") as change:
        change.session.add(holding_a_list(TRUSTING.replace(":", ""), change.now))
        of_edge, _secret = enrolment_tokens.create(change, "rich")
        shown = Certificate("1", "f", "k", 1e9, 2e9, EdgeIdentity("edge-1", "rich"))
        edge = edges.admit(change, of_edge, "edge-1", shown, ("pi", "0.1.0"))
        edge_tls_keys.take(change, edge, offered("edge-1", change.now))
        box_numbering.number(change, edge, IPv4Network("10.80.0.0/16")).public_key = "A" * 43 + "="
        concentrators.get(change.session, "Berlin").public_key = "B" * 43 + "="
        times = {"first_at": 1.0, "last_at": 1.0}
        change.session.add(EdgeNetworkRow(edge_id="edge-1", network="203.0.113.0/24", **times))
        unknown = {"key_fingerprint": "k", "certificate_fingerprint": "u", "certificate_serial": "2", "peer": ""}
        change.session.add(UnknownEdgeRow(id="edge-2", site_id="rich", certificate_ends_at=2e9, **unknown, **times))
        added = {"source": "test", "added_at": 1.0, "added_by": "test"}
        ring = AssetRow(id="ring-bell", kind="ring tone", name="bell", **added)
        change.session.add_all([FirmwareLoadRow(name=LOAD, **added), ring])
        for kind, subject in ((alerts.EDGE_MOVED, "edge-1"), (alerts.UNKNOWN_PHONE, "001B54C2AE04")):
            alerts.raise_alert(change, "rich", kind, subject, "It asked.", model="9971")
    job, draft = (
        do("POST", path, body)["id"]
        for path, body in (
            ("/edge-jobs/status", {"edge": "edge-1", "wait_s": 86_400}), ("/drafts", {"name": "Plan"}),
        )
    )  # fmt: skip
    edit = app.ask("PATCH", f"{V1}/phones/{OTHER}", {"description": "in a draft"}, draft=draft)
    assert edit.status < 300, edit.data
    anna = person(hub, "anna@example.org", "operator")
    with hub.change("test") as change:
        row, _secret = sessions.start(change, anna, address="192.0.2.1", agent="x", awaits_second_step=False)
        passkey = passkeys.add(
            change, anna, "hub.example.org", NewPasskey(b"id of a passkey", b"key", 0, is_synced=True), "Laptop"
        )
    with hub.database.reading() as session:
        alert = session.scalars(select(GuardAlertRow.id)).first()
    do("POST", "/alert-channels", {"name": "bell", **CHANNEL})  # after the alert, so that nothing is ever sent
    return {
        "site": "rich", "group": "reception", "pbx": "gold", "channel": "bell", "mac": MAC, "edge": "edge-1",
        "token": key, "enrolment token": token, "alert": str(alert), "address": "203.0.113.7", "digest": BAR,
        "name": "ssh_password", "template": "{mac}.cfg", "load": LOAD, "asset": "ring-bell", "family": "generic",
        "index": "1", "number": "1", "organisation": "other", "person": anna.id, "session": row.id, "draft": draft,
        "passkey": passkey.id, "provider": "company", "job": job, "concentrator": "Berlin",
        "head_end": HEAD_ENDS[0],
        "authority": do("GET", "/port-authorities")["items"][0]["id"], "role": "tftp",
        "bundle": do("GET", "/bundles")["items"][0]["id"], "activation": activation["id"], "code": activation["code"],
        "phone": "AE04", "book": "company", "key": "sealing",
    }  # fmt: skip


ELSEWHERE = {
    ("DELETE", "/sites/{site}"): {"site": "empty"},
    ("DELETE", "/groups/{group}"): {"group": "nobody"},
    ("DELETE", "/sites/{site}/releases/hold"): {"site": "poor"},
    ("DELETE", "/phones/{mac}/block"): {"mac": OTHER},
    ("POST", "/phone-trust/{mac}/release"): {"mac": TRUSTING},
    ("POST", "/edges/{edge}/readmit"): {"edge": "edge-2"},
    ("POST", "/vpn/{head_end}/certificates"): {"head_end": HEAD_ENDS[1]},
}
"""Routes that can change something only elsewhere than the others."""


def leading(method: str, route: str, known: dict[str, str]) -> str:
    """A route's path, so that it leads to what it can change."""
    changed = {**known, **ELSEWHERE.get((method, route.removeprefix(V1)), {})}
    if route.startswith(f"{V1}/tokens/"):
        changed["token"] = known["enrolment token"]
    if "/lines/{index}/{name" in route:
        changed["name"] = LINE_SETTING
    if "/credential" in route:
        changed["mac"] = YEALINK
    if "/https/key" in route:
        changed["mac"] = SPA
    return filled(route, changed)


def tables(hub: Hub) -> Tables:
    """All that is told of, by table and key."""
    found: Tables = {}
    with hub.database.of(EVERYWHERE).reading() as session:
        for mapper in Base.registry.mappers:
            table: type[Base] = mapper.class_
            not_told = untold.of(table)
            if not_told.is_whole:
                continue
            columns = [column for column in table.__table__.columns if column.name not in not_told.columns]
            names = [column.name for column in columns]
            keys = [column.name for column in mapper.primary_key if column.name != "organisation_id"]
            rows = [dict(zip(names, row, strict=True)) for row in session.execute(select(*columns))]
            found[table.__tablename__] = {
                (row.get("organisation_id", FIRST), *(row[key] for key in keys)): row for row in rows
            }
    return found


@pytest.fixture(scope="module")
def filled_hub(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secret, dict[str, str]]:
    """A hub's folder with something of everything, its token, and what leads there."""
    folder, token = new_hub(tmp_path_factory.mktemp("filled") / "data")
    with closing(open_hub(folder)) as hub:
        known = fill(hub, CalledApp(hub, token))
    return folder.path, token, known


def changed(before: Tables, after: Tables) -> set[tuple[str, Key]]:
    """The rows that differ, by table and key; not those that come and go untold."""
    mapped: list[type[Base]] = [mapper.class_ for mapper in Base.registry.mappers]
    gone_along = {table.__tablename__ for table in mapped if untold.of(table).rows_come_and_go}
    return {
        (table, key[1:])
        for table in before
        for key in before[table].keys() | after[table].keys()
        if key[0] == FIRST
        and before[table].get(key) != after[table].get(key)
        and not (table in gone_along and (key not in before[table] or key not in after[table]))
    }


def newer(hub: Hub, than: int) -> list[AuditEntryRow]:
    with hub.database.reading() as session:
        return list(session.scalars(select(AuditEntryRow).where(AuditEntryRow.id > than).order_by(AuditEntryRow.id)))


def given_away(answers: list[bytes]) -> set[str]:
    """What answers show once, and nobody again."""
    text = b"".join(answers).decode()
    return set(re.findall(r'"(?:token|password|secret|code|link)":"(?:[^"]*#)?([^"]{6,})"', text))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_changes_on_any_route_without_an_entry_that_names_it_and_no_entry_holds_a_secret(
    filled_hub: tuple[Path, Secret, dict[str, str]], tmp_path: Path, part: int
) -> None:
    path, token, known = filled_hub
    with closing(open_hub(DataFolder(path))) as hub:
        walked = [(method, route) for method, route in routes(hub) if method not in {"GET", "HEAD"}]
        document = json.loads(CalledApp(hub, token).ask("GET", "/openapi.json").data)
    without: list[str] = []
    for number, (method, route) in enumerate(walked[part::PARTS]):
        folder = copied(path, tmp_path / str(number))
        with closing(open_hub(DataFolder(folder))) as hub:
            app = CalledApp(hub, token)
            before, last = tables(hub), len(newer(hub, 0))
            place = (method, route.removeprefix(V1))
            given = [BODIES[place]] if place in BODIES else bodies(document, method, route, known)
            if "uploads" in route:
                given = [b"bar"]
            url = leading(method, route, known) + "?with_all=true"
            answers = [app.ask(method, url, body).data for body in reversed(given)]
            rows = changed(before, tables(hub))
            entries = newer(hub, last)
            named = {
                (row["table"], tuple(row["key"].values()))
                for entry in entries
                for row in (json.loads(entry.changes)["rows"] if entry.changes else ())
            }
            assert rows - named == set(), (method, route)
            assert all(entry.action != UNNAMED for entry in entries), (method, route, named)
            assert all((entry.address, entry.actor_id) == (ADDRESS, entries[0].actor_id) for entry in entries)
            log = "".join(audit.export(hub, AuditFilter(), as_csv=False))
            assert not [secret for secret in (SECRET, *given_away(answers)) if secret in log], (method, route)
            if not entries and place not in NOT_ALONE and route in document["paths"]:
                without.append(f"{method} {route}: {answers}")
        chosen_database.delete(folder)
    assert not without, "\n".join(without)


GOES_ON: dict[tuple[str, str], str] = {
    ("POST", "/activations/use"): "it lets a phone in, as somebody prepared it",
    ("POST", "/phones/{mac}/accept"): "it lets a phone in",
}
"""Routes that write what drafts may edit, and go on where approval is asked for: why."""
HAS_NOTHING_TO_EDIT = {
    ("POST", "/phones/bulk"): "the body that is made has no phones",
    ("DELETE", "/phone-books/{book}/directory"): "the book has entries of its own",
    ("POST", "/phone-books/{book}/refresh"): "a directory must be there",
}
"""Routes that edit, and can't here: why."""
EDITING = ("/settings/", "/phones", "/groups", "/templates/", "/phone-books", "/assets")


def edits(hub: Hub) -> Tables:
    """All that phones' files are made from, by table and key."""
    watched = {row.__tablename__ for row in touched.DRAFTED | unapproved_edits.OF_OWNERS}
    found = {name: rows for name, rows in tables(hub).items() if name in watched}
    for row in found["phone"].values():
        del row["blocked"]
    return found


@pytest.mark.slow
def test_no_route_edits_outside_of_a_draft_where_approval_is_asked_for(
    filled_hub: tuple[Path, Secret, dict[str, str]], tmp_path: Path
) -> None:
    path, token, known = filled_hub
    went_on: list[tuple[str, str]] = []
    with closing(open_hub(DataFolder(copied(path, tmp_path / "hub")))) as hub:
        owner = CalledApp(hub, token)
        document = json.loads(owner.ask("GET", "/openapi.json").data)
        owner.ask("PUT", f"{V1}/drafts/approval", {"needed": True})
        made = owner.ask("POST", f"{V1}/api-tokens", {"name": "Carla", "role": "administrator"})
        carla = CalledApp(hub, Secret(made.json["token"]))
        before = edits(hub)
        for method, route in routes(hub):
            place = (method, route.removeprefix(V1))
            if method == "GET" or place in GOES_ON:
                continue
            given = [BODIES[place]] if place in BODIES else bodies(document, method, route, known)
            if "uploads" in route:
                given = [b"bar"]
            answers = [carla.ask(method, leading(method, route, known) + "?with_all=true", body) for body in given]
            assert changed(before, edits(hub)) == set(), (method, route)
            is_edit = asked_for(method, route) is Right.EDIT and place[1].startswith(EDITING)
            if route in document["paths"] and is_edit and place not in HAS_NOTHING_TO_EDIT:
                went_on += [] if any(b"second person" in answer.data for answer in answers) else [place]
    assert not went_on
