"""What a box's processes have in memory, part by part."""

from pathlib import Path
from typing import NamedTuple

from world.machines import ip


class Row(NamedTuple):
    """A line of the table. ``is_met`` is None for what has no goal."""

    what: str
    figure: str
    goal: str = ""
    is_met: bool | None = None


def processes(namespace: str) -> dict[int, str]:
    """Return what runs in a namespace, by number."""
    found = {}
    for pid in map(int, ip("netns", "pids", namespace).split()):
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


_PARTS = {
    "ringfence.edge.network.helper": "helper and its shell",
    "ringfence.server.processes.launcher": "worker and launcher",
    "/dnsmasq": "dnsmasq", "/chronyd": "chronyd", "/wireguard-go": "wireguard-go", "-m ringfence.edge ": "agent",
}  # fmt: skip
_COUNTED = ("agent", "worker and launcher", "helper and its shell", "dnsmasq")


def memory(listed: dict[int, str]) -> list[Row]:
    """Return rows about a box's processes, by number and command: each part's own memory, and their files once.

    On a machine of their own nobody else shares these files, as here the hub and the other box do; so the kernel's
    proportional figures would flatter.
    """
    own: dict[str, int] = {}
    files: dict[str, dict[tuple[str, str], int]] = {}
    for pid, command in listed.items():
        part = next((name for word, name in _PARTS.items() if word in command), None)
        if part is None:
            continue
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own[part] = own.get(part, 0) + next(int(line.split()[1]) for line in rollup if line.startswith("Pss_Anon:"))
        mapped = files.setdefault(part, {})
        for place, kib in _mapped(pid).items():
            mapped[place] = max(mapped.get(place, 0), kib)
    rows = [Row(f"memory of a box: {part}, its own", f"{kib / 1024:.1f} MiB") for part, kib in sorted(own.items())]
    for what, parts, goal_mb in (("agent, worker, helper and dnsmasq", _COUNTED, 80), ("all of it", tuple(own), None)):
        once: dict[tuple[str, str], int] = {}
        for part in parts:
            once |= {place: max(once.get(place, 0), kib) for place, kib in files[part].items()}
        common, total = sum(once.values()), sum(once.values()) + sum(own[part] for part in parts)
        figure = f"{total * 1.024 / 1000:.1f} MB, of which files {common * 1.024 / 1000:.1f}"
        is_met = None if goal_mb is None else total * 1.024 / 1000 <= goal_mb
        rows.append(Row(f"{what}, with their files once", figure, f"≤ {goal_mb} MB" if goal_mb else "", is_met))
    return rows


def _mapped(pid: int) -> dict[tuple[str, str], int]:
    """Return how much of each part of a file a process has in memory as it is in the file, in KiB."""
    found: dict[tuple[str, str], int] = {}
    place = ("", "")
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0]:
            place = (words[5], words[2]) if len(words) > 5 and words[4] != "0" else ("", "")
        elif place[0] and words[0] in {"Rss:", "Anonymous:"}:
            found[place] = found.get(place, 0) + (int(words[1]) if words[0] == "Rss:" else -int(words[1]))
    return found
