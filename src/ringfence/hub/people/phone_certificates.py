"""Phones' certificates, and what phones are to do about them."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.hub.fleet import phone_certificates, phones
from ringfence.hub.fleet.phone_certificates import CertificateOperation
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.schemas.phone_certificates import (
    CertificateOrderView,
    IssuedOrderView,
    NewCertificate,
    PhoneCertificatesView,
    PhoneCertificateView,
)
from ringfence.hub.store.phone_certificate_models import PhoneCertificateOrderRow, PhoneCertificateRow
from ringfence.identity.certificates import to_pem
from ringfence.phones.mac import Mac
from ringfence.phones.trust.refusals import SENTENCES, CertificateRefusal

router = APIRouter()


@router.get("/phones/{mac}/certificate", tags=["phones"])
def show_phone_certificates(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> PhoneCertificatesView:
    """Show a phone's certificates, and what it is to do about them."""
    with hub.database.reading() as session:
        return _view(session, mac, hub.clock())


@router.post("/phones/{mac}/certificate/fetch", tags=["phones"])
def fetch_phone_certificate(mac: ThePhone, hub: TheHub, caller: TheCaller) -> PhoneCertificatesView:
    """Have a phone give the certificate that was issued to it; what its maker gave it is shown by every session."""
    with hub.change(caller.name) as change:
        phone_certificates.order(change, hub.sealer, mac, CertificateOperation.FETCH)
        change.session.flush()
        return _view(change.session, mac, change.now)


@router.post("/phones/{mac}/certificate/issue", tags=["phones"])
def issue_phone_certificate(mac: ThePhone, body: NewCertificate, hub: TheHub, caller: TheCaller) -> IssuedOrderView:
    """Have a phone make a key, and issue a certificate for it; again for one that has one, which renews it."""
    with hub.change(caller.name) as change:
        row, password = phone_certificates.order(
            change, hub.sealer, mac, CertificateOperation.ISSUE, key_bits=body.key_bits,
            with_password=body.with_password,
        )  # fmt: skip
        shown = _order(row).model_dump()
        return IssuedOrderView(**shown, mac=str(mac), password=None if password is None else password.reveal())


@router.delete("/phones/{mac}/certificate", tags=["phones"])
def delete_phone_certificate(mac: ThePhone, hub: TheHub, caller: TheCaller) -> PhoneCertificatesView:
    """Revoke what was issued to a phone, at once, and have the phone delete it when it connects."""
    with hub.change(caller.name) as change:
        phone_certificates.order(change, hub.sealer, mac, CertificateOperation.DELETE)
        change.session.flush()
        return _view(change.session, mac, change.now)


@router.delete("/phones/{mac}/certificate/order", status_code=204, tags=["phones"])
def cancel_certificate_order(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """Take back what a phone is to do; what was revoked stays so."""
    with hub.change(caller.name) as change:
        phones.get(change.session, mac)
        phone_certificates.cancel(change, mac)


def _view(session: Session, mac: Mac, now: float) -> PhoneCertificatesView:
    phones.get(session, mac)
    waiting = phone_certificates.waiting(session, mac, now)
    return PhoneCertificatesView(
        mac=str(mac),
        certificates=[_certificate(row) for row in phone_certificates.of_phone(session, mac)],
        waiting=None if waiting is None else _order(waiting),
    )


def _certificate(row: PhoneCertificateRow) -> PhoneCertificateView:
    certificate = phone_certificates.read(row)
    return PhoneCertificateView(
        kind=row.kind, fingerprint=row.fingerprint, md5=phone_certificates.md5_of(certificate), subject=row.subject,
        issuer=row.issuer, serial=row.serial, begins_at=row.begins_at, ends_at=row.ends_at, proof=row.proof,
        is_stored=row.is_stored, first_seen_at=row.first_seen_at, seen_at=row.seen_at, revoked_at=row.revoked_at,
        pem=to_pem(certificate),
    )  # fmt: skip


def _order(row: PhoneCertificateOrderRow) -> CertificateOrderView:
    return CertificateOrderView(
        operation=CertificateOperation(row.operation).value, with_password=row.sealed_password is not None,
        asked_at=row.asked_at, asked_by=row.asked_by, until=row.until, refusal=row.refusal,
        refusal_sentence=SENTENCES[CertificateRefusal(row.refusal)] if row.refusal else "",
    )  # fmt: skip
