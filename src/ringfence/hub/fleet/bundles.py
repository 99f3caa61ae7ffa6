"""Portable bundles: lines of encrypted files, each for a site without any box, or for one phone of it.

The hub keeps who a line is for and what its next bundle is encrypted to, and nothing that opens one. It makes newer
ones for ever, until the line is revoked. What is written is in ``publishing/bundle_content.py``.
"""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ringfence.hub.data_errors import BadPassphrase
from ringfence.hub.errors import BadBundle, BundleRevoked, LimitReached, UnknownBundle
from ringfence.hub.fleet import phones, sites
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store import pages
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.pages import Page, Paged
from ringfence.phones.mac import Mac
from ringfence.printable import printable
from ringfence.secret import Secret

PASSWORD_PREFIX = "rfd_"  # noqa: S105 - how download passwords begin
LEAST_PASSPHRASE = 12
MOST_PASSPHRASE_BYTES = 1024
MOST_DAYS = 366
MOST_OF_ORGANISATION = 5_000
LONGEST_NAME = 80
FETCH_NOTED_EVERY_S = 60.0
_PASSWORD_BYTES = 20
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _LETTERS = 5, 4
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class BundleOrder:
    """What a line of bundles is to be."""

    site_id: str
    mac: Mac | None
    name: str
    days: int
    leaves_out_firmware: bool
    recipient: str
    wrapped_identity: bytes


def check_passphrase(passphrase: Secret) -> None:
    """Check that a passphrase will do: whoever finds a bundle may try as many as they like.

    Raises:
        BadPassphrase: It is too short, too long, or of more than one line.
    """
    text = passphrase.reveal()
    if len(text) < LEAST_PASSPHRASE:
        raise BadPassphrase(
            f"a bundle's passphrase has at least {LEAST_PASSPHRASE} characters",
            to_do="Whoever finds the file may try as many as they like: take several words.",
        )
    if len(text.encode(errors="replace")) > MOST_PASSPHRASE_BYTES or not text.isprintable():
        raise BadPassphrase("a bundle's passphrase is one line of letters, digits and signs")


def new_passphrase() -> Secret:
    """Return a passphrase that nobody guesses (99 bits), to be told by telephone."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS)) for _ in range(_GROUPS))
    return Secret("-".join(groups))


def create(change: Change, order: BundleOrder) -> tuple[BundleRow, Secret]:
    """Begin a line; its download password is returned only here.

    Raises:
        UnknownSite, UnknownPhone: There is no such site or phone.
        BadBundle: The phone is at another site, or the time is out of range.
        LimitReached: The organisation has as many lines as there may be.
    """
    session = change.session
    site = sites.get(session, order.site_id)
    if order.mac is not None and phones.get(session, order.mac).site_id != site.id:
        raise BadBundle(f"phone {order.mac} is not at site {site.id}")
    if not 1 <= order.days <= MOST_DAYS:
        raise BadBundle(f"a bundle is good for 1 to {MOST_DAYS} days")
    if (session.scalar(select(func.count()).select_from(BundleRow)) or 0) >= MOST_OF_ORGANISATION:
        raise LimitReached(f"there are {MOST_OF_ORGANISATION:,} lines of bundles, the most that there may be")
    password = Secret(PASSWORD_PREFIX + secrets.token_urlsafe(_PASSWORD_BYTES))
    row = BundleRow(
        id=new_id("bundle"), site_id=site.id, mac=order.mac.bare if order.mac is not None else None,
        name=printable(order.name.strip(), LONGEST_NAME), recipient=order.recipient,
        wrapped_identity=order.wrapped_identity, password_hash=_hash(password.reveal()), days=order.days,
        leaves_out_firmware=order.leaves_out_firmware, number=0, release=0, made_at=change.now, made_by=change.who,
        newest_at=change.now, expires_at=change.now, last_fetched_at=None, revoked_at=None,
    )  # fmt: skip
    session.add(row)
    change.note("bundle.make", row.id, f"for {order.mac or 'all phones'} of {site.id}")
    return row, password


def get(session: Session, bundle_id: str) -> BundleRow:
    """Return a line; UnknownBundle where there is none."""
    row = session.scalar(select(BundleRow).where(BundleRow.id == bundle_id))
    if row is None:
        raise UnknownBundle(
            f"there is no portable bundle {bundle_id[:40]!r}", to_do="`ringfence bundle list` shows all."
        )
    return row


def find(session: Session, page: Page, site_id: str | None = None) -> Paged[BundleRow]:
    """Return a page of the lines, the newest first; of one site, or of all."""
    return pages.read(session, choose(session, site_id), page, BundleRow.made_at, BundleRow.id, newest_first=True)


def choose(session: Session, site_id: str | None) -> Select[BundleRow]:
    """Return the query for the lines of a site, or of all."""
    chosen = select(BundleRow)
    return chosen if site_id is None else chosen.where(BundleRow.site_id == sites.get(session, site_id).id)


def renew(change: Change, row: BundleRow, newest_release: int) -> bool:
    """Give the line the next number, if there is a newer release or half of its time is over.

    Returns:
        Whether it has a new number.

    Raises:
        BundleRevoked: Nothing is made of it any more.
    """
    check_good(row)
    lasts_s = row.days * _DAY_S
    if row.number and row.release == newest_release and change.now < row.newest_at + lasts_s / 2:
        return False
    row.number += 1
    row.release, row.newest_at, row.expires_at = newest_release, change.now, change.now + lasts_s
    alerts.close_about(change, row.id, {alerts.BUNDLE_ENDS})
    change.note("bundle.renew", row.id, f"number {row.number} has release {newest_release}")
    return True


def is_due(row: BundleRow, newest_release: int, now: float) -> bool:
    """Return whether ``renew`` would give it a new number."""
    return not row.number or row.release != newest_release or now >= row.newest_at + row.days * _DAY_S / 2


def check_good(row: BundleRow) -> None:
    """Raise BundleRevoked where nothing is made of a line any more."""
    if row.revoked_at is not None:
        raise BundleRevoked(f"portable bundle {row.id} was revoked", to_do="Make another: ringfence bundle make.")


def revoke(change: Change, bundle_id: str) -> BundleRow:
    """Make no newer bundle of a line, and let its download password in no more; the ones out there stay readable."""
    row = get(change.session, bundle_id)
    if row.revoked_at is None:
        row.revoked_at = change.now
        alerts.close_about(change, row.id, {alerts.BUNDLE_ENDS})
        change.note("bundle.revoke", row.id, f"of {row.site_id}")
    return row


def of_password(session: Session, password: Secret) -> BundleRow | None:
    """Return the line that a download password is for, in a session for all organisations; None for none, or revoked.

    It is found by its hash, so that comparing takes no time that depends on a stored secret.
    """
    found = select(BundleRow).where(BundleRow.password_hash == _hash(password.reveal()), BundleRow.revoked_at.is_(None))
    return session.scalar(found)


def note_fetched(session: Session, bundle_id: str, now: float) -> None:
    """Store when a line was last asked for."""
    row = session.scalar(select(BundleRow).where(BundleRow.id == bundle_id))
    if row is not None:
        row.last_fetched_at = now


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
