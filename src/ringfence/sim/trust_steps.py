"""What a virtual phone with a trust list does, step by step; ``steps`` has all that phones do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never


@dataclass(frozen=True, slots=True)
class ListTaken:
    """A list is the phone's from now on. ``is_first`` where it believed it because it had none that binds it."""

    name: str
    signer: str
    is_first: bool
    wants_signed_files: bool
    lets_go: bool


@dataclass(frozen=True, slots=True)
class ListRefused:
    """A list was not taken; the phone keeps the one that it has."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Distrusted:
    """A file was not believed; the phone goes on with what it held."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decrypted:
    """An encrypted configuration was opened with the phone's own key.

    ``certificate`` is empty where an earlier profile gave it the key.
    """

    name: str
    certificate: str


@dataclass(frozen=True, slots=True)
class CapfEnded:
    """A CAPF ended a session; ``certificate`` is the phone's LSC now, empty if it has none."""

    server: str
    reason: str
    certificate: str
    over: str
    """The version of TLS."""


@dataclass(frozen=True, slots=True)
class CapfFailed:
    """No session with a CAPF came about; the phone goes on with the certificates that it has."""

    server: str
    reason: str


@dataclass(frozen=True, slots=True)
class TvsAnswered:
    """A TVS said what a certificate that is in no list may do."""

    server: str
    certificate: str
    roles: tuple[str, ...]
    ttl_s: int


@dataclass(frozen=True, slots=True)
class ByHttps:
    """It got its configuration by HTTPS, from a server that its list or TVS vouches for."""

    name: str
    server: str


@dataclass(frozen=True, slots=True)
class HttpsFailed:
    """It got nothing by HTTPS, and asks for its signed file."""

    name: str
    reason: str


TrustStep = (
    ByHttps | HttpsFailed | ListTaken | ListRefused | Distrusted | Decrypted | CapfEnded | CapfFailed | TvsAnswered
)


def trust_in_words(step: TrustStep) -> str:
    """Return a step for people."""
    match step:
        case ListTaken():
            return _list_in_words(step)
        case ListRefused():
            return f"refuses {step.name}: {step.reason} It keeps its list."
        case Distrusted():
            return f"refuses {step.name}: {step.reason}"
        case ByHttps():
            return f"gets    {step.name} by HTTPS from {step.server}"
        case HttpsFailed():
            return f"fails   {step.name} by HTTPS: {step.reason} It asks for the signed file."
        case Decrypted():
            return f"opened  {step.name} with the key of {step.certificate or 'an earlier profile'}"
        case CapfEnded():
            return f"CAPF    {step.server} ends with {step.reason} over {step.over}; LSC: {step.certificate or 'none'}"
        case CapfFailed():
            return f"CAPF    {step.server} is of no use: {step.reason}"
        case TvsAnswered():
            roles = f"{', '.join(step.roles)} for {step.ttl_s} s" if step.roles else "nothing"
            return f"TVS     {step.server} trusts {step.certificate} for {roles}"
        case _:
            assert_never(step)


def _list_in_words(step: ListTaken) -> str:
    why = "believes its first list" if step.is_first else "believes a new list"
    if step.lets_go:
        then = "lets anybody's files in again"
    elif step.wants_signed_files:
        then = "takes signed files only"
    else:
        then = "asks for no signatures"
    return f"trusts  {step.name}: {why}, signed by {step.signer}; {then}"


def trust_as_event(step: TrustStep) -> Mapping[str, object]:
    """Return a step as a JSON object."""
    match step:
        case ListTaken():
            return {
                "event": "list-taken",
                "name": step.name,
                "signer": step.signer,
                "is_first": step.is_first,
                "wants_signed_files": step.wants_signed_files,
                "lets_go": step.lets_go,
            }
        case ListRefused():
            return {"event": "list-refused", "name": step.name, "reason": step.reason}
        case Distrusted():
            return {"event": "file-distrusted", "name": step.name, "reason": step.reason}
        case ByHttps():
            return {"event": "by-https", "name": step.name, "server": step.server}
        case HttpsFailed():
            return {"event": "https-failed", "name": step.name, "reason": step.reason}
        case Decrypted():
            return {"event": "decrypted", "name": step.name, "certificate": step.certificate}
        case CapfEnded():
            return {
                "event": "capf-ended",
                "server": step.server,
                "reason": step.reason,
                "certificate": step.certificate,
                "over": step.over,
            }
        case CapfFailed():
            return {"event": "capf-failed", "server": step.server, "reason": step.reason}
        case TvsAnswered():
            return {
                "event": "tvs-answered",
                "server": step.server,
                "certificate": step.certificate,
                "roles": list(step.roles),
                "ttl_s": step.ttl_s,
            }
        case _:
            assert_never(step)
