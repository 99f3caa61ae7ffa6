"""Attacks that only ask: tricks with paths, writing, guessing names, and writing into the log."""

import socket
import time
from pathlib import Path

from ringfence.sim.attacks.target import (
    AttackTarget,
    answer,
    heard,
    is_served,
)
from ringfence.sim.attacks.verdict import AttackVerdict, judged

PATH_TRICKS: tuple[str, ...] = (
    "..", ".", "/", "//", "\\", "../f", "a/../f", "f/..", "a//f",
    "../../../../etc/passwd", "..\\..\\etc\\passwd", "/etc/passwd", "etc/passwd", "//etc/passwd", "C:\\boot.ini",
    "\\\\host\\share\\f", "%2e%2e%2ff", "%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "%c0%ae%c0%ae/etc/passwd",
    "..;/etc/passwd", "....//etc/passwd", "..//..//etc/passwd", "file:///etc/passwd", "/etc/passwd\0.cnf.xml",
    "*", "f[0]", "~/f", "~root/f", "$HOME/f", "`id`", ";id", "|id", "\n", "/proc/self/mem", "/proc/self/environ",
    "/proc/self/fd/0", "/dev/fd/3", "/dev/zero", "/dev/stdin", "\uff0e\uff0e/etc/passwd", "\u2215etc\u2215passwd",
    "../../../../etc/passwd" + "/." * 60, "/" * 200 + "etc/passwd", "ConfigFileCacheList.txt", "FileList.txt",
    "BundleFileList.txt", "PerfMon.txt",
)  # fmt: skip
"""Names that no phone's file has: ways out of a folder, devices, and call managers' lists of every phone."""
GUESSES = 3000
SHORTEST_SPACE_DAYS = 1.0
"""A whole maker's names in less than this would be a leak."""
_MAKERS_NAMES = 1 << 24
_OUI = "001B54"
LOG_REQUESTS = 3000
_LOG_SOURCES = 10
_LOG_DELAY_S = 1.0
"""A log may be written behind the service."""
_LONGEST_LOG_BYTES_PER_PACKET = 64
"""More than that, and an attacker fills a disk with less than they send."""
_INJECTED = "FAKE-LINE"
_LINE_FEED = 0x0A
_FIRST_PRINTABLE = 0x20
_LOG_TRICKS = (
    f"a\n{_INJECTED} Allowed everything to everybody.",
    f"a\r{_INJECTED}",
    f"a\r\n\r\n{_INJECTED}",
    "\x1b[2J\x1b[31mred\x07",
    "\x9b31m",
    "%s%s%n%x",
    "\u202egnp.exe",
    "\udcff\udcfe",
    "x" * 250,
    "${jndi:ldap://127.0.0.1/a}",
)


def path_tricks(target: AttackTarget) -> AttackVerdict:
    """Ask for every trick, and look for octets, and for an error text that tells where files are."""
    given, silent, texts = [], 0, set()
    for name in PATH_TRICKS:
        with target.socket() as endpoint:
            packet = answer(endpoint, target.request(name), target.server)
        if packet is None:
            silent += 1
        elif is_served(packet):
            given.append(name)
        else:
            texts.add(packet[4:].rstrip(b"\0").decode("utf-8", "replace"))
    telling = sorted(text for text in texts if "/" in text or "\\" in text)
    return judged(
        "paths",
        holds=not given and not telling,
        did=f"Asked for {len(PATH_TRICKS)} names that lead out of what is served, or list it.",
        answered=f"{len(given)} were served, {silent} were not answered; error texts: "
        f"{', '.join(sorted(texts)) or 'none'}.",
        because=f"Served or revealed: {', '.join(map(repr, given + telling))}."
        if given or telling
        else "No name led out, and no text reveals a path.",
        figures={"names": len(PATH_TRICKS), "given": len(given), "unanswered": silent, "error_texts": len(texts)},
    )


def writing(target: AttackTarget) -> AttackVerdict:
    """Ask to write, and send DATA to wherever an answer comes from."""
    names = (
        target.name,
        "new.cnf.xml",
        "../../tmp/ringfence-was-here",
        "/etc/cron.d/ringfence-was-here",
        "SEP.cnf.xml",
    )
    taken = 0
    for name in names:
        with target.socket() as endpoint:
            endpoint.sendto(target.request(name, opcode=b"\0\2"), target.server)
            found = heard(endpoint, 1.0)
            for to in {target.server} if found is None else {target.server, found[1]}:
                endpoint.sendto(b"\0\3\0\1overwritten", to)
            more = heard(endpoint, 0.2)
            taken += any(one is not None and one[0][:2] in {b"\0\4", b"\0\6"} for one in (found, more))
    is_same = target.boot_s() != float("inf")
    return judged(
        "writing",
        holds=taken == 0 and is_same,
        did=f"Asked to write {len(names)} files and sent their first block.",
        answered=f"{taken} were accepted.",
        because=f"The file {'is unchanged' if is_same else 'has changed'}.",
        figures={"requests": len(names), "accepted": taken},
    )


def enumeration(target: AttackTarget, *, count: int = GUESSES) -> AttackVerdict:
    """Guess phones' names from one address as fast as it can, and report how long a manufacturer's range would take."""
    answers: set[bytes] = set()
    answered = found = 0
    with target.socket() as endpoint:
        began_at = time.monotonic()
        for number in range(count):
            endpoint.sendto(target.request(f"SEP{_OUI}{number * 5557 % _MAKERS_NAMES:06X}.cnf.xml"), target.server)
            while (one := heard(endpoint)) is not None:
                answered += 1
                found += is_served(one[0])
                answers.add(one[0])
        while (one := heard(endpoint, 1.0)) is not None:
            answered += 1
            found += is_served(one[0])
            answers.add(one[0])
        duration_s = time.monotonic() - began_at
        # What is answered at once is a burst; what counts for the whole range is how it goes on.
        rate = _rate_of_answers(target, endpoint)
    days = _MAKERS_NAMES / max(rate, 0.001) / 86_400
    others = target.boot_s()
    return judged(
        "enumeration",
        holds=days >= SHORTEST_SPACE_DAYS and others != float("inf"),
        did=f"Guessed {count} names of phones from one address in {duration_s:.1f} s.",
        answered=f"{answered} answers of {len(answers)} kinds; then {rate:.1f} a second.",
        because=f"A maker's 2^24 names would take {days:.1f} days from one address; others are "
        f"{'served' if others != float('inf') else 'no longer served'}.",
        figures={
            "guesses": count,
            "answers": answered,
            "kinds_of_answers": len(answers),
            "found": found,
            "answers_per_s_after_the_burst": round(rate, 2),
            "whole_range_days": round(days, 2),
        },
    )


def _rate_of_answers(target: AttackTarget, endpoint: socket.socket, lasting_s: float = 3.0) -> float:
    """Return how many guesses a second are answered in the long run."""
    began_at = time.monotonic()
    number = answered = 0
    while (passed_s := time.monotonic() - began_at) < lasting_s:
        number += 1
        endpoint.sendto(target.request(f"SEP{_OUI}F{number % 0x100000:05X}.cnf.xml"), target.server)
        answered += heard(endpoint, 0.01) is not None
    return answered / passed_s


def log_injection(target: AttackTarget, *, log: Path | None = None, count: int = LOG_REQUESTS) -> AttackVerdict:
    """Send names and error texts that would forge lines and control a terminal; check the log if it is known."""
    before = log.stat().st_size if log is not None else 0
    hosts = [target.attacker() for _ in range(_LOG_SOURCES)]
    for host in hosts:
        _write_into_the_log(target, host, count // len(hosts))
    target.fetch()
    did = (
        f"Sent {count} names and error texts with line ends, escape sequences and formats from {len(hosts)} addresses."
    )
    if log is None:
        return judged(
            "log",
            holds=True,
            did=did,
            answered="The service goes on.",
            because="The log was not checked; name it with --log.",
            figures={"packets": count},
        )
    time.sleep(_LOG_DELAY_S)
    with log.open("rb") as lines:
        lines.seek(before)
        grown = lines.read()
    forged = sum(line.lstrip().startswith(_INJECTED.encode()) for line in grown.replace(b"\r", b"\n").split(b"\n"))
    controls = sum(byte < _FIRST_PRINTABLE and byte != _LINE_FEED for byte in grown)
    return judged(
        "log",
        holds=not forged and not controls and len(grown) <= count * _LONGEST_LOG_BYTES_PER_PACKET,
        did=did,
        answered=f"The log grew by {len(grown)} bytes in {grown.count(bytes((_LINE_FEED,)))} lines.",
        because=f"It has {forged} forged lines and {controls} control characters.",
        figures={"packets": count, "log_bytes": len(grown), "forged_lines": forged, "control_characters": controls},
    )


def _write_into_the_log(target: AttackTarget, host: str, count: int) -> None:
    """Two names that nobody has, then a transfer that is refused with a text of one's own, and so on."""
    with target.socket(host) as endpoint:
        for number in range(count):
            trick = _LOG_TRICKS[number % len(_LOG_TRICKS)]
            if number % 3:
                endpoint.sendto(target.request(f"{number}-{trick}"), target.server)
                heard(endpoint)
                continue
            with target.socket(host) as refusing:
                refusing.sendto(target.request(), target.server)
                if (one := heard(refusing, 0.02)) is not None:
                    text = trick.encode("utf-8", "surrogateescape")
                    refusing.sendto(b"\0\5\0\0" + text + b"\0", one[1])
