"""What a site asks: set by people, compiled for edges, told within a second."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, select, text

from ringfence.content.release import TargetKind
from ringfence.guard.behaviour import Asked, judge
from ringfence.guard.evidence import Evidence
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.rules import read_rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.hub.core import Hub
from ringfence.hub.fleet import (
    lines,
    phones,
    settings,
    sites,
)
from ringfence.hub.fleet.guard.rules_for_edges import habits_of
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.publishing import releases
from ringfence.hub.publishing.known_secrets import KnownSecrets
from ringfence.hub.publishing.releases import NewRelease
from ringfence.hub.publishing.site_files import render
from ringfence.hub.publishing.site_rows import SiteInput, read_sites
from ringfence.hub.store import dialect, migrations
from ringfence.hub.store.database import Database
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile
from ringfence.secret import Secret
from ringfence.wire import codec, paths
from ringfence.wire.messages import GuardNeed, GuardRules
from support.running_hub import EdgeInHand, RunningHub

MAC = "00:1B:54:C2:B0:{:02X}"


def rules_of(edge: EdgeInHand) -> GuardRules:
    answer = edge.get(paths.GUARD)
    assert answer.status == 200, answer.data
    return codec.from_json(GuardRules, answer.data)


def levels(policy: dict[str, object]) -> dict[str, str]:
    needs = policy["needs"]
    assert isinstance(needs, list)
    return {need["kind"]: need["level"] for need in needs}


def test_a_site_asks_what_an_edge_asks_by_default(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Default")
    shown = running.do("GET", f"/sites/{site}/guard")
    assert levels(shown) == {"firmware": "L0", "shared": "L1", "configuration": "L3", "secret": "L3"}
    assert (shown["networks"], shown["first_contact"], shown["gateway"]) == ([], "allow", "off")
    assert (shown["edge_moves"], shown["learned_days"]) == ("alert", 30)
    assert "network segment" in shown["needs"][3]["proves"]
    told = rules_of(running.enrol(site, tmp_path / "edge"))
    assert (told.needs, told.networks, told.first_contact, told.held, told.gateway) == ((), (), "allow", "", False)


def test_what_is_set_reaches_the_edge_with_a_new_version(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Set")
    edge = running.enrol(site, tmp_path / "edge")
    before = rules_of(edge)
    order = {
        "needs": {"secret": "l1", "configuration": "L2"},
        "networks": ["192.168.7.9/24", "2001:db8::/56"],
        "first_contact": "hold",
        "gateway": "stubs",
        "per_address": {"transfers": 300, "refusals": 20},
    }
    shown = running.do("PATCH", f"/sites/{site}/guard", order)
    assert levels(shown)["secret"] == "L1"
    assert shown["networks"] == ["192.168.7.0/24", "2001:db8::/56"]
    told = rules_of(edge)
    assert set(told.needs) == {GuardNeed("secret", "L1"), GuardNeed("configuration", "L2")}
    assert (told.networks, told.first_contact, told.gateway) == (tuple(shown["networks"]), "hold", True)
    assert told.version == shown["version"] > before.version
    read_rules(told)  # which raises where the guard does not know a word of it
    running.do("PATCH", f"/sites/{site}/guard", {"needs": {"secret": "default"}, "networks": []})
    assert rules_of(edge).needs == (GuardNeed("configuration", "L2"),)
    assert rules_of(edge).networks == ()
    newest = running.do("GET", "/audit?limit=1")["items"][0]
    assert (newest["action"], newest["object"]) == ("guard.policy", site)
    assert "secret L1 → L3" in newest["detail"]


def test_setting_what_is_set_already_tells_nobody(running: RunningHub) -> None:
    site = running.site("Twice")
    first = running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})
    assert running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})["version"] == first["version"]


@pytest.mark.parametrize(
    ("order", "word", "advice"),
    [
        ({"needs": {"secrte": "L1"}}, "secrte", "secret"),
        ({"needs": {"secret": "L9"}}, "L9", "L5"),
        ({"networks": ["192.168.1.0/33"]}, "192.168.1.0/33", "192.168.1.0/24"),
        ({"first_contact": "maybe"}, "maybe", "hold"),
        ({"gateway": "on"}, "on", "stubs"),
        ({"edge_moves": "shout"}, "shout", "alert"),
        ({"learned_days": 1000}, "1000", ""),
    ],
)
def test_a_word_that_means_nothing_is_named_and_changes_nothing(
    running: RunningHub, order: dict[str, object], word: str, advice: str
) -> None:
    site = running.site(f"Wrong {word}".replace("/", " "))
    before = running.do("GET", f"/sites/{site}/guard")
    answer = running.ask("PATCH", f"/sites/{site}/guard", {"first_contact": "hold", **order})
    assert (answer.status, answer.json["kind"]) == (422, "bad-policy")
    assert word in answer.json["what"]
    assert advice in answer.json["to_do"]
    assert running.do("GET", f"/sites/{site}/guard") == before


@pytest.mark.usefixtures("never_looking")
def test_the_stream_hints_at_once_that_rules_changed(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Hint")
    edge = running.enrol(site, tmp_path / "edge")
    rules_of(edge)
    with edge.events() as events:
        next(events)
        running.do("PATCH", f"/sites/{site}/guard", {"needs": {"secret": "L1"}})
        assert next(events).kind == "state"
        running.phone(site, MAC.format(1))
        assert next(events).kind == "state", "a phone more is habits more"


def test_a_phone_that_was_never_let_in_is_told_of_only_where_that_matters(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Never")
    running.phone(site, MAC.format(2))
    edge = running.enrol(site, tmp_path / "edge")
    assert rules_of(edge).never_admitted == ()
    running.do("PATCH", f"/sites/{site}/guard", {"first_contact": "dhcp"})
    assert rules_of(edge).never_admitted == (MAC.format(2).replace(":", ""),)


def test_another_sites_edge_gets_another_sites_rules(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Here"), running.site("There")
    edge = running.enrol(there, tmp_path / "edge")
    before = rules_of(edge)
    running.do("PATCH", f"/sites/{here}/guard", {"needs": {"secret": "L0"}})
    running.phone(here, MAC.format(3))
    assert rules_of(edge) == before
    assert running.stranger("GET", paths.GUARD).status == 401


def test_a_gateway_asks_for_a_window_unless_the_site_allows_stubs(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Gate")
    edge = running.enrol(site, tmp_path / "edge")
    for said, needed in (("off", Level.L4), ("windows", Level.L4), ("stubs", Level.L2)):
        running.do("PATCH", f"/sites/{site}/guard", {"gateway": said})
        rules = read_rules(rules_of(edge), ServingProfile.INTERNET)
        assert rules.policy.needed(FileKind.CONFIGURATION) is needed
        assert bool(rules.policy.held) is (said == "off")
        assert read_rules(rules_of(edge)).policy.needed(FileKind.CONFIGURATION) is Level.L3, (
            "an edge there is no gateway"
        )


def test_habits_are_what_the_guard_compares_a_boot_with() -> None:
    macs = {"9971": "001B54C2B010", "7962": "001B54C2B011", "8851-3PCC": "001B54C2B012", "SPA504G": "001B54C2B013"}
    habits = {each.macs[0]: each for each in habits_of([(mac, model) for model, mac in macs.items()])}
    mpp, spa = habits[macs["8851-3PCC"]], habits[macs["SPA504G"]]
    assert (mpp.before, mpp.user_agent) == (("8851-3PCC.xml",), "Cisco-CP-8851-3PCC")
    assert (spa.before, spa.user_agent) == (("spa504G.cfg",), "Cisco/SPA504G")
    assert habits[macs["9971"]].options is None, "nobody knows them"
    assert habits[macs["7962"]].options == ()
    rules = read_rules(GuardRules(1, habits=tuple(habits.values())))
    for mac in macs.values():
        known = rules.habits[mac]
        names = [name.replace("{MAC}", mac).replace("{mac}", mac.lower()) for name in known.before]
        boot = [Asked(float(at), "/" + name) for at, name in enumerate([*names, "own"])]
        (order,) = [part for part in judge(mac, boot, known, Evidence()).parts if part.name == "order"]
        assert order.points == order.of, order.why


def test_phones_of_one_kind_share_their_habits() -> None:
    (habits,) = habits_of([("001B54C2B020", "9971"), ("001B54C2B021", "9951")])
    assert habits.macs == ("001B54C2B020", "001B54C2B021")


def test_letting_a_phone_in_is_no_edit_of_its_files(idle: Hub) -> None:
    with idle.change("test") as change:
        site = sites.create(change, idle.signers, "Edits").id
        phones.add(change, Mac("001B54C2B030"), site, "9971", "")

    def counts() -> tuple[int, int]:
        with idle.database.reading() as session:
            row = sites.get(session, site)
            return row.edits, row.guard_version

    edits, version = counts()
    with idle.change("test") as change:
        phones.get(change.session, Mac("001B54C2B030")).admitted_at = 1.0
    assert counts() == (edits, version + 1)
    with idle.change("test") as change:
        phones.get(change.session, Mac("001B54C2B030")).description = "Hall"
    assert counts() == (edits + 1, version + 1), "what people call it is nothing to a guard"


def test_a_file_without_any_secret_is_published_as_such(idle: Hub) -> None:
    with idle.change("test") as change:
        settings.put(change, idle.sealer, ORGANISATION, "sip_server", "sip.example.org")
        site = sites.create(change, idle.signers, "Secrets").id
        mac = Mac("001B54C2B040")
        phones.add(change, mac, site, "9971", "")
        change.session.flush()
        lines.put(change, idle.sealer, mac, 1, LineParts(name="201", password=Secret("a<b&c")))
    with idle.database.reading() as session:
        (read,) = read_sites(session, idle.sealer, [site], idle.clock())

    class TwoFiles:
        def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
            own = (phone.mac, TargetKind.CONFIGURATION, None)
            return (
                RenderedFile("stub", b"<vpn>example.org</vpn>", *own),
                RenderedFile("escaped", b"<password>a&lt;b&amp;c</password>", *own),
                RenderedFile("raw", b"password=a<b&c", *own),
            )

    def secret_files(site: SiteInput) -> set[str]:
        return {
            target.name for target in render(site, TwoFiles(), KnownSecrets(), idle.blobs.get).targets if target.secret
        }

    assert secret_files(read) == {"escaped", "raw"}
    assert secret_files(replace(read, own_templates=frozenset({"cisco-99xx"}))) == {"stub", "escaped", "raw"}
    with idle.change("test") as change:
        targets = render(read, TwoFiles(), KnownSecrets(), idle.blobs.get).targets
        releases.put(change, idle, [NewRelease(site, 1, targets)])
    with idle.database.reading() as session:
        assert releases.targets(session, site, 1) == targets
        rows = session.scalars(select(RoleMetadataRow.body).where(RoleMetadataRow.role == "targets")).all()
    assert [body.count(b'"secret":false') for body in rows] == [1]


def test_a_phones_configuration_is_published_as_a_secret(running: RunningHub) -> None:
    site = running.site("Real secrets")
    running.phone(site, MAC.format(4))
    running.publish(sites=[site])
    with running.hub.database.reading() as session:
        targets = releases.targets(session, site, 1)
    assert {target.secret for target in targets if target.name.endswith(".cnf.xml")} == {True}


def test_phones_of_before_the_guard_count_as_let_in(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = create_engine(url)
    dialect.prepare(engine)
    with engine.execution_options(**{dialect.WRITING: True}).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        connection.execute(text("INSERT INTO site (id, name, created_at, newest_release, edits, rendered_edits, "
                                "rendered_by) VALUES ('anna', 'Anna', 0, 0, 0, 0, '')"))  # fmt: skip
        connection.execute(text("INSERT INTO phone (mac, site_id, model, description, created_at) "
                                "VALUES ('001B54C29A10', 'anna', '9971', '', 7)"))  # fmt: skip
    engine.dispose()
    database = Database(url)
    with database.of(FIRST).reading() as session:
        phone = session.get_one(PhoneRow, "001B54C29A10")
        assert (phone.admitted_at, phone.blocked) == (7.0, False)
    database.close()


def test_a_site_with_stubs_publishes_each_phones_file_without_secrets_too(running: RunningHub) -> None:
    site = running.site("Stubs")
    mac = MAC.format(0x51)
    running.do("POST", "/phones", {"mac": mac, "site": site, "model": "9971"})
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "password": "s3cretOf201"})
    running.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})

    def published() -> dict[str, dict[str, object]]:
        running.publish(sites=[site])
        (release, *_) = running.do("GET", f"/sites/{site}/releases")["items"]
        files = running.do("GET", f"/sites/{site}/releases/{release['number']}")["files"]
        return {file["name"]: file for file in files}

    own = f"SEP{Mac.parse(mac).bare}.cnf.xml"
    assert f"stub/{own}" not in published()
    running.do("PATCH", f"/sites/{site}/guard", {"gateway": "stubs"})
    assert f"stub/{own}" in published()
    running.do("PATCH", f"/sites/{site}/guard", {"gateway": "windows"})
    assert f"stub/{own}" not in published()
