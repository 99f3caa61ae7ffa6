"""Lengths of time as people write them."""

import re

from ringfence.cli.support.errors import BadArgument

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> int:
    """Return a time such as 10m in seconds."""
    form = _DURATION.fullmatch(text.strip().lower())
    if form is None:
        raise BadArgument(f"{text[:20]!r} is not a length of time", to_do="Write it like 30s, 10m, 12h or 7d.")
    return int(form[1]) * _UNITS[form[2]]
