"""Phones that hold trust lists: what each was seen to take, from edges' reports, and what people order.

A phone shows that it holds a list by asking for signed files; that a list was served to it is not enough.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ringfence.content.release import Target
from ringfence.hub.errors import NothingToEnd, StillTrusting
from ringfence.hub.fleet import edge_tls_keys, phone_certificates, phone_transport, phones, sites
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.phone_trust_models import PhoneTrustRow
from ringfence.phones.filenames import configuration_name, trust_list_name
from ringfence.phones.mac import Mac
from ringfence.phones.trust.encrypted_file import ENCRYPTED_SUFFIX
from ringfence.phones.trust.signed_file import SIGNED_SUFFIX
from ringfence.phones.trust.state import ListOffer, TrustFacts
from ringfence.wire.messages import Report, ReportKind


def facts(row: PhoneTrustRow, *, has_certificate: bool) -> TrustFacts:
    """Return what a row says."""
    return TrustFacts(
        took_list=row.taken_digest != "",
        takes_signed=row.signed_at is not None,
        has_certificate=has_certificate,
        takes_encrypted=row.encrypted_at is not None,
        is_releasing=row.release_asked_at is not None,
        is_released=row.released_at is not None,
        took_https=row.taken_kind == ListOffer.HTTPS,
    )


def rows_of(session: Session, macs: Sequence[str]) -> dict[str, PhoneTrustRow]:
    """Return what is known of those of these phones (bare addresses) that ever found a list."""
    return {row.mac: row for row in session.scalars(select(PhoneTrustRow).where(PhoneTrustRow.mac.in_(macs)))}


def holders(session: Session, site_id: str | None = None) -> Select[PhoneTrustRow]:
    """Return a query for the phones that may hold a list, of one site or of all."""
    chosen = select(PhoneTrustRow).where(PhoneTrustRow.taken_digest != "", PhoneTrustRow.released_at.is_(None))
    if site_id is not None:
        there = sites.get(session, site_id).id
        chosen = chosen.join(PhoneRow, PhoneRow.mac == PhoneTrustRow.mac).where(PhoneRow.site_id == there)
    return chosen


def check_served(session: Session, site_id: str, files: Sequence[Target]) -> None:
    """Check that a site's phones that may hold a list would find signed files among these.

    Raises:
        StillTrusting: One would not, and would refuse what it found; it is named.
    """
    names = {target.name for target in files}
    for row in session.scalars(holders(session, site_id).order_by(PhoneTrustRow.mac)):
        mac = Mac(row.mac)
        if configuration_name(mac) + SIGNED_SUFFIX not in names:
            raise StillTrusting(
                f"phone {mac} may hold a trust list, and would refuse its files of that release, which are not signed",
                to_do=f"Change the settings and publish, or let the phone go first: ringfence trust release {mac}",
            )


def may_hold_list(session: Session, mac: Mac) -> bool:
    """Return whether a phone may hold a list of this organisation."""
    row = session.get(PhoneTrustRow, mac.bare)
    return row is not None and row.taken_digest != "" and row.released_at is None


def check_removal(session: Session, mac: Mac) -> None:
    """Check that a phone holds no list of this organisation, so that whoever has it next can use it.

    Raises:
        StillTrusting: It may hold one, and would refuse everybody else's files for ever.
    """
    if may_hold_list(session, mac):
        raise StillTrusting(
            f"phone {mac} may hold a trust list of this organisation, and would refuse everybody else's files",
            to_do=f"Let it go first, at its site: ringfence trust release {mac}. If it is lost, broken or erased: "
            f"ringfence phone remove {mac} --keeps-list",
        )


def begin_again(change: Change, mac: Mac, *, was_erased: bool = False) -> None:
    """Forget what was known of a phone that was let go: it may be offered a list as a new one.

    Args:
        change: The transaction.
        mac: The phone.
        was_erased: Whether somebody erased its list at the phone, so that it needs not be let go. A certificate that
            was issued to it counts no more: a reset erases that, too.

    Raises:
        UnknownPhone: There is no such phone.
        StillTrusting: It was not let go, so it may hold a list of ours.
    """
    phone = phones.get(change.session, mac)
    if was_erased:
        phone_certificates.revoke_issued(change, mac)
    row = change.session.get(PhoneTrustRow, phone.mac)
    if row is None:
        return
    if may_hold_list(change.session, mac) and not was_erased:
        raise StillTrusting(
            f"phone {mac} may hold a list of this organisation",
            to_do=f"It needs nothing. If its list was erased at the phone: ringfence trust adopt {mac} --erased; "
            f"if it is to go: ringfence trust release {mac}",
        )
    change.session.delete(row)
    change.session.get_one(SiteRow, phone.site_id).edits += 1
    change.note("phone-trust.begin", phone.mac, "it is offered a list as a new phone is")


def release(change: Change, mac: Mac) -> PhoneTrustRow:
    """Order that a phone be let go: its next list has neither TFTP nor TVS, so that it takes anybody's files again.

    Raises:
        UnknownPhone: There is no such phone.
        NothingToEnd: It never found a list of this organisation, or was let go already.
    """
    phone = phones.get(change.session, mac)
    row = _holding(change.session, phone)
    if row.release_asked_at is None:
        row.release_asked_at, row.release_asked_by = change.now, change.who
        change.session.get_one(SiteRow, phone.site_id).edits += 1
        change.note("phone-trust.release", phone.mac, "it is to be let go")
    return row


def keep(change: Change, mac: Mac) -> PhoneTrustRow:
    """Take back that a phone be let go, as long as it was not seen to have taken the list that does it.

    Raises:
        UnknownPhone: There is no such phone.
        NothingToEnd: It never found a list of this organisation, or was let go already.
    """
    phone = phones.get(change.session, mac)
    row = _holding(change.session, phone)
    if row.release_asked_at is not None:
        row.release_asked_at, row.release_asked_by = None, ""
        change.session.get_one(SiteRow, phone.site_id).edits += 1
        change.note("phone-trust.keep", phone.mac, "it is not to be let go after all")
    return row


def _holding(session: Session, phone: PhoneRow) -> PhoneTrustRow:
    row = session.get(PhoneTrustRow, phone.mac)
    if row is None or row.released_at is not None:
        raise NothingToEnd(
            f"phone {Mac(phone.mac)} holds no list of this organisation",
            to_do="`ringfence trust status` shows which phones do.",
        )
    return row


def note_offered(
    change: Change, release: int, before: Sequence[Target], after: Sequence[Target], kinds: Mapping[str, ListOffer],
    number: int,
) -> None:  # fmt: skip
    """Note which lists a new release of a site has that the one before it had not.

    Args:
        change: The transaction.
        release: The new release's number.
        before: The files of the one before.
        after: Its own.
        kinds: The kind of each phone's list, by its bare address.
        number: The organisation's list that they are, or are made from.
    """
    had = {target.name: target.digest for target in before}
    for mac, kind in kinds.items():
        name = trust_list_name(Mac(mac))
        digest = next((target.digest for target in after if target.name == name), None)
        if digest is None or had.get(name) == digest:
            continue
        row = change.session.get(PhoneTrustRow, mac)
        if row is None:
            row = PhoneTrustRow(mac=mac)
            change.session.add(row)
        row.list_kind, row.list_digest, row.list_number = kind.value, digest, number
        row.list_release, row.list_since = release, change.now


def take(change: Change, site_id: str, reports: Iterable[Report]) -> None:
    """Note what a site's phones took; where that changes which files they are to find, their site is due.

    Args:
        change: The transaction.
        site_id: The site whose edge reports.
        reports: What it reports, of phones that are the site's.
    """
    served = [report for report in reports if report.kind == ReportKind.FILE_SERVED and report.owner]
    if not served:
        return
    rows = {
        row.mac: row
        for row in change.session.scalars(
            select(PhoneTrustRow)
            .join(PhoneRow, PhoneRow.mac == PhoneTrustRow.mac)
            .where(PhoneTrustRow.mac.in_(sorted({report.owner for report in served})), PhoneRow.site_id == site_id)
        )
    }
    news = [
        (report.owner, said)
        for report in served
        if report.owner in rows
        for said in (
            *_noted(rows[report.owner], report, change.now),
            *phone_transport.noted(rows[report.owner], report.name, change.now),
        )
    ]
    for mac, said in news:
        change.note("phone-trust.seen", mac, said)
    change.session.flush()
    edge_tls_keys.advance(change, site_id)
    if news:
        change.session.get_one(SiteRow, site_id).edits += 1


def _noted(row: PhoneTrustRow, report: Report, now: float) -> Iterable[str]:
    """Note one file that a phone took; yield what is new about it."""
    configuration = configuration_name(Mac(row.mac))
    match report.name:
        case name if name == trust_list_name(Mac(row.mac)):
            if report.release >= row.list_release:
                yield from _noted_list(row, now)
        case name if name == configuration + SIGNED_SUFFIX:
            if row.taken_digest:
                row.signed_peer = report.peer
                if row.signed_at is None:
                    row.signed_at = now
                    yield "takes signed files: it holds a list of this organisation"
        case name if name == configuration + ENCRYPTED_SUFFIX:
            if row.encrypted_at is None and row.signed_at is not None and report.peer == row.signed_peer:
                row.encrypted_at = now
                yield "takes encrypted files"
        case name if name == configuration:
            if row.released_at is None and row.release_asked_at is not None and row.taken_kind == ListOffer.RELEASE:
                row.released_at = now
                yield "took the list that lets it go, and takes anybody's files"


def _noted_list(row: PhoneTrustRow, now: float) -> Iterable[str]:
    """Note that a phone took the list that it finds."""
    if row.taken_kind == ListOffer.HTTPS and row.list_kind != ListOffer.HTTPS:
        yield "took a list that ends its coming by HTTPS"
    row.taken_kind, row.taken_digest, row.taken_at = row.list_kind, row.list_digest, now
