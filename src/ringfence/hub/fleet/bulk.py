"""Many phones at once: all of them, or none and a list of everything that is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ringfence.errors import BadInput
from ringfence.hub.core import Hub
from ringfence.hub.errors import DuplicateMac
from ringfence.hub.fleet import (
    groups,
    lines,
    phones,
    settings,
    sites,
)
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneGroupRow, PhoneRow, SiteRow
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
    added: int = 0
    changed: int = 0
    sites_made: list[str] = field(default_factory=list)


class _NotKeptError(Exception):
    """Rolls the transaction back."""


def take(
    hub: Hub, who: str, items: Sequence[BulkPhone], *, site_settings: Mapping[str, Mapping[str, str]], dry_run: bool
) -> BulkOutcome:
    """Add or change phones with lines and settings, and the settings of their sites.

    Sites and groups that do not exist are created. With ``dry_run``, or if anything is refused, nothing is changed.
    """
    outcome = BulkOutcome()
    try:
        with hub.change(who) as change:
            worker = _Worker(hub, change, outcome)
            for item in items:
                worker.phone(item)
            for site_id, values in site_settings.items():
                worker.settings(SettingPlace(Scope.SITE, worker.site_ids.get(site_id, site_id)), values, 0)
            _end_where(bool(outcome.refusals) or dry_run)
            change.note("bulk.import", "phones", f"{outcome.added} added, {outcome.changed} changed")
    except _NotKeptError:
        pass
    return outcome


def _end_where(not_kept: bool) -> None:
    if not_kept:
        raise _NotKeptError


class _Worker:
    """Applies one entry after another in one transaction, and goes on after a refusal."""

    def __init__(self, hub: Hub, change: Change, outcome: BulkOutcome) -> None:
        self._hub, self._change, self._outcome = hub, change, outcome
        self._seen: dict[str, int] = {}
        self.site_ids: dict[str, str] = {}

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
        if not self._put_phone(item, mac):
            return
        for line in item.lines:
            try:
                lines.put(self._change, self._hub.sealer, mac, line.index, line.parts)
                self._change.session.flush()
            except BadInput as fault:
                self._refuse(line.row, _column_of(fault), fault)
                continue
            self.settings(SettingPlace(Scope.LINE, mac.bare, line.index), line.settings, line.row)
        self.settings(SettingPlace(Scope.PHONE, mac.bare), item.settings, item.row)

    def settings(self, place: SettingPlace, values: Mapping[str, str], row: int) -> None:
        for name, text in values.items():
            try:
                settings.put(self._change, self._hub.sealer, place, name, text)
            except BadInput as fault:
                self._refuse(row, name, fault)

    def _put_phone(self, item: BulkPhone, mac: Mac) -> bool:
        existing = self._change.session.get(PhoneRow, mac.bare)
        column = "site"
        try:
            site_id = self._site(item.site) if item.site else existing.site_id if existing else ""
            column = "group"
            group_id = self._group(item.group) if item.group else None
            column = "model"
            if existing is None:
                phones.add(self._change, mac, site_id, item.model, item.description)
                self._outcome.added += 1
                self._change.session.flush()
                parts = phones.PhoneParts(group_id=group_id)
            else:
                self._outcome.changed += 1
                parts = phones.PhoneParts(site_id or None, item.model or None, item.description or None, group_id)
            phones.change(self._change, mac, parts)
            self._change.session.flush()
        except BadInput as fault:
            self._refuse(item.row, "description" if "description" in fault.what else column, fault)
            return False
        return True

    def _site(self, text: str) -> str:
        if text not in self.site_ids:
            wanted = sites.slug(text)
            existing = self._change.session.get(SiteRow, text) or self._change.session.get(SiteRow, wanted)
            if existing is None:
                existing = sites.create(self._change, self._hub.signers, text)
                self._change.session.flush()
                self._outcome.sites_made.append(existing.id)
            self.site_ids[text] = existing.id
        return self.site_ids[text]

    def _group(self, text: str) -> str:
        existing = self._change.session.get(PhoneGroupRow, text) or self._change.session.get(
            PhoneGroupRow, sites.slug(text)
        )
        if existing is None:
            existing = groups.create(self._change, text)
            self._change.session.flush()
        return existing.id

    def _refuse(self, row: int, column: str, fault: BadInput) -> None:
        self._outcome.refusals.append(BulkRefusal(row, column, fault))


def _column_of(fault: BadInput) -> str:
    """Return the column that a fault in a line is about."""
    words = {"label": "label", "display name": "display_name", "auth name": "auth_name", "password": "password"}
    return next((column for word, column in words.items() if f"the {word} of" in fault.what), "name" if "name" in
                fault.what else "line")  # fmt: skip
