"""What an edge says about itself when it is asked, and the words for it."""

import json
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ringfence.counted import counted
from ringfence.edge.reporting import status_socket
from ringfence.edge.storage.folder import EdgeFolder


@dataclass(slots=True)
class SeenPhone:
    """A phone that this edge has served: its newest address, and the release that its configuration is of."""

    mac: str
    host: str
    last_seen: float
    last_file: str
    release: int
    digest: str = ""
    """Of the configuration that it took last; empty if unknown."""


@dataclass(slots=True)
class PhoneNotice:
    """One thing to report about a phone: how urgent, a fixed word for programs, and the sentence."""

    urgency: str
    word: str
    text: str


@dataclass(slots=True)
class Status:
    """The agent's state; times are Unix seconds, 0 or empty for never and none."""

    pid: int
    edge_id: str
    site_id: str
    site_name: str
    hub_url: str
    started_at: float
    addresses: list[str] = field(default_factory=list)
    http_addresses: list[str] = field(default_factory=list)
    worker_pid: int = 0
    connected_since: float = 0.0
    last_contact: float = 0.0
    confirmed_at: float = 0.0
    release: int = 0
    release_since: float = 0.0
    files: int = 0
    certificate_ends_at: float = 0.0
    reports_waiting: int = 0
    problem: str = ""
    guard: str = ""
    """What the guard asks for, in words."""
    advice: str = ""
    """What the machine needs, in words."""
    network: list[str] = field(default_factory=list)
    """How the phone's port is, in words; empty without one."""
    phones: list[SeenPhone] = field(default_factory=list)
    told: dict[str, list[PhoneNotice]] = field(default_factory=dict)
    """What phones do, by MAC address, as far as they have asked since the start; the most urgent first."""


def to_json(status: Status) -> bytes:
    """Return what ``read`` reads at the other end."""
    return json.dumps(asdict(status)).encode()


def read(folder: EdgeFolder) -> tuple[Status | None, bool]:
    """Ask this folder's agent for its status; return it, if there is one, and whether the agent runs now.

    Raises:
        DiskFault: The folder is another user's.
    """
    raw = status_socket.ask(folder.status_socket)
    if raw is None:
        return None, folder.is_locked()
    try:
        kept: dict[str, Any] = json.loads(raw)  # Any: the JSON that `to_json` made
        phones = [SeenPhone(**phone) for phone in kept.pop("phones", [])]
        told = {mac: [PhoneNotice(**each) for each in said] for mac, said in kept.pop("told", {}).items()}
        known = {part.name for part in fields(Status)}
        status = Status(**{name: value for name, value in kept.items() if name in known}, phones=phones, told=told)
    except (ValueError, TypeError):
        return None, folder.is_locked()
    return status, folder.is_locked()


def in_words(status: Status | None, *, running: bool, folder: EdgeFolder) -> list[str]:
    """Return the status in sentences, the most important first."""
    who = folder.enrolment()
    now = time.time()
    lines = [f"Enrolled as edge {who.edge_id} of site {who.site_name}, at the hub {who.hub_url}."]
    if status is None:
        not_running = f"Not running. Start it: ringfence edge run --folder {folder.path}"
        busy = "Running, but it does not say how it is: it starts or stops just now, or is overloaded."
        return [*lines, busy if running else not_running]
    if status.connected_since:
        lines.append(f"Connected to the hub for {_ago(now - status.connected_since)}.")
    elif status.last_contact:
        lines.append(
            f"Not connected: last contact with the hub {_ago(now - status.last_contact)} ago. Phones are still served."
        )
    else:
        lines.append("Not connected: no contact with the hub since the start. Phones are served from the files here.")
    if status.release:
        files = counted(status.files, "file")
        lines.append(
            f"Serving release {status.release} ({files}) for {_ago(now - status.release_since)}, "
            f"confirmed by the hub {_ago(now - status.confirmed_at)} ago, on {_where(status)}."
        )
    else:
        lines.append(f"No release yet, so nothing to serve, on {_where(status)}. Publish one at the hub.")
    lines.extend(status.network)
    lines.extend(text for text in (status.guard, status.advice) if text)
    at = {phone.mac: f"Phone {phone.mac} at {phone.host}" for phone in status.phones}
    for mac, said in status.told.items():
        lines.append(f"{at.get(mac, f'Phone {mac}')}:")
        lines.extend(f"  {_MARKS.get(each.urgency, '·')} {each.text}" for each in said)
    lines.extend(
        f"{at[phone.mac]} took {phone.last_file} of release {phone.release} {_ago(now - phone.last_seen)} ago."
        for phone in status.phones
        if phone.mac not in status.told
    )
    if not status.phones and not status.told:
        lines.append("No phone has taken its configuration here yet.")
    if status.reports_waiting:
        lines.append(f"Not yet sent to the hub: {counted(status.reports_waiting, 'report')}.")
    lines.append(
        f"The certificate is renewed automatically; this one expires in {_ago(status.certificate_ends_at - now)}."
    )
    if status.problem:
        lines.append(f"Problem: {status.problem}")
    return lines


def _where(status: Status) -> str:
    tftp = ", ".join(status.addresses)
    return f"{tftp}, and over HTTP on {', '.join(status.http_addresses)}" if status.http_addresses else tftp


_MARKS = {"broken": "✗", "wrong": "!", "news": "·", "fine": "✓"}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def _ago(seconds: float) -> str:
    rest = max(0, int(seconds))
    for size, unit in _UNITS:
        if rest >= 2 * size:
            return f"{rest // size} {unit}"
    return f"{rest} s"
