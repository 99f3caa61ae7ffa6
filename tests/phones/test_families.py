"""What is known of each family and model, how well, and that every fact is complete."""

from dataclasses import fields

import pytest

from ringfence.phones.errors import UnknownFamily, UnknownModel
from ringfence.phones.families import (
    families,
    family,
    family_or_model,
    model,
)
from ringfence.phones.family import Fact, Family, Model
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.rendering.sandbox import built_in_template
from ringfence.phones.settings.types import (
    Mark,
    Scope,
    Setting,
    SettingType,
    Value,
)
from ringfence.secret import Secret

FAMILIES = families().values()
MODELS = [model for family in FAMILIES for model in family.models.values()]
ANNA = Mac("001122334455")


def one_line(kind: str, **settings: Value) -> PhoneToRender:
    account = LineAccount(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3tOfAnna"))
    return PhoneToRender(ANNA, kind, "Desk", {"sip_server": "192.0.2.10", **settings}, (account,))


def test_there_are_the_families_that_people_ask_for() -> None:
    assert {family.id for family in FAMILIES} >= {
        "cisco-894x", "cisco-99xx", "cisco-79xx", "cisco-78xx-88xx", "cisco-7940-7960", "cisco-spa", "cisco-mpp",
        "yealink", "snom", "cisco-69xx", "cisco-any", "generic",
    }  # fmt: skip
    for name in ("8941", "8945", "8961", "9951", "9971", "7906", "7911", "7931", "7941", "7942", "7945", "7961", "7962",
                 "7965", "7970", "7975", "7821", "7841", "7861", "8841", "8851", "8861", "7940", "7960", "SPA504G",
                 "8841-3PCC", "generic"):  # fmt: skip
        assert model(name)[1].name == name


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.name)
def test_every_fact_of_a_model_has_its_mark_and_its_source(kind: Model) -> None:
    facts = [getattr(kind, field.name) for field in fields(kind)]
    facts = [fact for fact in facts if isinstance(fact, Fact)]
    assert len(facts) == 6
    for fact in facts:
        assert fact.source
        assert fact.value is not None or fact.mark is Mark.UNKNOWN
    assert kind.line_keys.value >= 1
    assert "sip_server" in kind.settings
    assert (
        set(kind.settings["sip_transport"].choices) >= set(kind.transports.value)
        if "sip_transport" in kind.settings
        else True
    )
    for element, limit in kind.limits.items():
        assert 0 < limit.we_write <= limit.phone_takes, element
        assert limit.source


@pytest.mark.parametrize("of", FAMILIES, ids=lambda of: of.id)
def test_every_setting_is_used_by_a_template_or_by_what_prepares_it(of: Family) -> None:
    if not of.files:
        return  # all of it is for the operator's own templates
    sources = "".join(built_in_template(file.package, file.template) for file in of.files)
    read_in_prepare = {
        "ntp_servers", "sip_server", "sip_server_2", "sip_server_3", "keys", "soft_keys", "services_url",
        "directory_url", "edge_url", "authentication_url",
        "time_zone", "sip_port", "leave_out", "sip_needs_password", "modules", "line_mode",
        "reload", "reload_by", "reload_hour",
        "trust", "trust_transport", "plain_files", "signature_hash", "https_url", "https_old_url", "firmware_url",
        "protect_calls", "tunnel_sip_server", "tunnel_sip_server_2", "tunnel_sip_server_3",
    }  # fmt: skip
    for name in of.settings.keys() - read_in_prepare:
        assert f".{name}" in sources or f"{{{{ {name} }}}}" in sources, name


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.name)
def test_every_model_renders_and_holds_what_was_set(kind: Model) -> None:
    of, _kind = model(kind.name)
    if not of.files:
        return
    rendered = {file.name: file.data for file in Renderer().render(one_line(kind.name, time_zone="Europe/Berlin"))}
    asked = [ask.name_for(ANNA, kind).removeprefix("/") for ask in of.boot.value if ask.configures and ask.needed]
    assert set(asked) <= set(rendered)
    held = of.read(tuple(rendered[name] for name in asked), kind)
    assert held.lines[0].name == "anna"
    assert held.lines[0].auth_name == "anna-auth"
    assert held.lines[0].password == Secret("s3cr3tOfAnna")
    assert held.sip_servers[0] == ("192.0.2.10", 5060)
    assert held.sip_listen_port == 5060


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("9971", "9971"),
        ("CP-9971", "9971"),
        ("cisco-9971", "9971"),
        ("Cisco Unified IP Phone 7942G", "7942"),
        ("cp-7941g-ge", "7941G-GE"),
        ("CP-8851-3PCC", "8851-3PCC"),
        ("spa504g", "SPA504G"),
        ("generic", "generic"),
    ],
)
def test_a_model_is_found_as_people_write_it(text: str, name: str) -> None:
    assert model(text)[1].name == name


def test_what_is_no_model_names_the_nearest() -> None:
    with pytest.raises(UnknownModel, match="9971"):
        model("9917")
    with pytest.raises(UnknownModel, match=r"a family with several models.*7975"):
        model("cisco-79xx")
    with pytest.raises(UnknownFamily, match="cisco-99xx"):
        family("cisco-99")
    assert family_or_model("cisco-79xx")[1].name == "7975"


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("8941", "SIP894x.9-4-2SR3-1"),
        ("8945", "SIP8941_8945.9-3-1-18"),
        ("9971", "sip9971.9-4-2SR4-1"),
        ("7942", "SIP42.9-4-2SR3-1S"),
        ("7961", "SIP41.9-4-2SR3-1S"),
        ("7821", "sip78xx.12-1-1-12"),
        ("8851", "sip88xx.14-1-1-0101-138"),
        ("8841-3PCC", "sip88xx.11-3-4MPP0001-374"),
        ("7960", "P0S3-08-12-00"),
    ],
)
def test_a_model_knows_its_loads(name: str, load: str) -> None:
    assert model(name)[1].runs(load)
    others = [kind.name for kind in MODELS if kind.runs(load) and kind.name != "generic"]
    assert name in others
    assert "7906" not in others or name == "7906"


def test_values_mean_what_each_family_says() -> None:
    """PHONES.md section 4: 7900: 0/1; 8900 and 9900: 2 and 3 are on; 7800 and 8800: 0/1."""
    wanted = {"7942": "1", "9971": "2", "8941": "2", "8841": "1", "7821": "1"}
    for name, on in wanted.items():
        data = Renderer().render(one_line(name, anonymous_call_block=True, call_list_lamps=True))[-1].data
        assert f"<anonymousCallBlock>{on}</anonymousCallBlock>".encode() in data
        assert f"<callLogBlfEnabled>{on}</callLogBlfEnabled>".encode() in data


def test_the_ceiling_of_calls_is_the_models() -> None:
    ceilings = {name: model(name)[1].settings["max_calls"].maximum for name in ("8831", "7821", "8941", "7975", "9971")}
    assert ceilings == {"8831": 6, "7821": 12, "8941": 24, "7975": 50, "9971": 200}


def test_the_old_models_with_short_passwords_are_given_short_ones() -> None:
    assert model("7942")[1].limits["authPassword"].we_write == 12
    assert model("7962")[1].limits["authPassword"].we_write == 12
    assert model("7965")[1].limits["authPassword"].we_write == 31


def settings_at(scope: Scope) -> set[str]:
    return {name for kind in MODELS for name, setting in kind.settings.items() if scope in setting.scopes}


def test_lines_have_settings_of_their_own_where_a_phone_keeps_them_by_line() -> None:
    assert {"call_waiting", "auto_answer", "voicemail_number"} <= settings_at(Scope.LINE)
    assert "time_zone" not in settings_at(Scope.LINE)


def test_a_table_is_a_table_of_settings() -> None:
    tables: list[Setting] = [
        setting for kind in MODELS for setting in kind.settings.values() if setting.type is SettingType.TABLE
    ]
    assert tables
    for table in tables:
        assert table.columns
        assert len({column.name for column in table.columns}) == len(table.columns)
