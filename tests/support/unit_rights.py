"""A command with the rights that a unit's processes begin with, without a service manager."""

from pathlib import Path

_UNITS = Path(__file__).parents[2] / "packaging" / "systemd"


def with_rights_of(unit: str) -> list[str]:
    """Return what comes before a command of root's so that it has no more of root's rights than this unit gives."""
    lines = (_UNITS / f"ringfence-{unit}.service").read_text().splitlines()
    (said,) = [line.partition("=")[2] for line in lines if line.startswith("CapabilityBoundingSet=")]
    rights = ",".join(f"+{each.removeprefix('CAP_').lower()}" for each in said.split())
    return ["setpriv", "--no-new-privs", f"--bounding-set=-all,{rights}"]
