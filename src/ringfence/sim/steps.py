"""What a virtual phone does, step by step: for tests to wait for, for people to read, for scripts to parse."""

from collections.abc import Mapping
from dataclasses import dataclass

from ringfence.errors import RingfenceError
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.sip.notify import Action
from ringfence.sim.trust_steps import TrustStep, trust_as_event, trust_in_words


@dataclass(frozen=True, slots=True)
class Booting:
    """A boot begins; ``why`` is power-on, retry or the action of a NOTIFY."""

    why: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file came, whole."""

    name: str
    size_bytes: int
    duration_s: float
    over: str = "tftp"


@dataclass(frozen=True, slots=True)
class Upgraded:
    """Every file of a load arrived; the phone runs it and restarts."""

    load: str
    files: int


@dataclass(frozen=True, slots=True)
class UpgradeFailed:
    """A load could not be had; the phone keeps its firmware."""

    load: str
    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The server refused a file; ``harmless`` where phones go on without it."""

    name: str
    code: int
    harmless: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """The configuration was taken; this is what the phone holds now."""

    configuration: HeldConfiguration


@dataclass(frozen=True, slots=True)
class BootFailed:
    """The phone has no new configuration and asks again after ``retry_s``; it keeps what it held."""

    fault: RingfenceError
    retry_s: float


@dataclass(frozen=True, slots=True)
class Listening:
    """The phone waits for SIP at this address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Notified:
    """A NOTIFY, or keys pressed through the web interface, ordered ``action``; it was answered with 200."""

    action: Action
    peer_host: str
    peer_port: int


@dataclass(frozen=True, slots=True)
class NotifyRefused:
    """A SIP message was answered with an error."""

    status: int
    reason: str
    peer_host: str
    peer_port: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A line is registered for ``expires_s`` seconds."""

    line: int
    user: str
    server: str
    transport: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class RegisterFailed:
    """A line could not register; the phone tries again after ``retry_s``."""

    fault: RingfenceError
    retry_s: float


Step = (
    Booting
    | Upgraded
    | UpgradeFailed
    | Fetched
    | Missing
    | Holds
    | BootFailed
    | Listening
    | Notified
    | NotifyRefused
    | Registered
    | RegisterFailed
    | TrustStep
)


def in_words(step: Step) -> str:  # noqa: C901, PLR0912 - a case for each step
    """Return the step as a line for people."""
    match step:
        case Booting():
            return f"boots ({step.why})"
        case Fetched():
            return f"got     {step.name}, {step.size_bytes} bytes in {step.duration_s * 1000:.0f} ms over {step.over}"
        case Upgraded():
            return f"runs    {step.load} now, {step.files} files"
        case UpgradeFailed():
            return f"keeps its firmware instead of {step.load}: {step.reason}"
        case Missing():
            return f"missing {step.name}{' (harmless)' if step.harmless else ''}"
        case Holds():
            held = step.configuration
            lines = ", ".join(f"{line.button}: {line.label} ({line.name})" for line in held.lines)
            server = ":".join(map(str, held.sip_servers[0])) if held.sip_servers else "none"
            stamp = f"; stamp {held.version_stamp}" if held.version_stamp else ""
            return f"holds   lines {lines}; SIP server {server} over {held.sip_transport}{stamp}"
        case BootFailed():
            return f"failed  {step.fault} Asks again in {step.retry_s:g} s."
        case Listening():
            return f"listens for SIP at {step.host}:{step.port}"
        case Registered():
            return f"registered line {step.line} ({step.user}) at {step.server}/{step.transport}, {step.expires_s} s"
        case RegisterFailed():
            return f"not registered: {step.fault} Tries again in {step.retry_s:g} s."
        case Notified():
            return f"is told to {step.action} by {step.peer_host}:{step.peer_port}"
        case NotifyRefused():
            return f"refuses a SIP message of {step.peer_host}:{step.peer_port} with {step.status}: {step.reason}"
        case _:
            return trust_in_words(step)


def as_event(step: Step) -> Mapping[str, object]:  # noqa: C901, PLR0912 - a case for each step
    """Return the step as a JSON object; passwords are not in it."""
    match step:
        case Booting():
            return {"event": "boots", "why": step.why}
        case Fetched():
            return {
                "event": "fetched",
                "name": step.name,
                "size_bytes": step.size_bytes,
                "duration_s": round(step.duration_s, 6),
                "over": step.over,
            }
        case Upgraded():
            return {"event": "upgraded", "load": step.load, "files": step.files}
        case UpgradeFailed():
            return {"event": "upgrade-failed", "load": step.load, "reason": step.reason}
        case Missing():
            return {"event": "missing", "name": step.name, "code": step.code, "harmless": step.harmless}
        case Holds():
            return {"event": "holds", **_configuration(step.configuration)}
        case BootFailed():
            return {
                "event": "rejected" if step.fault.exit_code == _REJECTED else "failed",
                "reason": str(step.fault),
                "exit_code": step.fault.exit_code,
                "retry_s": step.retry_s,
            }
        case Listening():
            return {"event": "listening", "host": step.host, "port": step.port}
        case Registered():
            return {
                "event": "registered",
                "line": step.line,
                "user": step.user,
                "server": step.server,
                "transport": step.transport,
                "expires_s": step.expires_s,
            }
        case RegisterFailed():
            return {"event": "not-registered", "reason": str(step.fault), "retry_s": step.retry_s}
        case Notified():
            return {
                "event": "notified",
                "action": step.action,
                "peer_host": step.peer_host,
                "peer_port": step.peer_port,
            }
        case NotifyRefused():
            return {
                "event": "refused",
                "status": step.status,
                "reason": step.reason,
                "peer_host": step.peer_host,
                "peer_port": step.peer_port,
            }
        case _:
            return trust_as_event(step)


_REJECTED = 8  # ContentRefused's exit code


def _configuration(held: HeldConfiguration) -> Mapping[str, object]:
    return {
        "label": held.label,
        "phone_label": held.phone_label,
        "lines": [
            {"button": line.button, "label": line.label, "name": line.name, "display_name": line.display_name}
            for line in held.lines
        ],
        "sip_servers": [f"{host}:{port}" for host, port in held.sip_servers],
        "sip_transport": held.sip_transport,
        "sip_listen_port": held.sip_listen_port,
        "version_stamp": held.version_stamp,
        "load": held.load,
    }
