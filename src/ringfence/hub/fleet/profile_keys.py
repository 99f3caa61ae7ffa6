"""Phones' keys for encrypted profiles: made here, given to each phone by its first profile, changed, and given up.

What a phone holds is seen from what it asks for: the folder of its encrypted profile is random, and stands nowhere but
in the profiles that it can read.
"""

import contextlib
import secrets
import string
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.release import Target
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import KeyNotTaken, NothingToEnd, StillTrusting
from ringfence.hub.fleet import phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.phone_trust_models import PhoneProfileKeyRow
from ringfence.phones.families import model as model_of
from ringfence.phones.flat_profile.sealed_profile import ProfileKey
from ringfence.phones.mac import Mac
from ringfence.phones.trust.profile_state import OwnProfile, ProfileFacts
from ringfence.secret import Secret
from ringfence.wire.messages import Report, ReportKind

_CHARACTERS = 32
"""Letters and digits, 190 bits: phones derive the key by one round of MD5, so nothing but its length protects it."""
_ALPHABET = string.ascii_letters + string.digits
_FOLDER_BYTES = 6
_READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class PhoneKeys:
    """A phone's newest key, and the one before as long as the phone may hold that."""

    newest: ProfileKey
    previous: ProfileKey | None = None


def own_name(phone: PhoneRow) -> str | None:
    """Return the name of a phone's own profile; None for a phone that takes no encrypted one."""
    family, _model = model_of(phone.model)
    end = family.encrypted_profile
    return f"{phone.mac.lower()}{end.value}" if end is not None else None


def new_key() -> ProfileKey:
    """Return a random key, which is nobody's yet."""
    phrase = "".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS))
    return ProfileKey(Secret(phrase), secrets.token_hex(_FOLDER_BYTES))


def rows_of(session: Session, macs: Sequence[str]) -> dict[str, PhoneProfileKeyRow]:
    """Return the keys of those of these phones (bare addresses) that have one."""
    found: dict[str, PhoneProfileKeyRow] = {}
    for start in range(0, len(macs), _READ_AT_ONCE):
        chosen = select(PhoneProfileKeyRow).where(PhoneProfileKeyRow.mac.in_(macs[start : start + _READ_AT_ONCE]))
        found |= {row.mac: row for row in session.scalars(chosen)}
    return found


def facts(row: PhoneProfileKeyRow | None) -> ProfileFacts:
    """Return what a row says; of a phone without one, that it has no key."""
    if row is None:
        return ProfileFacts()
    return ProfileFacts(True, row.needs_first, row.taken_at is not None, row.previous_folder != "")


def opened(sealer: Sealer, row: PhoneProfileKeyRow) -> PhoneKeys:
    """Return a phone's keys; SealBroken where they can't be opened."""
    newest = ProfileKey(sealer.open(row.sealed_phrase, _record(row.mac, row.folder)), row.folder)
    if row.sealed_previous is None:
        return PhoneKeys(newest)
    phrase = sealer.open(row.sealed_previous, _record(row.mac, row.previous_folder))
    return PhoneKeys(newest, ProfileKey(phrase, row.previous_folder))


def phrases(session: Session, sealer: Sealer) -> Iterator[tuple[str, Secret]]:
    """Yield every phrase with the bare address of its phone; none that can't be opened."""
    for row in session.scalars(select(PhoneProfileKeyRow).order_by(PhoneProfileKeyRow.mac)):
        with contextlib.suppress(SealBroken):
            keys = opened(sealer, row)
            yield from ((row.mac, key.phrase) for key in (keys.newest, keys.previous) if key is not None)


def make(change: Change, sealer: Sealer, mac: str) -> None:
    """Make the first key of a phone (a bare address) that has none."""
    key = new_key()
    row = PhoneProfileKeyRow(mac=mac, number=1, folder=key.folder, made_at=change.now)
    row.sealed_phrase = sealer.seal(key.phrase, _record(mac, key.folder))
    change.session.add(row)
    change.note("profile-key.make", mac, "key 1 of its profiles")


def rekey(change: Change, sealer: Sealer, mac: Mac) -> PhoneProfileKeyRow:
    """Give a phone a new key: the profile by its present one leads it there, and goes once it was seen to follow.

    Raises:
        UnknownPhone: There is no such phone.
        NothingToEnd: It has no key.
        KeyNotTaken: It has not taken the key that it has.
    """
    row = _having(change.session, mac)
    if row.taken_at is None:
        raise KeyNotTaken(
            f"phone {mac} was not seen to take key {row.number} of its profiles yet",
            to_do=f"If it was reset: ringfence trust adopt {mac}. Otherwise wait until it asks for its profile.",
        )
    _put_new(change, sealer, row)
    change.note("profile-key.change", row.mac, f"key {row.number} of its profiles")
    return row


def begin_again(change: Change, sealer: Sealer, mac: Mac) -> PhoneProfileKeyRow:
    """Offer a phone that was reset its first profile again, with a key that it never had, or never was seen to take.

    A phone that was not reset after all goes on by the key that it has.

    Raises:
        UnknownPhone: There is no such phone.
        NothingToEnd: It has no key.
    """
    row = _having(change.session, mac)
    if row.taken_at is not None:
        _put_new(change, sealer, row)
    row.needs_first, row.first_taken_at, row.asked_in_vain_at = True, None, None
    _make_due(change, row.mac)
    change.note("phone-trust.begin", row.mac, f"its first profile is there again, with key {row.number}")
    return row


def without_newest(session: Session) -> list[str]:
    """Return the phones, by MAC address, that were not seen to take the newest key of their profiles."""
    behind = select(PhoneProfileKeyRow.mac).where(PhoneProfileKeyRow.taken_at.is_(None))
    return [str(Mac(mac)) for mac in session.scalars(behind.order_by(PhoneProfileKeyRow.mac))]


def note_offered(change: Change, release: int, offered: Mapping[str, OwnProfile]) -> None:
    """Note what a new release of a site has under the names of its phones' own profiles, by their bare addresses."""
    for row in rows_of(change.session, sorted(offered)).values():
        form = offered[row.mac]
        if row.own_form != form or row.own_form_release > release:
            row.own_form, row.own_form_release = form.value, release


def check_served(session: Session, site_id: str, files: Collection[Target]) -> None:
    """Check that a site's phones that ask for encrypted profiles would find them among these files.

    Raises:
        StillTrusting: One would not, and would never see another file; it is named.
    """
    folders = {target.name.partition("/")[0] for target in files if target.sealed}
    rows = select(PhoneProfileKeyRow).join(PhoneRow, PhoneRow.mac == PhoneProfileKeyRow.mac)
    for row in session.scalars(rows.where(PhoneRow.site_id == site_id).order_by(PhoneProfileKeyRow.mac)):
        held = {row.folder} if row.taken_at is not None else {row.folder, row.previous_folder}
        if not held & folders and (row.first_taken_at is not None or row.taken_at is not None):
            raise StillTrusting(
                f"phone {Mac(row.mac)} asks for its encrypted profile alone, and that release has none for it",
                to_do="Change the settings and publish instead; with trust=off the phone is led back to plain files.",
            )


def check_removal(session: Session, mac: Mac) -> None:
    """Check that a phone was not led to its encrypted profile, which stands nowhere once the phone is removed.

    Raises:
        StillTrusting: It was seen to take its first profile or an encrypted one, and was not led back.
    """
    row = session.get(PhoneProfileKeyRow, mac.bare)
    if row is not None and (row.first_taken_at is not None or row.taken_at is not None):
        raise StillTrusting(
            f"phone {mac} asks for its encrypted profile alone, and would find no other server's files",
            to_do=f"Lead it back first, at its site: ringfence set phone {mac} trust=off, then ringfence publish, and "
            f"wait until it took its file. If it is lost, broken or reset: ringfence phone remove {mac} --keeps-list",
        )


def take(change: Change, site_id: str, reports: Iterable[Report]) -> None:
    """Note what a site's phones took; where that changes which files they are to find, their site is due.

    Args:
        change: The transaction.
        site_id: The site whose edge reports.
        reports: What it reports, of phones that are the site's.
    """
    kinds = (ReportKind.FILE_SERVED, ReportKind.FILE_REFUSED)
    told = [report for report in reports if report.owner and report.kind in kinds]
    if not told:
        return
    owners = sorted({report.owner for report in told})
    found = change.session.execute(
        select(PhoneProfileKeyRow, PhoneRow)
        .join(PhoneRow, PhoneRow.mac == PhoneProfileKeyRow.mac)
        .where(PhoneRow.site_id == site_id, PhoneProfileKeyRow.mac.in_(owners))
    )
    rows = {row.mac: (row, own_name(phone) or "") for row, phone in found}
    news = []
    for report in told:
        if report.owner in rows:
            row, own = rows[report.owner]
            said = _noted(change, row, own, report)
            news += [(row.mac, said)] if said else []
            if said == _LED_BACK:
                del rows[row.mac]
    for mac, said in news:
        change.note("phone-trust.seen", mac, said)
    if news:
        change.session.get_one(SiteRow, site_id).edits += 1


_LED_BACK = "took its profile in clear, and needs no key any more"


def _noted(change: Change, row: PhoneProfileKeyRow, own: str, report: Report) -> str:
    """Note one file that a phone took or asked for in vain; return what is new about it, empty if nothing is."""
    if report.kind == ReportKind.FILE_REFUSED:
        if report.name.lstrip("/") == own and row.own_form == OwnProfile.NONE:  # as the phone wrote it
            row.asked_in_vain_at = change.now
        return ""
    if report.name == f"{row.folder}/{own}":
        row.asked_in_vain_at = None
        if row.taken_at is not None:
            return ""
        row.taken_at, row.needs_first = change.now, False
        row.previous_folder, row.sealed_previous = "", None
        return f"took its encrypted profile by key {row.number}"
    if report.name == own and row.own_form == OwnProfile.FIRST:
        row.first_taken_at = change.now
    elif report.name == own and row.own_form == OwnProfile.WHOLE and report.release >= row.own_form_release:
        change.session.delete(row)
        return _LED_BACK
    return ""


def _having(session: Session, mac: Mac) -> PhoneProfileKeyRow:
    phone = phones.get(session, mac)
    row = session.get(PhoneProfileKeyRow, phone.mac)
    if row is None:
        raise NothingToEnd(
            f"phone {mac} has no key for profiles",
            to_do="SPA and Multiplatform phones get one by the first publish with trust=encrypted.",
        )
    return row


def _put_new(change: Change, sealer: Sealer, row: PhoneProfileKeyRow) -> None:
    key = new_key()
    row.previous_folder, row.sealed_previous = row.folder, row.sealed_phrase
    row.folder, row.sealed_phrase = key.folder, sealer.seal(key.phrase, _record(row.mac, key.folder))
    row.number, row.made_at, row.taken_at = row.number + 1, change.now, None
    _make_due(change, row.mac)


def _make_due(change: Change, mac: str) -> None:
    phone = phones.get(change.session, Mac(mac))
    change.session.get_one(SiteRow, phone.site_id).edits += 1


def _record(mac: str, folder: str) -> str:
    return f"profile-key:{mac}:{folder}"
