"""What ocserv is to know of phones: their passwords as it keeps them, or which names in certificates are whose.

``ocpasswd`` has a line ``user:groups:hash`` for each, whose hash is what crypt(3) takes (ocserv's manual, ``auth``).
The name in a phone's own certificate is the user: ``SEP`` and its address where it was issued here, and
``CP-MODEL-SEP`` and its address in a maker's (PHONES.md section 5.8).
"""

import re
from collections.abc import Iterable, Mapping

from ringfence.phones.mac import Mac

_HASH = re.compile(r"\$[0-9a-z]{1,3}\$[./A-Za-z0-9$=]{1,76}")
_MAKERS = re.compile(r"CP-[A-Za-z0-9]{1,12}-SEP[0-9A-F]{12}")


def user_of(mac: Mac) -> str:
    """Return what a phone is called at a head end."""
    return f"SEP{mac.bare}"


def makers_user(name: str, mac: Mac) -> str | None:
    """Return what a phone is called by its maker's certificate with this common name; None for any other name."""
    return name if _MAKERS.fullmatch(name) and name.endswith(user_of(mac)) else None


def mac_of(user: str) -> str:
    """Return the bare address in a user's name; empty if there is none."""
    found = re.fullmatch(r"(?:CP-[A-Za-z0-9]{1,12}-)?SEP([0-9A-F]{12})", user)
    return found[1] if found else ""


def ocpasswd(hashes: Mapping[str, str]) -> str:
    """Return ocserv's password file, of users and the hashes of their passwords."""
    if not all(map(_HASH.fullmatch, hashes.values())):
        raise ValueError("a hash that crypt(3) does not know")
    return "".join(f"{user}:*:{hashes[user]}\n" for user in sorted(hashes))


def allowed(users: Iterable[str]) -> str:
    """Return the list that the connect script looks into: a user on each line."""
    return "".join(f"{user}\n" for user in sorted(set(users)))
