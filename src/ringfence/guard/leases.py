"""Who got which address from a DHCP server: the lease files of dnsmasq, ISC dhcpd and Kea, read for IPv4 and Ethernet.

Invariants:

- Reading is total: a line that can't be understood is skipped and counted, and no input raises an error.
- If a file has several entries for an address, the last one counts, because dhcpd and Kea append.
- A last line without a line end is ignored: cut short, ``192.0.2.123`` would become another machine's address.

A lease says what a DHCP server was told: a machine that asks for a lease with a phone's MAC address gets it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address
from math import inf

LONGEST_TEXT = 255
_LONGEST_LINE = 4096

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Lease:
    """One address and who has it: a bare MAC address, until a time in Unix seconds (``inf``: without an end)."""

    address: str
    mac: str
    until: float
    hostname: str = ""
    vendor_class: str = ""


@dataclass(frozen=True, slots=True)
class LeasesRead:
    """What a file holds: its leases, how many of its lines made no sense, and whether its end is missing."""

    leases: tuple[Lease, ...]
    skipped: int
    is_cut: bool


def read_leases(data: bytes, now: float) -> tuple[Lease, ...]:
    """Return the leases of a file that hold at ``now``, whichever of the three formats it has; raises nothing."""
    return tuple(lease for lease in examine_leases(data).leases if lease.until > now)


def examine_leases(data: bytes) -> LeasesRead:
    """Return all leases that a file tells, also those that have ended, and how well it could be read."""
    whole, newline, rest = data.rpartition(b"\n")
    lines = whole.decode("utf-8", "replace").split("\n") if newline else []
    first = next((line for line in lines if line.strip()), "")
    found: dict[str, Lease | None] = {}
    skipped = int(bool(rest.strip()))
    for told in _reader_for(first, lines):
        if told is None:
            skipped += 1
        else:
            address, lease = told
            found.pop(address, None)
            found[address] = lease
    return LeasesRead(tuple(lease for lease in found.values() if lease is not None), skipped, is_cut=bool(rest))


# What a line tells: None where it makes no sense, otherwise an address and its lease, or that it has none any more.
_Told = tuple[str, Lease | None] | None


def _reader_for(first: str, lines: list[str]) -> Iterator[_Told]:
    if first.startswith("address,"):
        return _read_kea(lines)
    if _NUMBER.match(first) or first.startswith("duid "):
        return _read_dnsmasq(lines)
    return _read_dhcpd(lines)


def _read_dnsmasq(lines: list[str]) -> Iterator[_Told]:
    """Read ``end MAC address host client``; an end of 0 never comes, and ``*`` is not known.

    A MAC address with a number and a dash before it is of other hardware than Ethernet. IPv6's follow a line ``duid``.
    """
    for line in lines:
        words = line.split()
        match words[:4]:
            case [] | ["duid", *_]:
                pass
            case [_, mac, address, _] if ":" in address or "-" in mac:
                pass
            case [end, mac, address, host] if len(line) <= _LONGEST_LINE and _NUMBER.fullmatch(end):
                yield _told(address, mac, float(end) or inf, "" if host == "*" else host)
            case _:
                yield None


def _read_kea(lines: list[str]) -> Iterator[_Told]:
    """Read Kea's CSV by the names of its columns; state 0 is a lease, and a lifetime of 2^32 - 1 has no end.

    Kea writes a comma within a value as ``&#x2c``. A row with another state, or a lifetime of 0, takes a lease back.
    """
    head: list[str] = []
    for line in lines:
        row = line.rstrip("\r").split(",")
        if not line.strip():
            continue
        if not head:
            head = row
            continue
        values = dict(zip(head, row, strict=False))
        lifetime, end, state = (values.get(name, "") for name in ("valid_lifetime", "expire", "state"))
        if len(line) > _LONGEST_LINE or len(row) < len(head) or not all(map(_NUMBER.fullmatch, (lifetime, end))):
            yield None
        elif state not in {"", "0"} or int(lifetime) == 0:
            yield _told(values.get("address", ""), "", 0.0)
        else:
            until = inf if int(lifetime) == 0xFFFFFFFF else float(end)  # noqa: PLR2004 - Kea's way to say so
            host = values.get("hostname", "").replace("&#x2c", ",")
            yield _told(values.get("address", ""), values.get("hwaddr", ""), until, host)


_LEASE = re.compile(r"lease (\S+) \{")
_ESCAPED = re.compile(r"\\(?:([0-7]{3})|(.))")
_DATE = re.compile(r"[0-6] ([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_EPOCH = re.compile(r"epoch ([0-9]{1,12})")


def _read_dhcpd(lines: list[str]) -> Iterator[_Told]:
    """Read dhcpd's blocks, ``lease ADDRESS { … }`` with a statement a line; the other blocks are none of ours.

    A lease counts while its ``binding state`` is active. ``vendor-class-identifier`` is there where dhcpd.conf has
    ``set vendor-class-identifier = option vendor-class-identifier;``.
    """
    address, depth = "", 0
    values: dict[str, str] = {}
    for line in lines:
        text = line.strip() if len(line) <= _LONGEST_LINE else "too long"
        if (opened := _LEASE.fullmatch(text)) is not None:
            if address:
                yield None  # the block before has no end: a server died while it wrote
            address, depth, values = opened[1], 1, {}
        elif text.endswith("{") and not text.startswith("#"):
            depth += 1
        elif text == "}":
            depth = max(0, depth - 1)
            if depth == 0 and address:
                yield _dhcpd_lease(address, values)
                address = ""
        elif not _has_stated(text, values if depth == 1 else {}):
            yield None
    if address:
        yield None


def _has_stated(text: str, values: dict[str, str]) -> bool:
    """Note what a statement says, and say whether the line is one, or nothing."""
    if not text or text.startswith("#"):
        return True
    end = text.find(";", text.rfind('"') + 1)
    name, _, value = text[: max(end, 0)].removeprefix("set ").partition(" ")
    values[name] = value.removeprefix("= ")
    return end >= 0


def _dhcpd_lease(address: str, values: Mapping[str, str]) -> _Told:
    if values.get("binding", "state active") != "state active" or "abandoned" in values:
        return _told(address, "", 0.0)
    kind, _, mac = values.get("hardware", "").partition(" ")
    until = _dhcpd_time(values.get("ends", ""))
    if kind != "ethernet" or until is None:
        return _told(address, "", 0.0) if kind and kind != "ethernet" else None
    return _told(
        address,
        mac,
        until,
        _quoted(values.get("client-hostname", "")),
        _quoted(values.get("vendor-class-identifier", "")),
    )


def _dhcpd_time(text: str) -> float | None:
    """Return what ``never``, a date in UTC with its weekday, or ``epoch`` and seconds say."""
    if text == "never":
        return inf
    if (epoch := _EPOCH.fullmatch(text)) is not None:
        return float(epoch[1])
    if (date := _DATE.fullmatch(text)) is None:
        return None
    try:
        year, month, day, hour, minute, second = map(int, date.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _quoted(text: str) -> str:
    """Return what a quoted text means; dhcpd writes what is not printable as three octal digits."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)) if found[1] else found[2], text.strip('"'))


def _told(address: str, mac: str, until: float, hostname: str = "", vendor_class: str = "") -> _Told:
    """Return what is told of an address, or None if a part of it can't be; a lease needs a MAC address."""
    try:
        known = str(IPv4Address(address))
    except ValueError:
        return None
    if not mac:
        return known, None
    if _MAC.fullmatch(mac) is None:
        return None
    bare = mac.replace(":", "").upper()
    return known, Lease(known, bare, until, _text(hostname), _text(vendor_class))


def _text(value: str) -> str:
    return "".join(char if char.isprintable() else " " for char in value[:LONGEST_TEXT]).strip()
