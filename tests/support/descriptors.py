"""Which files and sockets this process has open, for tests that must leave none.

Fewer may be open than before: what an earlier test left to the garbage collector goes at any moment.
"""

import contextlib
from collections import Counter
from pathlib import Path


def open_descriptors() -> Counter[str]:
    """What the descriptors are of, such as ``socket:[4711]``, and how many of each."""
    found: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            found[str(descriptor.readlink())] += 1
    return found
