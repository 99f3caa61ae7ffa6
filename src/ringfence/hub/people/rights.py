"""Who may do what: rights by noun, the roles that have them, and the right that each route asks for.

It is decided here alone, before a handler or a byte of the body, by method and path. What is not said here is refused
to all but owners: a new route is theirs until somebody says whose else it is. A page is for those whom the same path of
the API is for: ``/sites/x`` is as ``/api/v1/sites/x``, and the first page as ``/api/v1/overview``.
"""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum

from ringfence.hub.errors import NothingHere, ScopeExceeded
from ringfence.printable import printable


class Right(StrEnum):
    """Something that a role may be allowed."""

    KNOW = "see who it is"
    SEE = "see the fleet"
    SEE_TEXTS = "see templates and alert channels, in which somebody may have written a secret"
    SEE_AUDIT = "see the audit log, and who has access"
    MEASURE = "see the metrics"
    EDIT = "edit sites, phones, lines, settings, groups, templates, assets and firmware"
    PUBLISH = "publish, roll back, hold"
    DIAGNOSE = "reload phones, check PBXes"
    OPERATE = "restart edges, and capture what is said on phones' networks"
    ENTER = "reboot machines, and capture secrets"
    GUARD = "open windows, ban, block, close alerts"
    ADOPT = "let phones in that ask for the first time"
    JOIN = "create tokens for edges, accept where edges stand"
    REVOKE = "revoke edges, let unknown ones in"
    ROTATE = "change SIP secrets at PBX and phone"
    CONNECT = "add and remove PBXes, directories and alert channels"
    REVEAL = "show secrets"
    FOLLOW = "be told who may use a VPN head end, as what runs beside it is"
    GIVE_ACCESS = "let in and shut out people and programs with no more rights than one's own"
    OWN = "do what is for owners alone"


class Role(StrEnum):
    """What somebody is to an organisation."""

    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    SUPPORT = "support"
    INSTALLER = "installer"
    AUDITOR = "auditor"
    READ = "read"
    METRICS = "metrics"
    HEAD_END = "head-end"


OF_THE_ORGANISATION = frozenset({
    Right.OWN, Right.GIVE_ACCESS, Right.CONNECT, Right.SEE_TEXTS, Right.SEE_AUDIT,
})  # fmt: skip
"""Rights about an organisation as a whole: whoever is limited to a part of it has none of them, whatever the role."""

_OLDER_WORDS = {"admin": Role.OWNER}
"""What roles were called when a token had a scope; the others keep their names."""

_OPERATOR = frozenset({
    Right.KNOW, Right.SEE, Right.SEE_TEXTS, Right.MEASURE, Right.EDIT, Right.PUBLISH, Right.DIAGNOSE, Right.GUARD,
    Right.ADOPT, Right.JOIN, Right.ROTATE, Right.OPERATE,
})  # fmt: skip
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMINISTRATOR: frozenset(Right) - {Right.OWN, Right.ENTER},
    Role.OPERATOR: _OPERATOR,
    Role.SUPPORT: frozenset({Right.KNOW, Right.SEE, Right.MEASURE, Right.DIAGNOSE}),
    Role.INSTALLER: frozenset({Right.KNOW, Right.SEE, Right.JOIN, Right.ADOPT}),
    Role.AUDITOR: frozenset({Right.KNOW, Right.SEE, Right.SEE_AUDIT, Right.MEASURE}),
    Role.READ: frozenset({Right.KNOW, Right.SEE, Right.SEE_AUDIT, Right.MEASURE}),
    Role.METRICS: frozenset({Right.KNOW, Right.MEASURE}),
    Role.HEAD_END: frozenset({Right.KNOW, Right.FOLLOW}),
}

OPEN_PATHS = frozenset({
    "/authority.pem", "/healthz", "/readyz", "/sign-in", "/sign-in/second-step", "/sign-in/link", "/sign-in/passkey",
    "/sign-in/passkey/challenge", "/sign-in/provider", "/sign-in/provider/callback", "/portable.rfb",
})  # fmt: skip
"""Paths that anybody may use."""
OPEN_BELOW = "/static/"
"""What pages look like: anybody may read all that is there."""
METRICS = "/metrics"
V1 = "/api/v1"

_PLACES: Mapping[str, tuple[Right, Right]] = {
    "/authority.pem": (Right.KNOW, Right.OWN),
    "/healthz": (Right.KNOW, Right.OWN),
    "/readyz": (Right.KNOW, Right.OWN),
    "/portable.rfb": (Right.KNOW, Right.OWN),
    METRICS: (Right.MEASURE, Right.OWN),
    "/openapi.json": (Right.SEE, Right.OWN),
    OPEN_BELOW.rstrip("/"): (Right.KNOW, Right.OWN),
    f"{V1}/overview": (Right.SEE, Right.OWN),
    f"{V1}/whoami": (Right.KNOW, Right.OWN),
    f"{V1}/sign-in": (Right.KNOW, Right.KNOW),
    f"{V1}/account": (Right.KNOW, Right.KNOW),
    f"{V1}/sites": (Right.SEE, Right.EDIT),
    f"{V1}/sites/*/tokens": (Right.SEE, Right.JOIN),
    f"{V1}/sites/*/releases": (Right.SEE, Right.PUBLISH),
    f"{V1}/sites/*/guard": (Right.SEE, Right.GUARD),
    f"{V1}/sites/*/network": (Right.SEE, Right.GUARD),
    f"{V1}/boxes": (Right.SEE, Right.GUARD),
    f"{V1}/concentrators": (Right.SEE, Right.CONNECT),
    f"{V1}/port-authorities": (Right.SEE, Right.CONNECT),
    f"{V1}/bundles": (Right.SEE, Right.REVEAL),
    f"{V1}/bundles/-/new": (Right.REVEAL, Right.REVEAL),
    f"{V1}/bundles/*/revoke": (Right.SEE, Right.REVOKE),
    f"{V1}/trust": (Right.SEE, Right.OWN),
    f"{V1}/trust/pbx": (Right.REVEAL, Right.REVEAL),
    f"{V1}/trust/authorities": (Right.SEE, Right.CONNECT),
    f"{V1}/phone-trust": (Right.SEE, Right.REVOKE),
    f"{V1}/vpn": (Right.SEE, Right.CONNECT),
    f"{V1}/vpn/*/export": (Right.REVEAL, Right.REVEAL),
    f"{V1}/vpn/*/passwords": (Right.REVEAL, Right.REVEAL),
    f"{V1}/vpn/*/users": (Right.FOLLOW, Right.OWN),
    f"{V1}/vpn/*/shown": (Right.FOLLOW, Right.FOLLOW),
    f"{V1}/tokens": (Right.SEE, Right.JOIN),
    f"{V1}/edges": (Right.SEE, Right.REVOKE),
    f"{V1}/edges/*/tls-key/renew": (Right.SEE, Right.JOIN),
    f"{V1}/edges/*/accept": (Right.SEE, Right.JOIN),
    f"{V1}/edge-jobs": (Right.SEE, Right.DIAGNOSE),
    f"{V1}/edge-jobs/approval": (Right.SEE, Right.OWN),
    f"{V1}/edge-jobs/restart": (Right.SEE, Right.OPERATE),
    f"{V1}/edge-jobs/capture": (Right.SEE, Right.OPERATE),
    f"{V1}/edge-jobs/capture-with-secrets": (Right.ENTER, Right.ENTER),
    f"{V1}/edge-jobs/reboot": (Right.SEE, Right.ENTER),
    f"{V1}/edge-jobs/phone-web": (Right.SEE, Right.OPERATE),
    f"{V1}/edge-jobs/phone-web-changes": (Right.SEE, Right.ENTER),
    f"{V1}/edge-jobs/*/phone-web": (Right.OPERATE, Right.OPERATE),
    f"{V1}/edge-jobs/*/phone-web/*": (Right.OPERATE, Right.OPERATE),
    f"{V1}/edge-jobs/*/approve": (Right.SEE, Right.OPERATE),
    f"{V1}/edge-jobs/*/capture": (Right.OPERATE, Right.OPERATE),
    f"{V1}/edge-jobs/*/capture-with-secrets": (Right.ENTER, Right.ENTER),
    f"{V1}/doubts": (Right.SEE, Right.OWN),
    f"{V1}/phones": (Right.SEE, Right.EDIT),
    f"{V1}/phones/*/lines/*/password/reveal": (Right.REVEAL, Right.REVEAL),
    f"{V1}/phones/*/credential": (Right.SEE, Right.GUARD),
    f"{V1}/phones/*/credential/reveal": (Right.REVEAL, Right.REVEAL),
    f"{V1}/phones/*/reload": (Right.SEE, Right.DIAGNOSE),
    f"{V1}/phones/*/certificate": (Right.SEE, Right.ROTATE),
    f"{V1}/phones/*/certificate/issue": (Right.REVEAL, Right.REVEAL),
    f"{V1}/phones/*/https": (Right.SEE, Right.REVEAL),
    f"{V1}/phones/*/https/key": (Right.REVEAL, Right.REVEAL),
    f"{V1}/phones/*/accept": (Right.SEE, Right.ADOPT),
    f"{V1}/phones/*/block": (Right.SEE, Right.GUARD),
    f"{V1}/phones/*/window": (Right.SEE, Right.GUARD),
    f"{V1}/phones/*/guard": (Right.SEE, Right.GUARD),
    f"{V1}/activations": (Right.SEE, Right.EDIT),
    f"{V1}/activations/use": (Right.SEE, Right.ADOPT),
    f"{V1}/phone-books": (Right.SEE, Right.EDIT),
    f"{V1}/phone-books/*/directory": (Right.SEE, Right.CONNECT),
    f"{V1}/models": (Right.SEE, Right.OWN),
    f"{V1}/families": (Right.SEE, Right.OWN),
    f"{V1}/groups": (Right.SEE, Right.EDIT),
    f"{V1}/templates": (Right.SEE_TEXTS, Right.EDIT),
    f"{V1}/settings": (Right.SEE, Right.EDIT),
    f"{V1}/uploads": (Right.SEE, Right.EDIT),
    f"{V1}/firmware": (Right.SEE, Right.EDIT),
    f"{V1}/assets": (Right.SEE, Right.EDIT),
    f"{V1}/publish": (Right.SEE, Right.PUBLISH),
    f"{V1}/drafts": (Right.SEE, Right.EDIT),
    f"{V1}/drafts/*/approve": (Right.SEE, Right.PUBLISH),
    f"{V1}/drafts/*/publish": (Right.SEE, Right.PUBLISH),
    f"{V1}/drafts/approval": (Right.SEE, Right.OWN),
    f"{V1}/rollouts": (Right.SEE, Right.PUBLISH),
    f"{V1}/reports": (Right.SEE, Right.OWN),
    f"{V1}/guard": (Right.SEE, Right.GUARD),
    f"{V1}/sip/export": (Right.REVEAL, Right.REVEAL),
    f"{V1}/sip/rotations": (Right.SEE, Right.ROTATE),
    f"{V1}/pbxes": (Right.SEE, Right.CONNECT),
    f"{V1}/pbxes/*/check": (Right.SEE, Right.DIAGNOSE),
    f"{V1}/alert-channels": (Right.SEE_TEXTS, Right.CONNECT),
    f"{V1}/api-tokens": (Right.SEE_AUDIT, Right.GIVE_ACCESS),
    f"{V1}/people": (Right.SEE_AUDIT, Right.GIVE_ACCESS),
    f"{V1}/sign-in-providers": (Right.SEE_AUDIT, Right.OWN),
    f"{V1}/sessions": (Right.SEE_AUDIT, Right.GIVE_ACCESS),
    f"{V1}/audit": (Right.SEE_AUDIT, Right.OWN),
    f"{V1}/organisations/-/limits": (Right.SEE_AUDIT, Right.OWN),
}
"""Path, a star for each parameter → the right to see what is there and below, and the right to change it.

The longest beginning of a path counts.
"""
_CHANGED_AS_A_WHOLE = frozenset(
    f"{V1}/{place}"
    for place in (
        "groups",
        "templates",
        "settings/organisation",
        "uploads",
        "firmware",
        "assets",
        "phone-books",
        "trust/pbx",
        "vpn",
    )
)
"""What all of an organisation's phones are made from, or believe: it is not changed by whoever is limited to a part."""
_READING = frozenset({"GET", "HEAD"})
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


_PATTERNS = sorted((tuple(place.split("/")) for place in _PLACES), key=len, reverse=True)


def is_open(path: str) -> bool:
    """Return whether anybody may read a path."""
    return path in OPEN_PATHS or path.startswith(OPEN_BELOW)


def role_of(word: str) -> Role:
    """Return the role that a word means, today's or an older one; ValueError if it means none."""
    return _OLDER_WORDS.get(word) or Role(word)


def older_word(role: Role) -> str:
    """Return what programs of before know a role by."""
    return next((word for word, meant in _OLDER_WORDS.items() if meant is role), str(role))


def asked_for(method: str, path: str) -> Right:
    """Return the right that a request asks for."""
    of_api = V1 + ("/overview" if path == "/" else path)
    to_see, to_change = _of_place(path) or _of_place(of_api) or (Right.OWN, Right.OWN)
    return to_see if method in _READING else to_change if method in _CHANGING else Right.OWN


def may(role: Role, method: str, path: str, *, is_limited: bool = False) -> bool:
    """Return whether callers of a role may use a path by a method; ``is_limited``: to a part of the organisation."""
    if is_limited and _is_of_the_organisation(method, path):
        return False
    return asked_for(method, path) in RIGHTS[role]


def edits_in_drafts(role: Role, method: str, path: str) -> bool:
    """Return whether what a request edits belongs in a draft, where the organisation asks for approval.

    Owners may go without. To let a phone in is no edit, nor is the change of a SIP secret at PBX and phone.
    """
    return Right.OWN not in RIGHTS[role] and asked_for(method, path) not in {Right.ADOPT, Right.ROTATE}


def check(role: Role, method: str, path: str, *, is_limited: bool = False) -> None:
    """Check that callers of a role may use a path by a method.

    Raises:
        NothingHere: The path holds a control character. No route has one, yet a router may overlook it: its pattern
            ends before a last line break, and the right would be that of another path than the handler's.
        ScopeExceeded: ``may`` is false.
    """
    if any(unicodedata.category(each) == "Cc" for each in path):
        raise NothingHere("there is nothing at this path", where=f"{method} {printable(path, 200)}")
    right = asked_for(method, path)
    if is_limited and _is_of_the_organisation(method, path):
        raise ScopeExceeded(
            "this is about the whole organisation, and this access is for a part of it",
            where=f"{method} {printable(path, 200)}",
            to_do="Ask somebody whose access is for the whole organisation.",
        )
    if right not in RIGHTS[role]:
        raise ScopeExceeded(
            f"the role {role} may not {right}",
            where=f"{method} {printable(path, 200)}",
            to_do="Ask somebody who may, such as an administrator.",
        )


def _is_of_the_organisation(method: str, path: str) -> bool:
    of_api = path if path.startswith(V1) else V1 + path
    is_changed = method in _CHANGING and any(
        of_api == place or of_api.startswith(f"{place}/") for place in _CHANGED_AS_A_WHOLE
    )
    return is_changed or asked_for(method, path) in OF_THE_ORGANISATION


def asks_for_confirmation(method: str, path: str) -> bool:
    """Return whether a person has to have proved lately who they are, to use a path by a method."""
    return asked_for(method, path) in {Right.REVEAL, Right.ENTER}


def check_no_more(giver: Role, given: Role) -> None:
    """Raise ScopeExceeded where a role has rights that whoever gives or takes it has not."""
    if not RIGHTS[given] <= RIGHTS[giver]:
        raise ScopeExceeded(
            f"the role {given} has rights that {giver} has not", to_do="Ask somebody who has them, such as an owner."
        )


def _of_place(path: str) -> tuple[Right, Right] | None:
    segments = path.split("/")
    for pattern in _PATTERNS:
        if len(pattern) <= len(segments) and all(map(_fits, pattern, segments)):
            return _PLACES["/".join(pattern)]
    return None


def _fits(pattern: str, segment: str) -> bool:
    return pattern in {"*", segment}
