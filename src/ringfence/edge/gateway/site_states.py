"""The state of each of a gateway's sites, for people: from its folder, and from the faults that the gateway noted."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringfence.edge.gateway.site_folders import require_site, site_folder, site_names
from ringfence.edge.reporting import status as edge_status
from ringfence.edge.storage.disk import TEMPORARY, Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import RingfenceError

_FILE = "problems.json"


@dataclass(frozen=True, slots=True)
class HostedSiteState:
    """One site of a gateway. ``name`` and ``edge`` are empty if its folder does not say; ``release`` is 0 for none."""

    site: str
    name: str
    edge: str
    running: bool
    release: int
    problem: str


def write_problems(root: Path, problems: dict[str, str]) -> None:
    """Store why sites are not in service, for ``site_states``, by the names of their folders.

    Raises:
        DiskFull, DiskFault: It can't be written.
    """
    disk, path = Disk(), root / _FILE
    temporary = path.with_name(_FILE + TEMPORARY)
    disk.write(temporary, json.dumps({"pid": os.getpid(), "problems": problems}).encode())
    disk.rename(temporary, path)


def site_states(root: Path) -> list[HostedSiteState]:
    """Return how each site of the gateway in ``root`` is, whether the gateway runs or not.

    Raises:
        DiskFault: The gateway's folder can't be read.
    """
    problems = _problems(root)
    return [_state(site_folder(root, name), problems.get(name, "")) for name in site_names(root)]


def _state(folder: EdgeFolder, problem: str) -> HostedSiteState:
    site = folder.path.name
    try:
        enrolment = require_site(folder)
        found, is_running = edge_status.read(folder)
    except RingfenceError as fault:
        return HostedSiteState(site, "", "", running=False, release=0, problem=problem or str(fault))
    return HostedSiteState(
        site,
        enrolment.site_name,
        enrolment.edge_id,
        running=is_running,
        release=found.release if found is not None else 0,
        problem=problem or (found.problem if found is not None else ""),
    )


def _problems(root: Path) -> dict[str, str]:
    """Return what the gateway said last; nothing where it does not run any more."""
    try:
        kept: Any = json.loads(Disk().read(root / _FILE) or b"{}")  # Any: the JSON of `write_problems`
        is_running = Path(f"/proc/{int(kept['pid'])}").exists()
        return {str(site): str(problem) for site, problem in kept["problems"].items()} if is_running else {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
