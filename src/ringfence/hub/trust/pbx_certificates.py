"""What PBXes were given for SIP over TLS, and when they have to be given something newer.

- While the key of CCM is changed, phones' lists name both. A PBX is given the new one once every phone knows it, and
  the old one goes out of the lists only after that (``check_given``).
- A PBX that demands phones' certificates knows those of the moment at which it was told.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.store.models import LineRow, PhoneRow, SiteRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateRow
from ringfence.hub.store.trust_models import PbxTlsExportRow, TrustKeyRow
from ringfence.hub.trust import holders, trust_keys, trust_lists
from ringfence.hub.trust.errors import PbxBehind
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.trust_keys import KeyState
from ringfence.phones.sip.pbx_tls import TlsPbx
from ringfence.phones.trust.phone_certificates import CertificateKind


def due_key(session: Session) -> TrustKeyRow:
    """Return the key that PBXes are to have: the next one of CCM as soon as every phone knows it.

    Raises:
        TrustNotInitialised: There are no keys.
    """
    current = trust_keys.current(session, KeyRole.CCM)
    coming = select(TrustKeyRow).where(TrustKeyRow.role == KeyRole.CCM.value, TrustKeyRow.state == KeyState.NEXT.value)
    newest = trust_lists.newest(session)
    for row in session.scalars(coming):
        if newest is not None and row.id in newest.records and not holders.phones_without_last_list(session):
            return row
    return current


def given(session: Session) -> Sequence[PbxTlsExportRow]:
    """Return what PBXes were given last, for sites that there are."""
    there = or_(PbxTlsExportRow.site_id == "", PbxTlsExportRow.site_id.in_(select(SiteRow.id)))
    order = PbxTlsExportRow.pbx, PbxTlsExportRow.site_id
    return session.scalars(select(PbxTlsExportRow).where(there).order_by(*order)).all()


_COMMANDS = {
    TlsPbx.KAMAILIO: "ringfence trust export-pbx FOLDER --for kamailio",
    TlsPbx.ASTERISK: "ringfence trust export-pbx FOLDER --for asterisk",
}


@dataclass(frozen=True, slots=True)
class PbxStanding:
    """What a PBX was given last, and what it lacks by now."""

    name: str
    """The PBX in words."""
    pbx: TlsPbx
    site_id: str
    """Empty for all sites."""
    fingerprint: str
    """The SHA-256 of its certificate; empty if its key is no more."""
    takes_old: bool
    demands: bool
    made_at: float
    made_by: str
    behind: str
    """In a sentence, with what to do; empty for nothing."""


def standings(session: Session, now: float) -> Sequence[PbxStanding]:
    """Return what PBXes were given last, and what they lack by now."""
    return [
        PbxStanding(
            named(row), TlsPbx(row.pbx), row.site_id, _fingerprint(session, row), row.takes_old, row.demands,
            row.made_at, row.made_by, behind(session, row, now),
        )
        for row in given(session)
    ]  # fmt: skip


def _fingerprint(session: Session, row: PbxTlsExportRow) -> str:
    key = _key(session, row)
    return "" if key is None else key.fingerprint


def named(row: PbxTlsExportRow) -> str:
    """Return a PBX in words."""
    return f"{TlsPbx(row.pbx).title()} for {f'site {row.site_id}' if row.site_id else 'all sites'}"


def command(row: PbxTlsExportRow) -> str:
    """Return the command that gives a PBX what is newer."""
    site = f" --site {row.site_id}" if row.site_id else ""
    return f"{_COMMANDS[TlsPbx(row.pbx)]}{site}{' --demand-certificate' if row.demands else ''}"


def check_given(session: Session, coming: TrustKeyRow) -> None:
    """Raise PbxBehind where a PBX was given another key than the one that phones are to know alone."""
    for row in given(session):
        if row.key_id != coming.id:
            raise PbxBehind(
                f"{named(row)} still has the certificate of before, which phones would refuse then",
                to_do=f"Give it the new one first, which phones know already: {command(row)} --replace",
            )


def behind(session: Session, row: PbxTlsExportRow, now: float) -> str:
    """Return in a sentence what a PBX lacks, with what to do; empty for nothing."""
    what, key = "", _key(session, row)
    if key is None or key.state == KeyState.RETIRED.value:
        what = "has a certificate that phones' lists do not name any more: phones refuse it"
    elif key.id != due_key(session).id:
        what = "has the certificate that is being changed; every phone knows the new one by now"
    elif row.demands and row.known != known(session, row.site_id, now):
        what = "demands phones' certificates, and these or the phones' lines have changed since it was told"
    return f"{named(row)} {what}. Give it what is newer: {command(row)} --replace" if what else ""


def issued(now: float) -> Select[PhoneCertificateRow]:
    """Return a query for the certificates that were issued to phones and have not ended."""
    return select(PhoneCertificateRow).where(
        PhoneCertificateRow.kind == CertificateKind.LSC.value, PhoneCertificateRow.ends_at > now
    )


def issuers(session: Session, now: float) -> Sequence[TrustKeyRow]:
    """Return the keys of CAPF that have issued phones' certificates, or will."""
    capf = select(TrustKeyRow).where(TrustKeyRow.role == KeyRole.CAPF.value, TrustKeyRow.ends_at > now)
    return session.scalars(capf.order_by(TrustKeyRow.made_at, TrustKeyRow.id)).all()


def known(session: Session, site_id: str, now: float) -> str:
    """Return a digest of what a PBX is to know of phones' certificates; another one once that is something else."""
    certified = issued(now).where(PhoneCertificateRow.revoked_at.is_(None)).with_only_columns(PhoneCertificateRow.mac)
    lines = select(LineRow.mac, LineRow.name, LineRow.auth_name).where(LineRow.mac.in_(certified))
    if site_id:
        lines = lines.join(PhoneRow, PhoneRow.mac == LineRow.mac).where(PhoneRow.site_id == site_id)
    revoked = issued(now).where(PhoneCertificateRow.revoked_at.is_not(None))
    parts = [
        *sorted(":".join(row) for row in session.execute(lines)),
        *sorted(session.scalars(revoked.with_only_columns(PhoneCertificateRow.fingerprint))),
        *(row.fingerprint for row in issuers(session, now)),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _key(session: Session, row: PbxTlsExportRow) -> TrustKeyRow | None:
    return session.scalar(select(TrustKeyRow).where(TrustKeyRow.id == row.key_id))
