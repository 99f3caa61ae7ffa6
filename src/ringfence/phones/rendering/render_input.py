"""One phone with all that its files are made from."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

_NEXT = str.maketrans(
    string.ascii_letters + string.digits,
    string.ascii_lowercase[1:] + "a" + string.ascii_uppercase[1:] + "A" + string.digits[1:] + "0",
)

NO_CREDENTIAL = Secret("")
Patches = Mapping[str, Mapping[str, str]]
"""File's key → element → text."""


@dataclass(frozen=True, slots=True)
class LineAccount:
    """One SIP line of a phone; ``index`` is its key, from 1. ``settings`` are its own settings."""

    index: int
    label: str
    name: str
    display_name: str
    auth_name: str
    password: Secret
    settings: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PhoneToRender:
    """All that one phone's files are made from; a setting that is not given has its model's default.

    ``is_stub``: its files are to hold no secret (``stub_of``), and need no password.
    """

    mac: Mac
    model: str
    description: str
    settings: Mapping[str, Value]
    lines: tuple[LineAccount, ...]
    patches: Patches = field(default_factory=lambda: MappingProxyType({}), repr=False)
    is_stub: bool = False
    credential: Secret = NO_CREDENTIAL
    """What it is to fetch its file with; empty for none."""


def stub_of(phone: PhoneToRender) -> PhoneToRender:
    """Return the phone without any secret: enough to find its VPN, its HTTPS server or its screen, and not to register.

    Patches go too: what they hold is not known.
    """
    _family, model = model_of(phone.model)
    settings = {
        name: value
        for name, value in phone.settings.items()
        if name in model.settings and not model.settings[name].secret
    }
    lines = tuple(replace(line, password=Secret("")) for line in phone.lines)
    return replace(
        phone, settings=settings, lines=lines, patches=MappingProxyType({}), is_stub=True, credential=NO_CREDENTIAL
    )


def decoys_of(phone: PhoneToRender) -> dict[str, PhoneToRender]:
    """Return the phone with other secrets of the same lengths: by what is changed, and with all of them as ``secrets``.

    Empty if the phone has no secret.
    """
    _family, model = model_of(phone.model)
    found: dict[str, PhoneToRender] = {}
    whole = phone
    for at, line in enumerate(phone.lines):
        if line.password:
            other = replace(line, password=Secret(_another(line.password.reveal())))
            found[f"the password of line {line.index}"] = replace(phone, lines=_with(phone.lines, at, other))
            whole = replace(whole, lines=_with(whole.lines, at, other))
        for name, value in line.settings.items():
            if name in model.settings and model.settings[name].secret and value:
                other = replace(line, settings={**line.settings, name: _another(str(value))})
                found[f"{name} of line {line.index}"] = replace(phone, lines=_with(phone.lines, at, other))
                merged = replace(whole.lines[at], settings={**whole.lines[at].settings, name: _another(str(value))})
                whole = replace(whole, lines=_with(whole.lines, at, merged))
    for name, value in phone.settings.items():
        if name in model.settings and model.settings[name].secret and value:
            changed = {name: _another(str(value))}
            found[name] = replace(phone, settings={**phone.settings, **changed})
            whole = replace(whole, settings={**whole.settings, **changed})
    if phone.credential:
        other_credential = Secret(_another(phone.credential.reveal()))
        found["the provisioning credential"] = replace(phone, credential=other_credential)
        whole = replace(whole, credential=other_credential)
    return {**found, "secrets": whole} if found else {}


def _with(lines: tuple[LineAccount, ...], at: int, line: LineAccount) -> tuple[LineAccount, ...]:
    return (*lines[:at], line, *lines[at + 1 :])


def _another(text: str) -> str:
    """Return another text of the same length and kinds of characters."""
    return text.translate(_NEXT) if text.translate(_NEXT) != text else "x" * len(text)


def secrets_of(phone: PhoneToRender) -> set[str]:
    """Return the secrets that a phone's files hold."""
    _family, model = model_of(phone.model)
    found = {phone.credential.reveal(), *(line.password.reveal() for line in phone.lines)}
    for name, value in phone.settings.items():
        if name in model.settings and model.settings[name].secret:
            found.add(str(value))
    return found - {""}
