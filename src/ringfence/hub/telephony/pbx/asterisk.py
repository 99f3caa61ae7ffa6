"""Asterisk by AMI over TCP: PJSIP's contacts, NOTIFY through PJSIP, and passwords in pjsip_ringfence.conf.

The manager's user needs read and write for ``system``, ``config``, ``reporting`` and ``call``. Sources: Asterisk's
documentation of the actions PJSIPShowContacts, PJSIPNotify and UpdateConfig.
"""

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from ringfence.addresses import host_port
from ringfence.hub.errors import PbxRefused, PbxUnavailable
from ringfence.hub.telephony.pbx.connection import PbxAccess, PbxConnection, connected
from ringfence.hub.telephony.pbx.port import LONGEST_TEXT, MOST_CONTACTS, Contact
from ringfence.phones.family import ReloadEvent
from ringfence.phones.sip.notify import ServiceAction, service_control_body
from ringfence.printable import printable
from ringfence.secret import Secret

FILE = "pjsip_ringfence.conf"
DEFAULT_PORT, DEFAULT_TLS_PORT = 5038, 5039
_LARGEST_MESSAGE = 1 << 20
_MOST_MESSAGES = 100_000
_END = b"\r\n\r\n"
_SAFE = re.compile(r"[ -~]{0,500}")

Message = Mapping[str, str]


class Asterisk:
    """One Asterisk; ``url`` is ``ami://HOST:PORT``, or ``amis://HOST:PORT`` over TLS."""

    def __init__(self, url: str, user: str, secret: Secret, access: PbxAccess) -> None:
        address = urlsplit(url)
        self._is_tls, self._access = address.scheme == "amis", access
        self._address = (address.hostname or "", address.port or (DEFAULT_TLS_PORT if self._is_tls else DEFAULT_PORT))
        self._where = host_port(*self._address)
        self._user, self._secret = user, secret

    def check(self) -> str:
        """Return its version."""
        with self._session() as session:
            return printable(
                session.ask({"Action": "CoreSettings"})[0].get("AsteriskVersion", "Asterisk"), LONGEST_TEXT
            )

    def contacts(self, user: str) -> Sequence[Contact]:
        """Return where a user is registered, as PJSIP has it."""
        with self._session() as session:
            rows = session.ask(
                {"Action": "PJSIPShowContacts"},
                until="ContactListComplete",
                keeps=lambda row: row.get("Event") == "ContactList" and row.get("Endpoint", row.get("Aor")) == user,
            )
        found = []
        for row in rows[:MOST_CONTACTS]:
            if row.get("Event") == "ContactList":
                uri = row.get("Uri", "")
                reach = row.get("ViaAddr", "")
                call_id, agent, ends = row.get("CallId", ""), row.get("UserAgent", ""), row.get("RegExpire", "")
                found.append(Contact(uri, f"sip:{reach}" if reach else "", call_id, agent, ends))
        return found

    def accept(self, user: str, realm: str, passwords: Sequence[Secret]) -> None:
        """Change the authentication sections of ``user`` in pjsip_ringfence.conf, and make PJSIP read it again."""
        del realm  # Asterisk holds passwords, whatever the realm
        names = [f"auth-{user}", f"auth-{user}-old"]
        order: dict[str, str] = {"Action": "UpdateConfig", "SrcFilename": FILE, "DstFilename": FILE, "Reload": "yes"}
        steps: list[tuple[str, str, str, str]] = []
        with self._session() as session:
            there = {
                value
                for key, value in session.ask({"Action": "GetConfig", "Filename": FILE})[0].items()
                if key.startswith("Category-")
            }
            for name, password in zip(names, [*passwords, None], strict=False):
                if password is None:
                    steps += [("DelCat", name, "", "")] if name in there else []
                    continue
                if name not in there:
                    steps += [("NewCat", name, "", "")]
                    steps += [
                        ("Append", name, key, value)
                        for key, value in (("type", "auth"), ("auth_type", "userpass"), ("username", user))
                    ]
                    steps.append(("Append", name, "password", password.reveal()))
                else:
                    steps.append(("Update", name, "password", password.reveal()))
            for at, (action, category, variable, value) in enumerate(steps):
                order |= {f"Action-{at:06}": action, f"Cat-{at:06}": category}
                if variable:
                    order |= {f"Var-{at:06}": variable, f"Value-{at:06}": value}
            session.ask(order)

    def reload(self, user: str, contact: Contact, event: ReloadEvent, action: ServiceAction = "restart") -> None:
        """Send a NOTIFY by PJSIP to the phone's contact."""
        variables = [f"Event={event.value}", "Subscription-State=active"]
        if event is ReloadEvent.SERVICE_CONTROL:
            variables.append("Content-Type=text/plain")
            lines = service_control_body(action, contact.call_id).decode().splitlines()
            variables += [f"Content={line}" for line in lines if line]
        with self._session() as session:
            session.ask({"Action": "PJSIPNotify", "Endpoint": user, "Variable": "\n".join(variables)})

    @contextlib.contextmanager
    def _session(self) -> Iterator["_Session"]:
        try:
            with connected(*self._address, self._access, tls=self._is_tls) as link:
                session = _Session(link, self._where)
                session.greet()
                session.ask(
                    {"Action": "Login", "Username": self._user, "Secret": self._secret.reveal(), "Events": "off"}
                )
                yield session
        except OSError as fault:
            raise PbxUnavailable(
                f"Asterisk's manager can't be reached: {fault.strerror or fault}", where=self._where,
                to_do="Check that manager.conf enables it and permits this hub's address.",
            ) from None  # fmt: skip


class _Session:
    """One connection: actions out, answers in, matched by ActionID."""

    def __init__(self, link: PbxConnection, where: str) -> None:
        self._link, self._where = link, where
        self._buffer = b""

    def greet(self) -> None:
        """Read the greeting line; PbxUnavailable if it is another service's."""
        while b"\r\n" not in self._buffer:
            self._more()
        line, _end, self._buffer = self._buffer.partition(b"\r\n")
        if not line.startswith(b"Asterisk Call Manager"):
            raise PbxUnavailable("something other than an Asterisk manager answers", where=self._where)

    def ask(
        self, action: Mapping[str, str], until: str = "", keeps: Callable[[Message], bool] = lambda _message: True
    ) -> list[Message]:
        """Send an action and return its answer, or with ``until`` those events up to one called so that it ``keeps``.

        Raises:
            PbxRefused: Asterisk answers with an error.
            PbxUnavailable: Its answers don't end.
        """
        number = uuid.uuid4().hex
        lines = [f"ActionID: {number}"]
        for key, value in action.items():
            for part in value.split("\n") if key == "Variable" else [value]:
                if _SAFE.fullmatch(part) is None:
                    raise PbxRefused(f"{key} holds what an action can't carry")
                lines.append(f"{key}: {part}")
        self._link.send("\r\n".join((*lines, "", "")).encode())
        found: list[Message] = []
        for _ in range(_MOST_MESSAGES):
            message = self._next()
            if message.get("ActionID") != number:
                continue
            if message.get("Response") == "Error":
                said = printable(message.get("Message", "no reason"), LONGEST_TEXT)
                raise PbxRefused(f"Asterisk refuses {action['Action']}: {said}", where=self._where)
            if not until or (keeps(message) and len(found) < MOST_CONTACTS):
                found.append(message)
            if not until or message.get("Event") == until:
                return found
        raise PbxUnavailable("Asterisk's answers don't end", where=self._where)

    def _next(self) -> Message:
        while _END not in self._buffer:
            self._more()
        raw, _end, self._buffer = self._buffer.partition(_END)
        pairs = (line.partition(":") for line in raw.decode("utf-8", "replace").splitlines())
        return {key.strip(): value.strip() for key, _colon, value in pairs}

    def _more(self) -> None:
        data = self._link.receive()
        if not data:
            raise PbxUnavailable("Asterisk's manager ended the connection", where=self._where)
        if len(self._buffer) > _LARGEST_MESSAGE:
            raise PbxUnavailable("one of Asterisk's answers is too long", where=self._where)
        self._buffer += data
