"""``make doors``: the other doors by which phones' files come, told one after the other.

Phones that fetch their files by HTTPS, phones with a VPN of their own, and a bundle for a home without any box. Each
story is a program by itself, too: ``demo/doors_https.py`` and its neighbours.
"""

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent / "tests"))

import doors_https
import doors_portable
import doors_vpn

STORIES = (
    ("Phones by HTTPS", doors_https.main),
    ("The phone's own VPN", doors_vpn.main),
    ("A portable bundle", doors_portable.main),
)


def main() -> int:
    """Tell the stories, and return the exit status of the first that breaks."""
    begun = time.monotonic()
    for title, tell in STORIES:
        print(f"\n{title}\n", flush=True)
        if status := tell():
            return status
    print(f"\nEvery step worked as described, in {time.monotonic() - begun:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
