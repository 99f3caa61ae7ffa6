"""What this machine allows a hub to ask of it: its owner's file ``jobs.toml``, which no hub can change.

Every field has a default, and the defaults hold where there is no file. A file that can't be used allows nothing.
"""

import os
import stat
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from ringfence.edge.errors import JobRefused
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.job_messages import LARGEST_CAPTURE_BYTES, LONGEST_CAPTURE_S, JobKind, JobOrder

FILE = "jobs.toml"
WITH_SECRETS = "capture-with-secrets"
"""What a capture with secrets is called among what is allowed."""
WITH_CHANGES = "phone-web-changes"
"""What a phone's page with changes is called among what is allowed."""
MOST_SIP_PORTS = 16
_LARGEST_BYTES = 64 << 10
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_MIB = 1 << 20


class PhoneWebPolicy(StrEnum):
    """What may be done at phones' own web pages."""

    OFF = "off"
    READ_ONLY = "read-only"
    CHANGES = "changes"


class JobPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """What is allowed; the fields are those of the file (docs/jobs.md)."""

    status: bool = True
    logs: bool = True
    diagnose: bool = True
    reach_own_networks: bool = False
    """Whether a diagnosis tries places in the networks that this machine is itself in, where the home's devices are."""
    capture: bool = True
    capture_secrets: bool = False
    capture_seconds: int = LONGEST_CAPTURE_S
    capture_mib: int = LARGEST_CAPTURE_BYTES // _MIB
    capture_interfaces: tuple[str, ...] = ()
    """Where captures look; without one, on every Ethernet interface."""
    capture_sip_ports: tuple[int, ...] = (5060,)
    """Where phones and PBXes speak SIP; read when the edge starts."""
    restart: bool = True
    reboot: bool = False
    phone_web: PhoneWebPolicy = PhoneWebPolicy.READ_ONLY
    """Whether phones' own pages may be opened through this edge, and whether something may be changed there."""
    reboot_command: tuple[str, ...] = ("systemctl", "reboot")

    def allowed(self) -> tuple[str, ...]:
        """Return what is allowed, by the kinds' words."""
        words = [str(kind) for kind in JobKind if self._allows(kind)]
        words += [WITH_SECRETS] if self.capture and self.capture_secrets else []
        return (*words, WITH_CHANGES) if self.phone_web is PhoneWebPolicy.CHANGES else tuple(words)

    def check(self, order: JobOrder) -> None:
        """Raise JobRefused for what is not allowed, and for a kind that this version does not know."""
        if order.kind not in set(JobKind):
            raise JobRefused(f"this version of the edge knows no job {order.kind[:40]!r}", to_do="Update the edge.")
        if not self._allows(JobKind(order.kind)):
            raise JobRefused(f"{FILE} of this machine does not allow {order.kind}")
        if order.kind == JobKind.PHONE_WEB and order.with_changes and self.phone_web is not PhoneWebPolicy.CHANGES:
            raise JobRefused(f"{FILE} of this machine does not allow changes at phones' pages")
        if order.kind == JobKind.CAPTURE:
            self._check_capture(order)

    def _allows(self, kind: JobKind) -> bool:
        if kind is JobKind.PHONE_WEB:
            return self.phone_web is not PhoneWebPolicy.OFF
        return bool(getattr(self, kind))

    def _check_capture(self, order: JobOrder) -> None:
        if order.with_secrets and not self.capture_secrets:
            raise JobRefused(f"{FILE} of this machine does not allow captures with secrets")
        longest = min(self.capture_seconds, LONGEST_CAPTURE_S)
        largest = min(self.capture_mib * _MIB, LARGEST_CAPTURE_BYTES)
        if not 0 < order.seconds <= longest:
            raise JobRefused(f"a capture may take from 1 to {longest} s here")
        if not 0 < order.most_bytes <= largest:
            raise JobRefused(f"a capture may have up to {largest // _MIB} MiB here")


def _check_ports(policy: JobPolicy) -> None:
    ports = policy.capture_sip_ports
    if len(ports) > MOST_SIP_PORTS or not all(0 < port < 1 << 16 for port in ports):
        raise _unusable(f"capture_sip_ports has more than {MOST_SIP_PORTS}, or one that is no port")


def read_policy(folder: Path) -> JobPolicy:
    """Return what an edge's folder says, or the defaults where it says nothing.

    Raises:
        JobRefused: The file can't be used; nothing is allowed then.
    """
    path = folder / FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            data = file.read(_LARGEST_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
    except FileNotFoundError:
        return JobPolicy()
    except OSError as fault:
        raise _unusable(f"it can't be read: {fault.strerror}") from None
    if not stat.S_ISREG(status.st_mode) or len(data) > _LARGEST_BYTES:
        raise _unusable("it is no file of at most 64 KiB")
    if status.st_mode & _WRITABLE_BY_OTHERS or status.st_uid not in {0, os.geteuid()}:
        raise _unusable("it can be changed by others than root and the edge's own user")
    return _parsed(data)


def _parsed(data: bytes) -> JobPolicy:
    import tomllib  # noqa: PLC0415 - most edges have no such file, and should not load it

    try:
        policy: JobPolicy = codec.Reader(JobPolicy, FILE).convert(tomllib.loads(data.decode()))
    except BadMessage as fault:
        raise _unusable(str(fault).rstrip(".")) from None
    except (ValueError, RecursionError):
        raise _unusable("it is not TOML") from None
    _check_ports(policy)
    return policy


def _unusable(why: str) -> JobRefused:
    return JobRefused(f"{FILE} of this machine can't be used, so no job is allowed: {why}", to_do="Correct the file.")
