"""Lines: the SIP accounts on a phone's keys, and their passwords.

Enterprise phones hold one credential for all their lines (PHONES.md section 4d). So a password is generated with such a
phone's first line, and its other lines share it unless they are given their own. In the other families every line has
its own password.
"""

import contextlib
import secrets
import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import NameRefused, UnknownLine
from ringfence.hub.fleet import phones
from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import LineRow, PhoneRow
from ringfence.phones.errors import LimitExceeded
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Model
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import is_printable
from ringfence.phones.sip.pbx_accounts import USERS, is_sip_user
from ringfence.secret import Secret

PASSWORD_CHARACTERS = 24
_ALPHABET = string.ascii_letters + string.digits
_ELEMENTS = {
    "label": ("featureLabel", "line_shortname", "Short_Name"),
    "name": ("line/name", "line_name", "User_ID"),
    "display_name": ("displayName", "line_displayname", "Display_Name"),
    "auth_name": ("authName", "line_authname"),
    "password": ("authPassword", "line_password", "Password"),
}
"""The elements of phones' files that limit each part, whatever the family calls them."""
_AT_ONCE = 1000
"""How many names a query has at most."""
_TEXTS = ("label", "name", "display_name", "auth_name")


@dataclass(frozen=True, slots=True)
class LineParts:
    """Changes to a line; None leaves a part as it is, or gives a new line its default."""

    label: str | None = None
    name: str | None = None
    display_name: str | None = None
    auth_name: str | None = None
    password: Secret | None = None

    def without_blanks(self) -> "LineParts":
        """Return the parts without blanks around texts; a password is taken as it is."""
        texts = {part: getattr(self, part) for part in _TEXTS}
        return replace(self, **{part: text.strip() for part, text in texts.items() if text is not None})


def generate_password(phone: PhoneRow) -> Secret:
    """Return a random password that the model takes: 24 letters and digits (142 bits), or 12 (71 bits)."""
    _family, model = model_of(phone.model)
    limits = [model.limits[element].we_write for element in _ELEMENTS["password"] if element in model.limits]
    characters = min([PASSWORD_CHARACTERS, *limits])
    return Secret("".join(secrets.choice(_ALPHABET) for _ in range(characters)))


def get(phone: PhoneRow, index: int) -> LineRow:
    """Return a phone's line; UnknownLine if it has none with that number."""
    for line in phone.lines:
        if line.index == index:
            return line
    raise UnknownLine(
        f"phone {Mac(phone.mac)} has no line {index}", to_do=f"Add it: ringfence line set {Mac(phone.mac)} {index}."
    )


def put(change: Change, sealer: Sealer, mac: Mac, index: int, parts: LineParts) -> LineRow:
    """Add a line, or change the given ``parts`` of it. The phone's first line gets a generated password."""
    phone = phones.get(change.session, mac)
    parts = parts.without_blanks()
    check(index, parts, model_of(phone.model)[1], f"phone {Mac(phone.mac)}")
    before = len(change.noted)
    line = next((line for line in phone.lines if line.index == index), None)
    is_new = line is None
    if line is None:
        line = _new_line(phone, index, parts)
        shares = any(_has_password(other) for other in phone.lines) and _has_one_credential(phone)
        password = Secret("") if shares else generate_password(phone)
        line.sealed_password = _seal(sealer, line, parts.password or password)
        phone.lines.append(line)
    elif parts.password is not None and not _opens_to(sealer, line, parts.password):
        line.sealed_password = _seal(sealer, line, parts.password)
        change.note("line.password", _subject(line), "given")
    given = {part: getattr(parts, part) for part in _TEXTS if getattr(parts, part) is not None}
    new = {part: value for part, value in given.items() if getattr(line, part) != value}
    for part, value in new.items():
        setattr(line, part, value)
    if is_new or new or len(change.noted) > before:
        change.note("line.create" if is_new else "line.change", _subject(line), f"{line.name} “{line.label}”")
    return line


def phones_with_user(session: Session, names: Collection[str]) -> Mapping[str, Sequence[Mac]]:
    """Return for each SIP user that is on several phones which ones these are."""
    found: dict[str, set[str]] = {}
    wanted = sorted(names)
    for start in range(0, len(wanted), _AT_ONCE):
        part = LineRow.name.in_(wanted[start : start + _AT_ONCE])
        for name, mac in session.execute(
            select(LineRow.name, LineRow.mac).where(part).distinct().order_by(LineRow.mac)
        ):
            found.setdefault(name, set()).add(mac)
    for line in (*session.new, *session.dirty):  # of a rehearsal, which writes none
        if isinstance(line, LineRow):
            before = inspect(line).attrs.name.history.deleted
            for name in before or ():
                found.get(name, set()).discard(line.mac)
            if line.name in names:
                found.setdefault(line.name, set()).add(line.mac)
    return {name: [Mac(mac) for mac in sorted(macs)] for name, macs in found.items() if len(macs) > 1}


def are_elsewhere(session: Session, names: Collection[str]) -> bool:
    """Return whether a phone has one of these SIP users that is not of the part that the session is limited to."""
    on = select(func.count()).select_from(LineRow).where(LineRow.name.in_(sorted(names)))
    return session.scalar(on) != session.scalar(beyond_scope(on))


def remove(change: Change, sealer: Sealer, mac: Mac, index: int) -> None:
    """Remove a line. Where it held the phone's only password, the next line gets a new one."""
    phone = phones.get(change.session, mac)
    line = get(phone, index)
    phone.lines.remove(line)
    change.note("line.remove", _subject(line), line.name)
    if phone.lines and not any(_has_password(other) for other in phone.lines):
        heir = phone.lines[0]
        heir.sealed_password = _seal(sealer, heir, generate_password(phone))
        change.note("line.rotate", _subject(heir), f"new password, as line {index}, which held it, was removed")


def reveal(change: Change, sealer: Sealer, mac: Mac, index: int) -> Secret:
    """Return the password that the line registers with; the audit log records this."""
    line = _carrier(phones.get(change.session, mac), index)
    change.note("line.reveal", f"{mac} line {index}")
    return open_password(sealer, line)


def rotate(change: Change, sealer: Sealer, mac: Mac, index: int, password: Secret | None = None) -> LineRow:
    """Give a line a new password, a generated one if none is given, for every line of the phone that shares it."""
    phone = phones.get(change.session, mac)
    carrier = _carrier(phone, index)
    carrier.sealed_password = _seal(sealer, carrier, password or generate_password(phone))
    change.note("line.rotate", _subject(carrier))
    return get(phone, index)


def restore(change: Change, sealer: Sealer, mac: Mac, index: int, password: Secret) -> None:
    """Give a line the password back that it had, whatever that looks like."""
    line = get(phones.get(change.session, mac), index)
    line.sealed_password = _seal(sealer, line, password)
    change.note("line.password", _subject(line), "put back")


def open_password(sealer: Sealer, line: LineRow) -> Secret:
    """Return a line's own password; empty if it shares another line's."""
    if not _has_password(line):
        return Secret("")
    return sealer.open(line.sealed_password, _record(line))


def passwords(session: Session, sealer: Sealer) -> Iterator[tuple[str, int, Secret]]:
    """Yield every line's own password, with the phone's bare address and the line; none that can't be opened."""
    chosen = select(LineRow.mac, LineRow.index, LineRow.sealed_password).order_by(LineRow.mac, LineRow.index)
    for mac, index, sealed in session.execute(chosen):  # columns, not rows: a fleet has tens of thousands
        with contextlib.suppress(SealBroken):
            if sealed and (password := sealer.open(sealed, _record_of(mac, index))):
                yield mac, index, password


def moved(sealer: Sealer, line: LineRow, mac: Mac, password: Secret) -> LineRow:
    """Return a copy of a line for another phone, with its own password sealed for that phone."""
    copy = LineRow(
        mac=mac.bare, index=line.index, label=line.label, name=line.name, display_name=line.display_name,
        auth_name=line.auth_name, sealed_password=b"",
    )  # fmt: skip
    copy.sealed_password = _seal(sealer, copy, password)
    return copy


def _carrier(phone: PhoneRow, index: int) -> LineRow:
    """Return the line whose password line ``index`` uses: itself, or the first line that has one."""
    line = get(phone, index)
    if _has_password(line):
        return line
    return next((other for other in phone.lines if _has_password(other)), line)


def _new_line(phone: PhoneRow, index: int, parts: LineParts) -> LineRow:
    if not parts.name:
        raise NameRefused(
            f"line {index} of phone {Mac(phone.mac)} is new and needs a name", to_do="Give the SIP user, such as 201."
        )
    label = parts.label if parts.label is not None else parts.name
    display_name = parts.display_name if parts.display_name is not None else label
    return LineRow(
        mac=phone.mac, index=index, label=label, name=parts.name, display_name=display_name, auth_name="",
        sealed_password=b"",
    )  # fmt: skip


def check(index: int, parts: LineParts, model: Model | None, where: str) -> None:
    """Refuse now what a phone of this model would refuse after a publish; None: what every phone would.

    Raises:
        LimitExceeded: The model has no such key, or a part is too long for it.
        NameRefused: A part is empty, or holds what it can't.
    """
    if model is not None and not 1 <= index <= (keys := model.line_keys.value):
        raise LimitExceeded(f"line {index} has no key: model {model.name} has keys 1 to {keys}", where=where)
    for part, elements in _ELEMENTS.items():
        value = getattr(parts, part)
        text = value.reveal() if isinstance(value, Secret) else value
        if text is None:
            continue
        what = part.replace("_", " ")
        if not is_printable(text):
            raise NameRefused(f"the {what} of line {index} holds a control character", to_do="Remove it.")
        element = next((each for each in elements if model is not None and each in model.limits), "")
        if model is not None and element and len(text) > model.limits[element].we_write:
            most = model.limits[element].we_write
            raise LimitExceeded(
                f"the {what} of line {index} has {len(text)} characters, but model {model.name} takes {most}",
                where=f"{where}, element {element}",
                to_do="Make it shorter.",
            )
    if parts.name is not None and not parts.name:
        raise NameRefused(f"the name of line {index} is empty", to_do="Give the SIP user, such as 201.")
    for what, user in (("name", parts.name), ("auth name", parts.auth_name)):
        if user and not is_sip_user(user):
            raise NameRefused(
                f"the {what} of line {index}, {user[:60]!r}, is not a valid user at every PBX", to_do=USERS
            )
    if parts.password is not None and not parts.password:
        raise NameRefused(f"the password of line {index} is empty", to_do="Leave it out to have one generated.")


def _has_one_credential(phone: PhoneRow) -> bool:
    family, _model = model_of(phone.model)
    return family.one_credential.value or family.first_credential_serves_all


def _has_password(line: LineRow) -> bool:
    return bool(line.sealed_password)


def _opens_to(sealer: Sealer, line: LineRow, password: Secret) -> bool:
    """Return whether a line has this password; one that can't be opened is another."""
    try:
        return open_password(sealer, line) == password
    except SealBroken:
        return False


def _seal(sealer: Sealer, line: LineRow, password: Secret) -> bytes:
    return sealer.seal(password, _record(line)) if password else b""


def _record(line: LineRow) -> str:
    return _record_of(line.mac, line.index)


def _record_of(mac: str, index: int) -> str:
    return f"line:{mac}:{index}"


def _subject(line: LineRow) -> str:
    return f"{Mac(line.mac)} line {line.index}"
