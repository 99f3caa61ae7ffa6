"""A stand-in for an Asterisk with PJSIP, as its manager (main/manager.c) and its files (main/config.c) behave.

It answers as the real one does where that is unhandy: an empty list is an error, Reload is acknowledged before the
module has read its file and refused while another one runs, an UpdateConfig's own reload is dropped then in silence,
headers beyond 128 are dropped, and what an account may do is checked.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ringfence.phones.sip.pbx_accounts import PbxKind, SipAccount, export

Action = dict[str, list[str]]
Section = tuple[str, dict[str, str]]

MOST_HEADERS = 128
_NEEDS = {
    "CoreSettings": {"system", "reporting"},
    "GetConfig": {"system", "config"},
    "UpdateConfig": {"config"},
    "Reload": {"system", "config"},
    "PJSIPShowContacts": {"system"},
    "PJSIPShowAuths": {"system"},
    "PJSIPShowEndpoints": {"system"},
    "PJSIPNotify": {"system"},
}


@dataclass
class Registration:
    """What PJSIP's registrar keeps of a contact."""

    user: str
    uri: str
    call_id: str
    ends_at: int
    via: str = "203.0.113.7"
    agent: str = "Cisco-CP9971/9.4.2"
    status: str = "Reachable"


@dataclass
class AsteriskManager:
    """One Asterisk; ``file`` is pjsip_ringfence.conf as it stands, ``loaded`` what PJSIP goes by."""

    version: str = "22.2.0"
    rights: frozenset[str] = frozenset({"system", "config"})
    file: list[Section] = field(default_factory=list)
    loaded: list[Section] = field(default_factory=list)
    contacts: list[Registration] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)
    """By endpoint, the device state of those that are in use."""
    reload_takes_s: float = 0.0
    drops_reloads: int = 0
    """How many of the next reloads are acknowledged and never run."""
    is_away: bool = False
    _busy_until: float = 0.0
    _pending: list[Section] | None = None

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def take(self, accounts: list[SipAccount]) -> None:
        """Have the export's file, loaded."""
        self.file = read(export(accounts, PbxKind.ASTERISK)["pjsip_ringfence.conf"])
        self.loaded = copied(self.file)

    def busy_for(self, seconds: float) -> None:
        """Let another reload run for that long."""
        self._busy_until = time.monotonic() + seconds

    def accepts(self, line: str) -> list[str]:
        """Return the passwords that the endpoint of a line accepts now; LookupError where it answers 500."""
        self._settle()
        endpoint = next(options for name, options in self.loaded if name == line and options["type"] == "endpoint")
        auths = {name: options for name, options in self.loaded if options["type"] == "auth"}
        return [auths[name]["password"] for name in endpoint["auth"].split(",")]

    def register(
        self, line: str, password: str, call_id: str = "c1", ends_at: int | None = None, host: str = "192.168.1.7"
    ) -> bool:
        """Register the phone at an address; return whether its password is taken."""
        if password not in self.accepts(line):
            return False
        uri = f"sip:{line}@{host}:5060;transport=udp"
        self.contacts = [each for each in self.contacts if each.uri != uri]
        ends = int(time.time()) + 3600 if ends_at is None else ends_at
        self.contacts.append(Registration(line, uri, call_id, ends))
        return True

    def names(self, name: str) -> list[str]:
        """Return the values of ``name`` in all actions, such as what was asked."""
        return [value for action in self.actions for value in action.get(name, [])]

    def _settle(self) -> None:
        if self._pending is not None and time.monotonic() >= self._busy_until:
            self.loaded, self._pending = self._pending, None

    def _accept(self) -> None:
        while True:
            try:
                link, _peer = self._listener.accept()
            except OSError:
                return
            if self.is_away:
                link.close()
                continue
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError), link, link.makefile("rwb") as stream:
            stream.write(b"Asterisk Call Manager/11.0.0\r\n")
            stream.flush()
            action: Action = {}
            count = 0
            for raw in stream:
                line = raw.decode().rstrip("\r\n")
                if line:
                    count += 1
                    if count <= MOST_HEADERS:
                        key, _colon, value = line.partition(":")
                        action.setdefault(key, []).append(value.strip())
                    continue
                self.actions.append(action)
                stream.write(self._answer(action).replace("\n", "\r\n").encode())
                stream.flush()
                action, count = {}, 0

    def _answer(self, action: Action) -> str:
        self._settle()
        number, name = action["ActionID"][0], action["Action"][0]
        head = f"Response: Success\nActionID: {number}\n"
        error = f"Response: Error\nActionID: {number}\nMessage: "
        if name in {"Login", "ListCommands"}:
            return head + self._for_anybody(name) + "\n"
        if name not in _NEEDS:
            return f"{error}Invalid/unknown command: {name}. Use Action: ListCommands to show available commands.\n\n"
        if not _NEEDS[name] & self.rights:
            return f"{error}Permission denied\n\n"
        match name:
            case "CoreSettings":
                return f"{head}AMIversion: 11.0.0\nAsteriskVersion: {self.version}\n\n"
            case "GetConfig":
                return head + self._config() + "\n"
            case "UpdateConfig":
                said = self._update(action)
                return f"{error}{said}\n\n" if said else f"{head}\n"
            case "Reload":
                said = self._reload()
                return f"{error}{said}\n\n" if said else f"{head}Message: Module Reloaded\n\n"
            case "PJSIPNotify":
                known = any(each.user == action["Endpoint"][0] for each in self.contacts)
                return f"{head}Message: NOTIFY sent\n\n" if known else f"{error}Unable to retrieve endpoint\n\n"
        rows, event, nothing = self._listed(name)
        if not rows:
            return f"{error}{nothing}\n\n"
        events = "".join(
            f"Event: {event}\nActionID: {number}\n" + "".join(f"{key}: {value}\n" for key, value in row.items()) + "\n"
            for row in rows
        )
        return (
            f"{head}EventList: start\nMessage: A listing follows\n\n{events}"
            f"Event: {event}Complete\nActionID: {number}\nEventList: Complete\nListItems: {len(rows)}\n\n"
        )

    def _for_anybody(self, name: str) -> str:
        if name == "Login":
            return "Message: Authentication accepted\n"
        allowed = (each for each, needs in _NEEDS.items() if needs & self.rights)
        return "".join(f"{each}: What it does.  (Priv: some)\n" for each in allowed)

    def _listed(self, name: str) -> tuple[list[dict[str, str]], str, str]:
        if name == "PJSIPShowContacts":
            rows = [
                {
                    "ObjectType": "contact", "ObjectName": f"{each.user};@x", "Uri": each.uri, "Endpoint": each.user,
                    "ViaAddr": each.via, "CallId": each.call_id, "UserAgent": each.agent,
                    "ExpirationTime": str(each.ends_at), "Status": each.status,
                }
                for each in self.contacts
            ]  # fmt: skip
            return rows, "ContactList", "No Contacts found"
        kind = "auth" if name == "PJSIPShowAuths" else "endpoint"
        found = [(section, options) for section, options in self.loaded if options["type"] == kind]
        if kind == "auth":
            rows = [
                {"ObjectType": "auth", "ObjectName": section, "Username": options["username"],
                 "Password": options["password"], "AuthType": "userpass"}
                for section, options in found
            ]  # fmt: skip
            return rows, "AuthList", "No Auths found"
        rows = [
            {"ObjectType": "endpoint", "ObjectName": section, "Aor": options["aors"], "Auths": options["auth"],
             "DeviceState": self.calls.get(section, "Not in use"), "ActiveChannels": ""}
            for section, options in found
        ]  # fmt: skip
        return rows, "EndpointList", "No endpoints found"

    def _config(self) -> str:
        rows = []
        for at, (section, options) in enumerate(self.file):
            rows.append(f"Category-{at:06}: {section}\n")
            rows += [f"Line-{at:06}-{line:06}: {key}={value}\n" for line, (key, value) in enumerate(options.items())]
        return "".join(rows)

    def _update(self, action: Action) -> str:
        """Edit a copy of the file and keep it, or return why not, as handle_updates does."""
        file = copied(self.file)
        for at in range(1_000_000):
            what = action.get(f"Action-{at:06}", [""])[0]
            if not what:
                break
            section, value = action.get(f"Cat-{at:06}", [""])[0], action.get(f"Value-{at:06}", [""])[0]
            variable = action.get(f"Var-{at:06}", [""])[0]
            value = value.removeprefix(">") if value.startswith(">") else value
            if said := _edit(file, what, section, variable, value):
                return said
        self.file = file
        if action.get("Reload", ["no"])[0] not in {"no", "false"}:
            self._reload()  # whatever came of it
        return ""

    def _reload(self) -> str:
        if time.monotonic() < self._busy_until:
            return "A reload is in progress"
        if self.drops_reloads:
            self.drops_reloads -= 1
            return ""
        self._pending = copied(self.file)
        self._busy_until = time.monotonic() + self.reload_takes_s
        return ""


def _edit(file: list[Section], what: str, section: str, variable: str, value: str) -> str:
    """Take one action, at the first section of that name; return why not, empty if it is done."""
    there = next((each for each in file if each[0] == section), None)
    if what == "NewCat":
        if there is not None:
            return "Create category did not complete successfully"
        file.append((section, {}))
    elif there is None:
        return "Given category does not exist"
    elif what == "DelCat":
        file.remove(there)
    elif what == "Update" and variable not in there[1]:
        return "Update did not complete successfully"
    elif what in {"Update", "Append"}:
        there[1][variable] = value
    else:
        return "Unknown action command"
    return ""


def copied(sections: list[Section]) -> list[Section]:
    return [(name, dict(options)) for name, options in sections]


def read(text: str) -> list[Section]:
    """The sections of a file that has no escapes."""
    found: list[Section] = []
    for line in text.splitlines():
        plain = line.partition(";")[0].strip()
        if plain.startswith("["):
            found.append((plain.strip("[]"), {}))
        elif plain:
            key, _equals, value = plain.partition("=")
            found[-1][1][key.strip()] = value.removeprefix(">").strip()
    return found


@contextlib.contextmanager
def running_manager(**how: object) -> Iterator[AsteriskManager]:
    """A stand-in for the length of a test."""
    made = AsteriskManager(**how)  # type: ignore[arg-type]  # its own fields
    try:
        yield made
    finally:
        made.close()
