"""The table of the 7940's and 7960's values: all that is rendered is in it, and nothing else gets through."""

from pathlib import Path

import pytest

from ringfence.phones.cisco.text_parameters import PARAMETERS, TextParameter, refusal, text_parameter
from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.families import model as model_of
from ringfence.phones.formats.text_file import NamedValues, named_values
from ringfence.phones.importing.folder import read_folder
from ringfence.phones.importing.outcome import Fate
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.secret import Secret

FAMILY, MODEL = model_of("7960")
GOLDENS = sorted((Path(__file__).parent / "goldens" / "7960").glob("SIP*.cnf"))
SITE = b'proxy1_address: "192.0.2.10"\nproxy_register: "1"\n'
PHONE = 'line1_name: "201"\nline1_password: "made-up-1"\n'


def test_a_name_is_in_the_table_once() -> None:
    names = [each.name for each in PARAMETERS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each.name)
def test_a_value_has_its_source(parameter: TextParameter) -> None:
    assert parameter.source
    assert parameter.values.says


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.name)
def test_all_that_is_rendered_is_in_the_table_and_legal(path: Path) -> None:
    for name, text in named_values(path.read_bytes()).items():
        assert text_parameter(name) is not None, name
        assert refusal(name, text) == ""


SWITCHES = [
    name for name, setting in MODEL.settings.items() if setting.wire and name not in {"time_zone", "protect_calls"}
]


@pytest.mark.parametrize("name", SWITCHES)
def test_no_setting_can_write_what_its_value_does_not_take(name: str) -> None:
    line = LineAccount(1, "201", "201", "", "201", Secret("made-up-1"))
    for value in MODEL.settings[name].wire:
        settings = {"sip_server": "192.0.2.10", name: value}
        files = Renderer().render(PhoneToRender(Mac.parse("0A1B2C000302"), "7960", "", settings, (line,)))
        for file in files[-2:]:
            FAMILY.files[-1].format.check(file.data, MODEL)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dtmf_avt_payload", "95"), ("nat_enable", "yes"), ("preferred_codec", "opus"), ("timer_register_expires", "0"),
        ("tos_media", "6"), ("dst_start_week_of_month", "7"), ("dst_stop_time", "25"), ("proxy1_port", "70000"),
        ("sntp_mode", "broadcast"), ("call_manager2_sip_port", "-1"), ("dst_start_day_of_week", "sunday"),
    ],
)  # fmt: skip
def test_what_no_phone_takes_is_refused(name: str, text: str) -> None:
    assert name in refusal(name, text)
    with pytest.raises(ConfigurationRejected, match=name) as refused:
        NamedValues(refusal).check(f'# ours\n{name}: "1"\n{name}: "{text}"\n'.encode(), MODEL)
    assert refused.value.where == "line 3"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dst_start_time", "02/00"), ("dst_start_time", "2"), ("dst_stop_month", "Oct"), ("dst_stop_month", "11"),
        ("dst_start_day", ""), ("network_media_type", "Auto"), ("user_info", "Phone"), ("an_own_name", "anything"),
    ],
)  # fmt: skip
def test_what_files_in_use_hold_is_taken(name: str, text: str) -> None:
    assert refusal(name, text) == ""


def test_an_import_tells_each_value_that_is_lost_with_its_line_and_takes_the_rest() -> None:
    files = {"SIPDefault.cnf": SITE, "SIP0A1B2C000301.cnf": f"{PHONE}nat_enable: maybe\ntos_media: 9\n".encode()}
    (entry,) = read_folder(SourceFolder.of(files), SaidModels()).imported
    assert entry.phone is not None
    lost = {remark.element: str(remark) for remark in entry.phone.with_fate(Fate.LOST)}
    assert set(lost) == {"nat_enable", "tos_media"}
    assert "line 3" in lost["nat_enable"]
    assert not {name for name in entry.phone.patches if name.endswith(tuple(lost))}
