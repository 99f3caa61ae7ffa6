"""NOTIFY service-control: what goes to the phone, what comes back, and what is no SIP at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import BadSipMessage
from ringfence.phones.sip.messages import (
    LARGEST_BYTES,
    LONGEST_HEADER,
    MOST_HEADERS,
    header,
)
from ringfence.phones.sip.notify import (
    ServiceAction,
    ServiceControl,
    SipRequest,
    SipResponse,
    parse_message,
    parse_service_control,
    response,
    service_control_request,
)


def notify(*, action: ServiceAction = "restart", host: str = "192.168.1.20", register_call_id: str = "") -> bytes:
    return service_control_request(
        action=action,
        target_host=host,
        target_port=5060,
        local_host="192.168.1.2",
        local_port=40000,
        device_name="SEP001122334455",
        branch="b1",
        tag="t1",
        call_id="c1",
        register_call_id=register_call_id,
    )


def request(data: bytes) -> SipRequest:
    message = parse_message(data)
    assert isinstance(message, SipRequest)
    return message


def test_the_notify_is_as_the_phones_firmware_wants_it() -> None:
    body = (
        "action=restart\r\n"
        "RegisterCallId={}\r\n"
        "ConfigVersionStamp={00000000-0000-0000-0000-000000000000}\r\n"
        "DialplanVersionStamp={00000000-0000-0000-0000-000000000000}\r\n"
        "SoftkeyVersionStamp={00000000-0000-0000-0000-000000000000}\r\n"
        "FeatureControlVersionStamp={00000000-0000-0000-0000-000000000000}\r\n"
        "HeadsetVersionStamp={0-0000000000}\r\n"
    )
    assert notify().decode() == (
        "NOTIFY sip:SEP001122334455@192.168.1.20:5060 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.168.1.2:40000;branch=z9hG4bKb1;rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:ringfence@192.168.1.2>;tag=t1\r\n"
        "To: <sip:SEP001122334455@192.168.1.20:5060>\r\n"
        "Contact: <sip:ringfence@192.168.1.2:40000>\r\n"
        "Call-ID: c1\r\n"
        "CSeq: 1 NOTIFY\r\n"
        "Event: service-control\r\n"
        "Subscription-State: active\r\n"
        "Content-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\n"
        "\r\n" + body
    )


@given(
    st.sampled_from(["restart", "reset", "check-version"]),
    st.sampled_from(["192.168.1.20", "fd00::20", "fe80::1%eth0", "phone.example"]),
    st.text("abcXYZ0189@.-", max_size=60),
)
def test_what_is_ordered_is_what_the_phone_reads(action: ServiceAction, host: str, register_call_id: str) -> None:
    read = request(notify(action=action, host=host, register_call_id=register_call_id))
    assert parse_service_control(read) == ServiceControl(
        action, register_call_id, "00000000-0000-0000-0000-000000000000"
    )
    assert read.target == (host.partition("%")[0], 5060)


def test_the_answer_finds_its_request_again() -> None:
    asked = request(notify())
    answer = parse_message(response(asked, 200, to_tag="t2"))
    assert isinstance(answer, SipResponse)
    assert (answer.status, answer.reason, answer.call_id) == (200, "OK", "c1")
    for name in ("via", "from", "cseq"):
        assert header(answer, name) == header(asked, name)
    assert header(answer, "to") == "<sip:SEP001122334455@192.168.1.20:5060>;tag=t2"


@pytest.mark.parametrize("bad", ["a\r\nEvil: yes", "a b", "", "a@b\x00"])
def test_no_argument_can_add_a_header(bad: str) -> None:
    for argument in ("device_name", "branch", "tag", "call_id", "target_host"):
        texts = {"device_name": "SEP1", "branch": "b", "tag": "t", "call_id": "c", "target_host": "h", argument: bad}
        with pytest.raises(ValueError, match=r"not allowed in|not a host"):
            service_control_request(
                action="reset",
                target_host=texts["target_host"],
                target_port=5060,
                local_host="192.0.2.1",
                local_port=1,
                device_name=texts["device_name"],
                branch=texts["branch"],
                tag=texts["tag"],
                call_id=texts["call_id"],
            )
    with pytest.raises(ValueError, match="Call-ID"):
        notify(register_call_id="}\r\naction=reset")


def test_a_phones_request_in_compact_and_folded_form_is_read_as_well() -> None:
    data = (
        b"NOTIFY sip:anna@192.168.1.20 SIP/2.0\r\n"
        b"v: SIP/2.0/UDP 192.168.1.2\r\n"
        b"f: <sip:pbx@192.168.1.2>;\r\n tag=1\r\n"
        b"t: <sip:anna@192.168.1.20>\r\n"
        b"i : abc\r\n"
        b"CSEQ: 7 NOTIFY\r\n"
        b"o: Service-Control;id=1\r\n"
        b"c: text/plain; charset=utf-8\r\n"
        b"l: 14\r\n\r\n"
        b"action=restartand more that the datagram carried"
    )
    read = request(data)
    assert read.target == ("192.168.1.20", 5060)
    assert header(read, "from") == "<sip:pbx@192.168.1.2>; tag=1"
    assert parse_service_control(read) == ServiceControl("restart")


NOTIFY = notify()


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        (b"NOTIFY sip", b"notify sip", "neither a request nor a status"),
        (b"5060 SIP/2.0", b"5060 SIP/3.0", "neither a request nor a status"),
        (b"CSeq: 1 NOTIFY", b"CSeq: 1 INVITE", "CSeq names another method"),
        (b"CSeq: 1 NOTIFY", b"CSeq: one", "CSeq is not"),
        (b"CSeq: 1 NOTIFY\r\n", b"", "cseq header is missing"),
        (b"Call-ID: c1\r\n", b"Call-ID: c1\r\nCall-ID: c2\r\n", "twice"),
        (b"Via: ", b"Vi a: ", "not 'name: value'"),
        (b"Max-Forwards: 70", b"Max-Forwards 70", "not 'name: value'"),
        (b"c1", b"c\x001", "not 'name: value'"),
        (b"c1", b"\xff", "not UTF-8"),
        (b"Content-Length: ", b"Content-Length: -", "Content-Length"),
        (b"Content-Length: ", b"Content-Length: 9", "Content-Length"),
        (b"\r\n\r\n", b"\r\n", "no empty line"),
        (b"Contact: ", b"Contact: " + b"x" * LONGEST_HEADER, "too long"),
        (b"Max-Forwards: 70\r\n", b"X: y\r\n" * MOST_HEADERS, "too many headers"),
        (b"action", b"a" * LARGEST_BYTES, "at most"),
    ],
)
def test_what_is_no_sip_message_is_refused_by_name(good: bytes, bad: bytes, says: str) -> None:
    assert good in NOTIFY
    with pytest.raises(BadSipMessage, match=says):
        parse_message(NOTIFY.replace(good, bad, 1))


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        (b"Event: service-control", b"Event: check-sync", "not a NOTIFY for service-control"),
        (b"text/plain", b"text/html", "text/plain"),
        (b"action=restart", b"action=explode", "not order a known action"),
        (b"action=restart", b"actionrestart!", "not 'name=value'"),
        (b"action=restart", b"Action=\xc3\xa4bcdef", "not ASCII"),
    ],
)
def test_an_order_that_the_phone_does_not_know_is_refused(good: bytes, bad: bytes, says: str) -> None:
    with pytest.raises(BadSipMessage, match=says):
        parse_service_control(request(NOTIFY.replace(good, bad, 1)))


def test_a_request_uri_that_is_none_is_refused() -> None:
    with pytest.raises(BadSipMessage, match="not a SIP URI"):
        _ = request(NOTIFY.replace(b"sip:SEP001122334455@192.168.1.20:5060 ", b"tel:110 ", 1)).target


@given(st.binary(max_size=600))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    with pytest.raises(BadSipMessage):
        parse_message(data)


@given(st.integers(0, len(NOTIFY) - 1), st.binary(max_size=8), st.integers(0, 8))
def test_a_damaged_notify_is_read_or_refused_and_its_answer_can_be_read(at: int, patch: bytes, gone: int) -> None:
    damaged = NOTIFY[:at] + patch + NOTIFY[at + gone :]
    try:
        message = parse_message(damaged)
        if isinstance(message, SipRequest):
            assert isinstance(parse_message(response(message, 400, to_tag="t")), SipResponse)
            assert parse_service_control(message).action
    except BadSipMessage:
        return
