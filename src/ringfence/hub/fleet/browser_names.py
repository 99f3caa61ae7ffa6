"""What a browser is called for people, by what it says of itself (User-Agent, RFC 9110, section 10.1.5)."""

import re

from ringfence.printable import printable

LONGEST = 120
_BROWSERS = (
    ("Edge", r"\bEdgA?(?:iOS)?/(\d+)"),
    ("Opera", r"\bOPR/(\d+)"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"\b(?:HeadlessChrome|Chrome|CriOS)/(\d+)"),
    ("Safari", r"\bVersion/(\d+)[\d.]* (?:Mobile/\w+ )?Safari/"),
)
"""Names and how each is told from the others; the first that fits counts, as most pretend to be others as well."""
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("ChromeOS", "CrOS"), ("Windows", "Windows NT"),
    ("macOS", "Mac OS X"), ("Linux", "Linux"),
)  # fmt: skip


def in_short(agent: str) -> str:
    """Return a name such as ``Firefox 140 on Linux``; what it says itself, cut, where it is none of the usual ones."""
    for name, pattern in _BROWSERS:
        if (found := re.search(pattern, agent[:1000])) is not None:
            system = next((f" on {system}" for system, word in _SYSTEMS if word in agent), "")
            return f"{name} {found[1][:5]}{system}"
    return printable(agent, LONGEST)
