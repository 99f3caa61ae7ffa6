"""Mail about alerts: what it says, gathered, and that it goes over TLS to a server that proves who it is."""

import ssl

import pytest

from ringfence.hub.core import Hub
from ringfence.hub.errors import AlertChannelUnavailable
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.notifying import delivery, mail
from support.alert_receivers import (
    add,
    mail_by,
    mail_server,
    pass_time,
    prepared,
    raise_one,
)


@pytest.fixture
def hub(idle: Hub) -> Hub:
    return prepared(idle)


def test_one_mail_tells_of_everything_that_happened_within_a_minute(hub: Hub) -> None:
    with mail_server() as (server, port):
        add(hub, "noc", mail_by(f"smtp://127.0.0.1:{port}"))
        for number in range(delivery.MOST_NAMED + 7):
            raise_one(hub, f"edge-{number}", "anna" if number % 2 else "berta")
        assert delivery.go_on(hub) == 0, "more may be coming"
        pass_time(hub, 61)
        assert delivery.go_on(hub) == delivery.MOST_NAMED + 7
        ((envelope, message),) = server.mails
    assert envelope.rcpt_tos == ["noc@example.org", "boss@example.org"]
    assert message["Subject"] == "[Ringfence hub] 57 alerts at 2 sites"
    assert (message["From"], message["Auto-Submitted"]) == ("hub@example.org", "auto-generated")
    text = message.get_content()
    assert "Edge edge-49 has not been seen." in text
    assert "… and 7 more." in text
    assert "ringfence guard alerts" in text


def test_a_sentence_of_a_stranger_makes_no_header(hub: Hub) -> None:
    with mail_server() as (server, port):
        add(hub, "noc", mail_by(f"smtp://127.0.0.1:{port}"))
        with hub.change("test") as change:
            alerts.raise_alert(change, "anna", alerts.UNKNOWN_PHONE, "a\r\nBcc: x@y", "b\r\n.\r\nBcc: all@example.org")
        pass_time(hub, 61)
        assert delivery.go_on(hub) == 1
        ((envelope, message),) = server.mails
    assert message["Bcc"] is None
    assert len(envelope.rcpt_tos) == 2
    assert message["Subject"] == "[Ringfence hub] unknown-phone anna"


def test_mail_goes_over_tls_with_a_verified_server_and_a_login(hub: Hub, server_tls: ssl.SSLContext) -> None:
    with mail_server(ssl_context=server_tls, auth_require_tls=False) as (server, port):
        add(hub, "good", mail_by(f"smtps://127.0.0.1:{port}", "hub", "p4ss"))
        delivery.send_test(hub, "good")
        assert server.logins == [(b"hub", b"p4ss")]
        assert "a test of the alert channel good" in server.mails[0][1].get_content()
        add(hub, "wrong", mail_by(f"smtps://127.0.0.1:{port}", "hub", "other"))
        with pytest.raises(AlertChannelUnavailable, match="mail server doesn't take it") as refused:
            delivery.send_test(hub, "wrong")
        assert "other" not in str(refused.value)
        add(hub, "another", mail_by(f"smtps://localhost:{port}", "hub", "p4ss"))
        with pytest.raises(AlertChannelUnavailable, match="certificate"):
            delivery.send_test(hub, "another")
    assert len(server.mails) == 1


def test_no_mail_leaves_this_machine_unencrypted(
    hub: Hub, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "is_this_machine", lambda _host: False)
    with mail_server(tls_context=server_tls) as (server, port):
        add(hub, "starttls", mail_by(f"smtp://127.0.0.1:{port}"))
        delivery.send_test(hub, "starttls")
        assert len(server.mails) == 1
    with mail_server() as (server, port):
        add(hub, "plain", mail_by(f"smtp://127.0.0.1:{port}"))
        with pytest.raises(AlertChannelUnavailable, match="STARTTLS"):
            delivery.send_test(hub, "plain")
        assert server.mails == []
