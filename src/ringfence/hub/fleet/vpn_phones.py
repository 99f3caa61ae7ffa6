"""Phones with a VPN client: which head end's certificates the file of each names, and the one that it took.

A phone takes a head end only by a certificate that its file names. So what a phone can connect to follows from the file
that it was seen to take last, and that is known by the number of the release that it is of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from ringfence.content.release import BY_HTTPS, Target
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.vpn_models import VpnCertificateRow, VpnHeadEndRow, VpnOfferRow, VpnPhoneRow
from ringfence.hub.vpn_errors import HeadEndForgotten, UnknownHeadEnd
from ringfence.phones.filenames import configuration_name
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Value
from ringfence.phones.trust.encrypted_file import ENCRYPTED_SUFFIX
from ringfence.phones.trust.signed_file import SIGNED_SUFFIX
from ringfence.wire.messages import Report, ReportKind

VPN = "vpn"
"""The setting that names a phone's head end."""
IN_USE = "in-use"
"""The state of the certificate that a head end shows."""
_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class VpnOffer:
    """What a phone's file says of its head end; the name is empty for none."""

    head_end: str
    pins: tuple[str, ...]
    sealed: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Value], mac: Mac, names: frozenset[str]) -> "VpnOffer":
        """Return what a phone with these settings finds among files with these names."""
        head_end = str(settings.get(VPN, ""))
        pins = str(settings.get("vpn_certificates", "")).split(",") if head_end else []
        return cls(head_end, tuple(filter(None, pins)), configuration_name(mac) + ENCRYPTED_SUFFIX in names)


def check_there(session: Session, name: str) -> None:
    """Raise UnknownHeadEnd where a setting names a head end that is not there."""
    if session.get(VpnHeadEndRow, name) is None:
        raise unknown(name)


def unknown(name: str) -> UnknownHeadEnd:
    """Return the error that there is no such head end."""
    return UnknownHeadEnd(f"there is no VPN head end {name[:40]!r}", to_do="`ringfence vpn list` shows all.")


def note_offered(change: Change, site_id: str, release: int, offers: Mapping[str, VpnOffer]) -> None:
    """Note what a new release of a site says to its phones, by their bare addresses; no row where nothing changed."""
    note_all_offered(change, {site_id: (release, offers)})


def note_all_offered(change: Change, offers: Mapping[str, tuple[int, Mapping[str, VpnOffer]]]) -> None:
    """Note what new releases say: site → the release's number, and what it says (``note_offered``)."""
    session = change.session
    whole = sorted((site_id, mac) for site_id, (_release, its) in offers.items() for mac in its)
    for start in range(0, len(whole), _READ_AT_ONCE):
        some = whole[start : start + _READ_AT_ONCE]
        macs = sorted({mac for _site_id, mac in some})
        newest = _newest(session, sorted({site_id for site_id, _mac in some}), macs)
        phones = {row.mac: row for row in session.scalars(select(VpnPhoneRow).where(VpnPhoneRow.mac.in_(macs)))}
        for site_id, mac in some:
            release, its = offers[site_id]
            offer, before = its[mac], newest.get((site_id, mac))
            if (before is None and offer.head_end) or (before is not None and before != offer):
                session.add(
                    VpnOfferRow(
                        site_id=site_id, mac=mac, release=release, head_end=offer.head_end, pins=list(offer.pins),
                        sealed=offer.sealed,
                    )
                )  # fmt: skip
            _note_found(session, phones.get(mac), mac, offer)


def take(change: Change, site_id: str, reports: Iterable[Report]) -> None:
    """Note which files a site's phones took.

    Args:
        change: The transaction.
        site_id: The site whose edge reports.
        reports: What it reports, of phones that are the site's.
    """
    served = [report for report in reports if report.kind == ReportKind.FILE_SERVED and report.owner]
    if not served:
        return
    owners = sorted({report.owner for report in served})
    rows = {
        row.mac: row
        for row in change.session.scalars(
            select(VpnPhoneRow)
            .join(PhoneRow, PhoneRow.mac == VpnPhoneRow.mac)
            .where(VpnPhoneRow.mac.in_(owners), PhoneRow.site_id == site_id)
        )
    }
    for report in served:
        row = rows.get(report.owner)
        if row is None:
            continue
        offer = _offer_of(change.session, site_id, row.mac, report.release)
        if not _is_whole(Mac(row.mac), report.name, offer):
            continue
        found = offer or VpnOffer("", ())
        row.taken_of, row.taken, row.taken_at = found.head_end, list(found.pins), change.now


def of_head_end(name: str) -> Select[VpnPhoneRow]:
    """Return a query for the phones whose file names a head end, or whose file of before did."""
    return select(VpnPhoneRow).where(or_(VpnPhoneRow.offered_to == name, VpnPhoneRow.taken_of == name))


def count(session: Session, name: str) -> int:
    """Return how many phones there are of a head end (``of_head_end``)."""
    return session.scalar(of_head_end(name).with_only_columns(func.count()).order_by(None)) or 0


def knows(row: VpnPhoneRow, head_end: str, pin: str) -> bool:
    """Return whether a phone was seen to take a file that names this certificate of a head end."""
    return row.taken_of == head_end and pin in row.taken


def without(session: Session, head_end: str, pin: str) -> list[str]:
    """Return the phones of a head end, by MAC address, that were not seen to take a file with a certificate of it."""
    rows = session.scalars(of_head_end(head_end).order_by(VpnPhoneRow.mac))
    return [str(Mac(row.mac)) for row in rows if not knows(row, head_end, pin)]


def finding_without(session: Session, head_end: str, pin: str) -> int:
    """Return how many phones find a file now that does not name a certificate: a publish is due."""
    rows = session.scalars(select(VpnPhoneRow).where(VpnPhoneRow.offered_to == head_end))
    return sum(pin not in row.offered for row in rows)


def offers_of(session: Session, site_id: str, release: int) -> dict[str, VpnOffer]:
    """Return what an older release of a site says to its phones, by their bare addresses."""
    chosen = select(VpnOfferRow).where(VpnOfferRow.site_id == site_id, VpnOfferRow.release <= release)
    rows = session.scalars(chosen.order_by(VpnOfferRow.mac, VpnOfferRow.release))
    return {row.mac: _as_offer(row) for row in rows}


def check_served(session: Session, site_id: str, release: int, files: Sequence[Target]) -> None:
    """Check that phones would find the certificate of their head end in an older release, where that names one.

    Raises:
        HeadEndForgotten: One would not, and could not connect any more; it is named.
    """
    of_use = select(VpnCertificateRow).where(VpnCertificateRow.state == IN_USE)
    used = {row.head_end: row.pin for row in session.scalars(of_use)}
    owners = {target.owner for target in files}
    for mac, offer in sorted(offers_of(session, site_id, release).items()):
        if mac in owners and offer.head_end in used and used[offer.head_end] not in offer.pins:
            raise HeadEndForgotten(
                f"in that release the file of phone {Mac(mac)} names certificates that the VPN head end "
                f"{offer.head_end} does not show any more: the phone could not connect",
                to_do="Change the settings and publish instead.",
            )


def note_rolled_back(change: Change, site_id: str, of: int, release: int) -> None:
    """Note what a release says that has the content of an older one (``check_served``); it says nothing else."""
    older = offers_of(change.session, site_id, of)
    newest = offers_of(change.session, site_id, release)
    note_offered(change, site_id, release, {mac: VpnOffer("", ()) for mac in newest} | older)


def _note_found(session: Session, row: VpnPhoneRow | None, mac: str, offer: VpnOffer) -> None:
    if row is None:
        if not offer.head_end:
            return
        row = VpnPhoneRow(mac=mac, offered_to="", offered=[])
        session.add(row)
    if (row.offered_to, row.offered) != (offer.head_end, list(offer.pins)):
        row.offered_to, row.offered = offer.head_end, list(offer.pins)


def _newest(session: Session, site_ids: Sequence[str], macs: Sequence[str]) -> dict[tuple[str, str], VpnOffer]:
    chosen = select(VpnOfferRow).where(VpnOfferRow.site_id.in_(site_ids), VpnOfferRow.mac.in_(macs))
    rows = session.scalars(chosen.order_by(VpnOfferRow.mac, VpnOfferRow.release))
    return {(row.site_id, row.mac): _as_offer(row) for row in rows}


def _offer_of(session: Session, site_id: str, mac: str, release: int) -> VpnOffer | None:
    of_phone = VpnOfferRow.site_id == site_id, VpnOfferRow.mac == mac, VpnOfferRow.release <= release
    row = session.scalar(select(VpnOfferRow).where(*of_phone).order_by(VpnOfferRow.release.desc()).limit(1))
    return None if row is None else _as_offer(row)


def _as_offer(row: VpnOfferRow) -> VpnOffer:
    return VpnOffer(row.head_end, tuple(row.pins), row.sealed)


def _is_whole(mac: Mac, name: str, offer: VpnOffer | None) -> bool:
    """Return whether a file that a phone took is its configuration, and not the stub that leads to it."""
    own = configuration_name(mac)
    if name == own + SIGNED_SUFFIX:
        return offer is None or not offer.sealed
    return name in {own, BY_HTTPS + own, own + ENCRYPTED_SUFFIX}
