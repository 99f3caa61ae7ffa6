"""Messages go there and back; and what the first version sent is still read."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.secret import Secret
from ringfence.wire.codec import from_json, to_json
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import (
    EnrolRequest,
    EnrolResponse,
    Event,
    Greeting,
    Problem,
    Report,
    ReportAcknowledgement,
    ReportBatch,
)

RECORDED: dict[str, tuple[type[object], str]] = {
    "0.1 enrol": (EnrolRequest, '{"token_secret":"s","csr_pem":"p","edge_version":"0.1.0","hostname":"pi"}'),
    "0.1 enrolled": (
        EnrolResponse,
        '{"edge_id":"e","site_id":"s","site_name":"S","certificate_pem":"c","root_metadata":"{}","hub_time":1.5}',
    ),
    "0.1 greeting": (
        Greeting,
        '{"edge_id":"e","site_id":"s","site_name":"S","hub_version":"0.1.0","hub_time":1,"release":3}',
    ),
    "0.1 event": (Event, '{"kind":"release","hub_time":1.0,"release":4,"wipe":false}'),
    "0.1 reports": (ReportBatch, '{"reports":[{"seq":1,"at":1.0,"kind":"file-served","sentence":"x","name":"n"}]}'),
    "0.1 acknowledgement": (ReportAcknowledgement, '{"stored_through":7}'),
    "0.1 problem": (Problem, '{"what":"w","where":"","to_do":"d","kind":"token-used"}'),
}


@pytest.mark.parametrize("name", RECORDED)
def test_what_earlier_versions_sent_is_still_read(name: str) -> None:
    form, text = RECORDED[name]
    message = from_json(form, text.encode())
    assert from_json(form, to_json(message)) == message


@pytest.mark.parametrize("name", RECORDED)
def test_fields_of_later_versions_are_passed_over(name: str) -> None:
    form, text = RECORDED[name]
    later = json.dumps({**json.loads(text), "a_later_field": {"deep": [1]}})
    assert from_json(form, later.encode()) == from_json(form, text.encode())


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        (Event, "[]", "should be object and is array"),
        (Event, "{", "not JSON"),
        (Event, '{"hub_time":1.0}', "Event.kind"),
        (Event, '{"kind":7,"hub_time":1.0}', "should be str and is int"),
        (Event, '{"kind":"x","hub_time":true}', "should be float and is bool"),
        (Event, '{"kind":"x","hub_time":1,"release":true}', "should be int and is bool"),
        (ReportBatch, '{"reports":[{"seq":1,"at":1,"kind":"k"}]}', r"ReportBatch.reports\[0\].sentence"),
        (ReportBatch, '{"reports":{}}', "ReportBatch.reports"),
        (ReportBatch, "[" * 100_000, "should be object and is array"),
        (ReportBatch, '{"later":' + "[" * 100_000, "not JSON"),
        (
            Greeting,
            '{"edge_id":"e","site_id":"s","site_name":"S","hub_version":"1","hub_time":1,"release":9223372036854775808}',
            "Greeting.release",
        ),
        (Event, '{"kind":"x","hub_time":1e999}', "Event.hub_time"),
        (EnrolRequest, '{"token_secret":7,"csr_pem":"","edge_version":""}', "should be Secret and is int"),
    ],
)
def test_a_bad_message_names_the_field(form: type[object], text: str, said: str) -> None:
    with pytest.raises(BadMessage, match=said):
        from_json(form, text.encode())


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_bad_message(data: bytes) -> None:
    try:
        from_json(ReportBatch, data)
    except BadMessage:
        return
    assert json.loads(data) is not None


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**60))
def test_reports_come_back_as_they_went(sentence: str, at: float, seq: int) -> None:
    batch = ReportBatch((Report(seq, at, "file-served", sentence),))
    assert from_json(ReportBatch, to_json(batch)) == batch


def test_a_secret_goes_over_the_wire_and_shows_itself_nowhere_else() -> None:
    request = EnrolRequest(Secret("s3cret"), "pem", "0.1.0")
    assert b"s3cret" in to_json(request)
    assert "s3cret" not in repr(request)


AT_ONCE = """
import sys
import threading

from msgspec import Struct

from ringfence.wire import codec, job_messages, messages, tunnel_messages
from ringfence.wire.errors import BadMessage

sys.setswitchinterval(1e-6)
forms = [
    form
    for module in (messages, job_messages, tunnel_messages)
    for form in vars(module).values()
    if isinstance(form, type) and (issubclass(form, Struct) or hasattr(form, "__dataclass_fields__"))
]
together = threading.Barrier(8)


def read(first):
    together.wait()
    for form in forms[first:] + forms[:first]:
        try:
            codec.from_json(form, b"{}")
        except BadMessage:
            pass


threads = [threading.Thread(target=read, args=(each * 7 % len(forms),)) for each in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_read_their_first_messages_at_once_do_not_end_the_process() -> None:
    for _process in range(10):
        assert subprocess.run([sys.executable, "-c", AT_ONCE], check=False).returncode == 0
