"""Notices by mail: one message for all that waits, over TLS to a mail server, or as it is to this machine's own."""

import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from urllib.parse import urlsplit

from ringfence.hub.errors import AlertChannelUnavailable
from ringfence.hub.fleet.alert_channels import is_this_machine
from ringfence.hub.notifying.deadline import TIMEOUT_S, deadline
from ringfence.hub.notifying.dialling import AlertDestination, dial, encrypted
from ringfence.secret import Secret

_PORTS = {"smtps": 465, "smtp": 587}


class _Mail(smtplib.SMTP):
    """A connection to a mail server, at an address that was checked."""

    def __init__(self, place: AlertDestination) -> None:
        self._place = place
        super().__init__(place.host, place.port, timeout=TIMEOUT_S)

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return dial(self._place)


class _TlsMail(_Mail):
    """The same, with TLS from the start."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return encrypted(super()._get_socket(host, port, timeout), host)


def send(url: str, user: str, password: Secret, message: EmailMessage, networks: Sequence[str]) -> None:
    """Send a message to all of its recipients; the mail server has taken it when this returns.

    ``networks`` are hub.toml's ``alert_networks``.

    Raises:
        AlertChannelUnavailable: The server may not or can't be reached, offers no TLS, or doesn't take it.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    place = AlertDestination(host, port, networks, is_mail=True)
    try:
        with (_TlsMail if parts.scheme == "smtps" else _Mail)(place) as server, deadline(lambda: server.sock):
            server.ehlo()
            if parts.scheme == "smtp" and not is_this_machine(host):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if user:
                server.login(user, password.reveal())
            refused = server.send_message(message)
    except (smtplib.SMTPException, OSError) as fault:
        raise AlertChannelUnavailable(f"the mail server doesn't take it: {fault}", where=place.where) from None
    if refused:
        raise AlertChannelUnavailable(f"the mail server refuses {', '.join(sorted(refused))}", where=place.where)


def compose(sender: str, recipients: Sequence[str], subject: str, text: str) -> EmailMessage:
    """Return a message of one line as its subject and a text."""
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(recipients)
    message["Subject"] = " ".join(subject.split())[:200]
    message["Date"], message["Message-ID"] = format_datetime(localtime()), make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5: nobody's absence answers it
    message.set_content(text)
    return message
