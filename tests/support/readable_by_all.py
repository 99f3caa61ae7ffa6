"""For programs that change to another user: this interpreter and checkout, where everybody may read them.

They may lie in a home that is its owner's alone. Then the command gets a mount namespace of its own, in which that home
holds nothing but them.
"""

import stat
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]


def _closed_parent(path: Path) -> Path | None:
    for parent in reversed(path.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            return parent
    return None


def readable_by_all() -> list[str]:
    """Return what to put before a command; needs root."""
    needed = {Path(sys.base_prefix), Path(sys.prefix), _CHECKOUT}
    closed = {path: home for path in sorted(needed) if (home := _closed_parent(path)) is not None}
    if not closed:
        return []
    lines = ["set -eu", "there=$(mktemp -d)", 'mount -t tmpfs -o mode=755 none "$there"']
    for path in closed:
        lines += [f'mkdir -p "$there{path}"', f'mount --rbind "{path}" "$there{path}"']
    lines += [f'mount -t tmpfs -o mode=755 none "{home}"' for home in sorted(set(closed.values()))]
    for path in closed:
        lines += [f'mkdir -p "{path}"', f'mount --rbind "$there{path}" "{path}"']
    lines += ['umount -R -l "$there"', 'rmdir "$there"', 'exec "$@"']
    return ["unshare", "--mount", "sh", "-c", "\n".join(lines), "sh"]
