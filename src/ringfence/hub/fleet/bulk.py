"""Many phones at once: all of them, or none and a list of everything that is wrong."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ringfence.errors import BadInput
from ringfence.hub.core import Hub
from ringfence.hub.errors import DuplicateMac, UnknownSite
from ringfence.hub.fleet import (
    groups,
    lines,
    phones,
    settings,
    sites,
)
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.models import PhoneGroupRow, PhoneRow, SiteRow
from ringfence.hub.store.setting_models import LineSettingRow, PhoneSettingRow
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope


@dataclass(frozen=True, slots=True)
class BulkLine:
    """One line to add or change; ``row`` is where it was read."""

    index: int
    parts: LineParts
    settings: Mapping[str, str]
    row: int


@dataclass(frozen=True, slots=True)
class BulkPhone:
    """One phone to add or change; ``row`` is where it was read."""

    mac: str
    site: str
    model: str
    description: str
    group: str
    settings: Mapping[str, str]
    lines: Sequence[BulkLine]
    row: int


@dataclass(frozen=True, slots=True)
class BulkRefusal:
    """Why one entry can't be used: its row and column, and what is wrong."""

    row: int
    column: str
    fault: BadInput


@dataclass(slots=True)
class BulkOutcome:
    """The outcome of a bulk request; nothing was changed if there is a refusal."""

    refusals: list[BulkRefusal] = field(default_factory=list)
    added: list[Mac] = field(default_factory=list)
    changed: int = 0
    unchanged: int = 0
    sites_made: list[str] = field(default_factory=list)
    groups_made: list[str] = field(default_factory=list)
    shared_users: Mapping[str, Sequence[Mac]] = field(default_factory=dict)
    """SIP users of the request that are on several phones, and which."""


_READ_AT_ONCE = 500
"""How many phones are read together, before their entries are applied one by one."""


class _NotKeptError(Exception):
    """Rolls the transaction back."""


def take(
    hub: Hub,
    who: str,
    items: Sequence[BulkPhone],
    *,
    site_settings: Mapping[str, Mapping[str, str]],
    dry_run: bool,
    make_sites: bool = False,
) -> BulkOutcome:
    """Add or change phones with lines and settings, and the settings of their sites.

    Sites and groups that do not exist are refused, or created with ``make_sites``. With ``dry_run``, or if anything is
    refused, nothing is changed; a dry run takes no lock, so nobody who writes waits for it.
    """
    asked = _Request(items, site_settings, make_sites)
    outcome = BulkOutcome()
    if dry_run:
        with suppress(_NotKeptError), hub.rehearsal(who) as change:
            _apply(hub, change, asked, outcome)
        return outcome
    with suppress(_NotKeptError), hub.change(who) as change:
        _apply(hub, change, asked, outcome)
        change.note("bulk.import", "phones", f"{len(outcome.added)} added, {outcome.changed} changed")
    return outcome


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for."""

    items: Sequence[BulkPhone]
    site_settings: Mapping[str, Mapping[str, str]]
    make_sites: bool


def _apply(hub: Hub, change: Change, asked: _Request, outcome: BulkOutcome) -> None:
    """Apply all entries; raise _NotKeptError where one is refused."""
    worker = _Worker(hub, change, outcome, make_sites=asked.make_sites)
    for start in range(0, len(asked.items), _READ_AT_ONCE):
        part = asked.items[start : start + _READ_AT_ONCE]
        worker.read(part)
        for item in part:
            worker.phone(item)
    for site_id, values in asked.site_settings.items():
        worker.settings(SettingPlace(Scope.SITE, worker.places.site(site_id)), values, 0)
    users = {line.parts.name.strip() for item in asked.items for line in item.lines if line.parts.name}
    outcome.shared_users = lines.phones_with_user(change.session, users)
    if outcome.refusals:
        raise _NotKeptError


class _Places:
    """The sites and groups of a request, by id or name."""

    def __init__(self, hub: Hub, change: Change, outcome: BulkOutcome, *, make: bool) -> None:
        self._hub, self._change, self._outcome, self._make = hub, change, outcome, make
        self._sites: dict[str, SiteRow] = {}
        self._groups: dict[str, PhoneGroupRow] = {}
        self._scratch = ""

    def site(self, text: str) -> str:
        """Return the id of a site; UnknownSite names the nearest ones."""
        if text not in self._sites:
            found = sites.find(self._change.session, text)
            if found is None:
                if not self._make:
                    raise sites.unknown(self._change.session, text, to_do=_OR_MAKE)
                found = sites.create(self._change, self._hub.signers, text, endpoints=self._hub.endpoints)
                self._change.session.flush()
                self._outcome.sites_made.append(found.id)
            self._sites[text] = found
        return self._sites[text].id

    def group(self, text: str) -> str:
        """Return the id of a group; UnknownGroup names the nearest ones."""
        if text not in self._groups:
            found = groups.find_one(self._change.session, text)
            if found is None:
                if not self._make:
                    raise groups.unknown(self._change.session, text, to_do=_OR_MAKE)
                found = groups.create(self._change, text)
                self._change.session.flush()
                self._outcome.groups_made.append(found.id)
            self._groups[text] = found
        return self._groups[text].id

    def scratch(self) -> str:
        """Return a site for phones whose own can't be used, so that the rest of them is checked; nothing is kept."""
        if not self._scratch:
            self._scratch = sites.create(self._change, self._hub.signers, f"Import {new_id('scratch')}").id
            self._change.session.flush()
        return self._scratch


_OR_MAKE = "If it is new: --make-sites."


class _Worker:
    """Applies one entry after another in one transaction, and goes on after a refusal."""

    def __init__(self, hub: Hub, change: Change, outcome: BulkOutcome, *, make_sites: bool) -> None:
        self._hub, self._change, self._outcome = hub, change, outcome
        self._seen: dict[str, int] = {}
        self._there: dict[str, PhoneRow] = {}
        """The phones that are read; as long as they are held, nothing makes the session read them anew."""
        self._held: list[object] = []
        self._taken: set[str] = set()
        self.places = _Places(hub, change, outcome, make=make_sites)

    def read(self, items: Sequence[BulkPhone]) -> None:
        """Read the phones of entries that are applied next, with their lines and settings."""
        session = self._change.session
        session.flush()
        macs = []
        for item in items:
            with suppress(BadInput):  # told where the entry is applied
                macs.append(Mac.parse(item.mac).bare)
        chosen = select(PhoneRow).options(selectinload(PhoneRow.lines)).where(PhoneRow.mac.in_(macs))
        self._there = {row.mac: row for row in session.scalars(chosen)}
        self._taken = phones.taken(session, macs)
        of_phones = session.scalars(select(PhoneSettingRow).where(PhoneSettingRow.mac.in_(macs)))
        of_lines = session.scalars(select(LineSettingRow).where(LineSettingRow.mac.in_(macs)))
        self._held = [*of_phones, *of_lines]

    def phone(self, item: BulkPhone) -> None:
        try:
            mac = Mac.parse(item.mac)
        except BadInput as fault:
            self._refuse(item.row, "mac", fault)
            return
        if mac.bare in self._seen:
            twice = DuplicateMac(f"phone {mac} is listed twice", where=f"first in row {self._seen[mac.bare]}")
            self._refuse(item.row, "mac", twice)
            return
        self._seen[mac.bare] = item.row
        is_new = mac.bare not in self._there
        before = len(self._change.noted)
        if not self._put_phone(item, mac, is_new=is_new):
            return
        numbers = [line.index for line in item.lines]
        for line in item.lines:
            try:
                lines.put(self._change, self._hub.sealer, mac, line.index, line.parts)
            except BadInput as fault:
                self._refuse(line.row, _column_of(fault), fault)
                continue
            place = SettingPlace(Scope.LINE, mac.bare, line.index)
            self.settings(place, line.settings, line.row, is_new=is_new and numbers.count(line.index) == 1)
        self.settings(SettingPlace(Scope.PHONE, mac.bare), item.settings, item.row, is_new=is_new)
        if is_new:
            self._outcome.added.append(mac)
        elif len(self._change.noted) > before:
            self._outcome.changed += 1
        else:
            self._outcome.unchanged += 1

    def settings(self, place: SettingPlace, values: Mapping[str, str], row: int, *, is_new: bool = False) -> None:
        for name, text in values.items():
            try:
                settings.put(self._change, self._hub.sealer, place, name, text, is_new=is_new)
            except BadInput as fault:
                self._refuse(row, name, fault)

    def _put_phone(self, item: BulkPhone, mac: Mac, *, is_new: bool) -> bool:
        """Add or change the phone itself; return whether its lines can be looked at."""
        site_id = self._place(item.row, "site", self.places.site, item.site)
        group_id = self._place(item.row, "group", self.places.group, item.group)
        if is_new and not item.site:
            self._refuse(item.row, "site", UnknownSite("a new phone needs a site", to_do="Name one."))
        try:
            if is_new:
                at = site_id or self.places.scratch()
                self._there[mac.bare] = phones.add(
                    self._change, mac, at, item.model, item.description, is_free=mac.bare not in self._taken
                )
                parts = phones.PhoneParts(group_id=group_id)
            else:
                parts = phones.PhoneParts(site_id, item.model or None, item.description or None, group_id)
            phones.change(self._change, mac, parts)
        except BadInput as fault:
            self._refuse(item.row, "description" if "description" in fault.what else "model", fault)
            return False
        return True

    def _place(self, row: int, column: str, look_up: Callable[[str], str], text: str) -> str | None:
        if not text:
            return None
        try:
            return look_up(text)
        except BadInput as fault:
            self._refuse(row, column, fault)
            return None

    def _refuse(self, row: int, column: str, fault: BadInput) -> None:
        self._outcome.refusals.append(BulkRefusal(row, column, fault))


def _column_of(fault: BadInput) -> str:
    """Return the column that a fault in a line is about."""
    columns = {"label": "label", "display name": "display_name", "auth name": "auth_name", "password": "password"}
    named = (column for word, column in columns.items() if f"the {word} of" in fault.what)
    return next(named, "name" if "name" in fault.what else "line")
