"""Asterisk by AMI: PJSIP's contacts, NOTIFY through PJSIP, and passwords in pjsip_ringfence.conf.

The manager's user needs to write ``system`` and ``config``, and to read nothing: what it asks for is answered to it
alone. Sources: Asterisk's documentation of the actions, and its main/manager.c and main/config.c. What those make
necessary here:

- A list without entries is answered as an error (``No Contacts found``).
- ``Reload`` is acknowledged before the module has read anything, and refused while another reload runs; one that
  UpdateConfig asks for is dropped then without a word. So the module is told by ``Reload``, and what it has loaded is
  looked at until it is what was written.
- An action has at most 128 headers; more are dropped without a word.
- UpdateConfig takes one ``>`` from the front of a value, as the end of ``=>``.
"""

import contextlib
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from ringfence.addresses import host_port
from ringfence.hub.errors import PbxRefused, PbxUnavailable
from ringfence.hub.telephony.pbx.connection import PbxAccess, PbxConnection, connected
from ringfence.hub.telephony.pbx.pjsip_file import FILE, ConfigStep, PjsipFile
from ringfence.hub.telephony.pbx.port import LONGEST_TEXT, MOST_CONTACTS, Contact, Credential
from ringfence.phones.family import ReloadEvent
from ringfence.phones.sip.messages import DEFAULT_PORT as DEFAULT_SIP_PORT
from ringfence.phones.sip.notify import ServiceAction, service_control_body
from ringfence.printable import printable
from ringfence.secret import Secret

DEFAULT_PORT, DEFAULT_TLS_PORT = 5038, 5039
_LARGEST_MESSAGE = 1 << 20
_MOST_MESSAGES = 100_000
_END = b"\r\n\r\n"
_SAFE = re.compile(r"[ -~]{0,500}")
_MODULE = "res_pjsip.so"
_NEEDED = (
    "CoreSettings", "GetConfig", "UpdateConfig", "Reload", "PJSIPShowContacts", "PJSIPShowEndpoints", "PJSIPShowAuths",
    "PJSIPNotify",
)  # fmt: skip
_IN_CALL = frozenset({"in use", "busy", "ringing", "ring+inuse", "ringinuse", "on hold", "onhold"})
"""Device states (main/devicestate.c) of somebody who talks, is called or waits."""
_MOST_HEADERS = 120
"""Of an action: eight fewer than Asterisk reads."""
_MOST_ROWS = 50_000
_LOADED_WITHIN_S = 10.0
_RELOAD_AGAIN_S = 1.5
_LOOK_AGAIN_S = 0.1
_VERSION = re.compile(r"(\d+)\.(\d+)")
_TWO_SINCE = MappingProxyType({20: 12, 21: 7, 22: 2})
"""Major version → the first minor one that challenges once for several auth sections of an endpoint."""

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
        """Return its version, if the manager's account may do what is needed; PbxRefused says what it may not."""
        with self._session() as session:
            may_do = session.ask({"Action": "ListCommands"})[0]  # those alone that this account may do
            missing = [action for action in _NEEDED if action not in may_do]
            if missing:
                raise PbxRefused(
                    f"the manager's account may not do, or Asterisk does not know: {', '.join(missing)}",
                    where=self._where,
                    to_do="Give it `write = system,config` in manager.conf, and load res_pjsip.",
                )
            return _version(session)

    def passwords_at_once(self) -> int:
        """Return 2 from 20.12, 21.7 and 22.2 on: before, two auth sections are two challenges of one realm."""
        with self._session() as session:
            found = _VERSION.search(_version(session))
        major, minor = (int(found[1]), int(found[2])) if found is not None else (0, 0)
        return 2 if major > max(_TWO_SINCE) or minor >= _TWO_SINCE.get(major, minor + 1) else 1

    def contacts(self, user: str) -> Sequence[Contact]:
        """Return where a user is registered, as PJSIP has it."""
        with self._session() as session:
            rows = session.list_of(
                "PJSIPShowContacts", "ContactList", lambda row: row.get("Endpoint", row.get("Aor")) == user
            )
        found = []
        for row in rows[:MOST_CONTACTS]:
            reach = row.get("ViaAddr", "")
            # There is no time of registration: the time of its end is the newest registration's.
            ends = row.get("ExpirationTime", row.get("RegExpire", ""))
            call_id, agent = row.get("CallId", row.get("CallID", "")), row.get("UserAgent", "")
            uri, own = row.get("Uri", ""), _own_place(row)
            found.append(Contact(uri, f"sip:{reach}" if reach else "", call_id, agent, ends, own))
        return found

    def in_calls(self) -> frozenset[str] | None:
        """Return the endpoints whose device state is one of a call."""
        with self._session() as session:
            rows = session.list_of(
                "PJSIPShowEndpoints", "EndpointList", lambda row: row.get("DeviceState", "").lower() in _IN_CALL
            )
        return frozenset(row.get("ObjectName", "") for row in rows)

    def accept(self, realm: str, credentials: Sequence[Credential]) -> None:
        """Change the authentication sections in pjsip_ringfence.conf, and see to it that PJSIP goes by them."""
        del realm  # Asterisk holds passwords, whatever the realm
        with self._session() as session:
            file = PjsipFile.parse(session.ask({"Action": "GetConfig", "Filename": FILE})[0], self._where)
            for steps in _batches(file.steps(credentials)):
                session.ask(_update(steps))
            self._load(session, file, credentials)

    def _load(self, session: "_Session", file: PjsipFile, credentials: Sequence[Credential]) -> None:
        """Reload PJSIP until it has loaded what the file says."""
        lines = {line for credential in credentials for line in credential.lines}

        def ours(row: Message) -> bool:
            return row.get("ObjectName") in lines

        gives_up = time.monotonic() + _LOADED_WITHIN_S
        while time.monotonic() < gives_up:
            session.reload()
            again = time.monotonic() + _RELOAD_AGAIN_S
            while time.monotonic() < again:
                endpoints = session.list_of(
                    "PJSIPShowEndpoints", "EndpointList", lambda row: row.get("ObjectName") in lines
                )
                auths = session.list_of("PJSIPShowAuths", "AuthList", lambda _row: True)
                if file.is_loaded(credentials, endpoints, auths):
                    return
                time.sleep(_LOOK_AGAIN_S)  # Asterisk tells nobody that it has loaded: it has to be asked again
        raise PbxUnavailable(
            "Asterisk has not loaded the changed secrets in time", where=self._where,
            to_do=f"Check that pjsip.conf includes {FILE}, and that Asterisk can read it.",
        )  # fmt: skip

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


_PLACE = r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,64})(?::([0-9]{1,5}))?"
_ORIGINAL = re.compile(rf";x-ast-orig-host={_PLACE}(?=[;>]|$)")
_IN_URI = re.compile(rf"sips?:(?:[^@\s<>]{{1,200}}@)?{_PLACE}(?=[;>]|$)")
_NOTHING_FOUND = re.compile(r"No [\w ]+ found\.?", re.IGNORECASE)


class _AmiError(PbxRefused):
    """Asterisk answers an action with an error; ``said`` is its message."""

    def __init__(self, what: str, said: str, where: str) -> None:
        super().__init__(what, where=where)
        self.said = said


def _version(session: "_Session") -> str:
    (answer,) = session.ask({"Action": "CoreSettings"})
    return printable(answer.get("AsteriskVersion", "Asterisk"), LONGEST_TEXT)


def _own_place(row: Message) -> tuple[str, int] | None:
    """Return a phone's own host and port where Asterisk has put public ones in their place or reaches neither."""
    uri = row.get("Uri", "")
    found = _ORIGINAL.search(uri)
    if found is None and row.get("Status", "").startswith("Un"):
        found = _IN_URI.match(uri)
    return (found[1].strip("[]").lower(), int(found[2] or DEFAULT_SIP_PORT)) if found is not None else None


def _batches(steps: Sequence[Sequence[ConfigStep]]) -> Iterator[list[ConfigStep]]:
    """Yield what fits into one action; what belongs together stays together."""
    batch: list[ConfigStep] = []
    for together in steps:
        if batch and sum(len(step.headers) for step in (*batch, *together)) > _MOST_HEADERS:
            yield batch
            batch = []
        batch += together
    if batch:
        yield batch


def _update(steps: Sequence[ConfigStep]) -> Message:
    order = {"Action": "UpdateConfig", "SrcFilename": FILE, "DstFilename": FILE}
    for at, step in enumerate(steps):
        order |= {f"{part}-{at:06}": text for part, text in step.headers.items()}
    return order


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

    def list_of(self, action: str, event: str, keeps: Callable[[Message], bool]) -> list[Message]:
        """Return the events of a list; Asterisk calls an empty one an error."""
        try:
            rows = self.ask(
                {"Action": action},
                until=f"{event}Complete",
                keeps=lambda row: row.get("Event") == event and keeps(row),
            )
        except _AmiError as fault:
            if _NOTHING_FOUND.fullmatch(fault.said):
                return []
            raise
        return [row for row in rows if row.get("Event") == event]

    def reload(self) -> None:
        """Ask for PJSIP's reload; that another one is running is no fault, as it is asked for again."""
        try:
            self.ask({"Action": "Reload", "Module": _MODULE})
        except _AmiError as fault:
            if "in progress" not in fault.said.lower():
                raise

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
                raise _AmiError(f"Asterisk refuses {action['Action']}: {said}", said, self._where)
            if not until or (keeps(message) and len(found) < _MOST_ROWS):
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
