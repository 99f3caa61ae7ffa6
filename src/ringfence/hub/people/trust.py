"""The keys of phones' trust: what makes an organisation's phones refuse everybody else's files."""

import base64

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.fleet import port_authorities
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.trust import (
    MakersAuthorityView,
    NewMakersAuthority,
    NewTrust,
    PbxTlsFilesView,
    PbxTlsOrder,
    PbxTlsView,
    SignedTrustList,
    TrustChallenge,
    TrustKeyView,
    TrustListToSign,
    TrustListView,
    TrustProof,
    TrustRecoveryView,
    TrustRotation,
    TrustView,
)
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.trust import (
    holders,
    key_roles,
    pbx_certificates,
    pbx_export,
    recovery,
    rotation,
    trust_keys,
    trust_lists,
)
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.pbx_certificates import PbxStanding
from ringfence.hub.trust.trust_keys import KeyState

router = APIRouter()


@router.get("/trust", tags=["trust"])
def show_trust(hub: TheHub, _caller: TheCaller) -> TrustView:
    """Show the keys, and what is to be done about them."""
    with hub.database.reading() as session:
        return _trust(hub, session)


@router.post("/trust", status_code=201, tags=["trust"])
def make_trust(body: NewTrust, hub: TheHub, caller: TheCaller) -> TrustView:
    """Make the organisation's keys. The recovery key (SAST 2) is made elsewhere: `ringfence trust init` does it."""
    with hub.database.reading() as session:
        trust_keys.check_uninitialised(session)
    with trust_keys.made_keys(hub) as made, hub.change(caller.name) as change:
        trust_keys.initialise(hub, change, made, body.recovery_certificate)
        change.session.flush()
        return _trust(hub, change.session)


@router.post("/trust/challenge", tags=["trust"])
def ask_for_proof(hub: TheHub, _caller: TheCaller) -> TrustChallenge:
    """Get a challenge that the recovery key is to sign."""
    with hub.database.reading() as session:
        return TrustChallenge(challenge=recovery.challenge(hub, session))


@router.post("/trust/check", tags=["trust"])
def check_recovery(body: TrustProof, hub: TheHub, caller: TheCaller) -> TrustView:
    """Show that the recovery file opens, by a challenge that its key has signed; who did it and when is kept."""
    with hub.change(caller.name) as change:
        recovery.prove(hub, change, body.challenge, body.fingerprint, body.signature)
        change.session.flush()
        return _trust(hub, change.session)


@router.post("/trust/rotate", tags=["trust"])
def rotate_key(body: TrustRotation, hub: TheHub, caller: TheCaller) -> TrustView:
    """Take the next step of changing a key: a new one is made, or the one that every phone knows by now is used."""
    role = key_roles.of_word(body.role)
    if body.recovery_certificate and role is KeyRole.SAST_2:
        with hub.change(caller.name) as change:
            rotation.replace_recovery(hub, change, body.recovery_certificate)
            return _trust(hub, change.session)
    rotation.rotate_now(hub, caller.name, role)
    with hub.database.reading() as session:
        return _trust(hub, session)


@router.post("/trust/recovery", tags=["trust"])
def begin_recovery(hub: TheHub, caller: TheCaller) -> TrustListToSign:
    """Make new keys in the place of SAST 1 and of others that are lost; get the list that the recovery key signs.

    Nothing changes for phones until it has: `ringfence trust recover` does both.
    """
    told = rotation.begin_now(hub, caller.name)
    data = {form: base64.b64encode(each).decode() for form, each in told.data.items()}
    return TrustListToSign(signed_at=told.signed_at, data=data)


@router.post("/trust/recover", tags=["trust"])
def recover_trust(body: SignedTrustList, hub: TheHub, caller: TheCaller) -> TrustView:
    """Take the list into use that the recovery key has signed."""
    signatures = {form: recovery.base64_bytes(each) for form, each in body.signatures.items()}
    with hub.change(caller.name) as change:
        rotation.recover(hub, change, body.signed_at, signatures)
    trust_keys.destroy_retired(hub)
    with hub.database.reading() as session:
        return _trust(hub, session)


@router.post("/trust/pbx", tags=["trust"])
def export_pbx_key(body: PbxTlsOrder, hub: TheHub, caller: TheCaller) -> PbxTlsFilesView:
    """Return what a PBX needs for SIP over TLS: the private key of the role CCM, too. The audit log records this."""
    with hub.change(caller.name) as change:
        made = pbx_export.export(
            hub, change, body.pbx, body.folder, site_id=body.site, demands=body.demand_certificate,
            leaves_out=body.leave_out,
        )  # fmt: skip
    return PbxTlsFilesView(files=made.files, fingerprint=made.fingerprint, warnings=made.warnings)


@router.post("/trust/authorities", status_code=201, tags=["trust"])
def add_makers_authority(body: NewMakersAuthority, hub: TheHub, caller: TheCaller) -> MakersAuthorityView:
    """Add a CA of a phones' maker: a phone shows who it is by a certificate of one of these."""
    with hub.change(caller.name) as change:
        row = port_authorities.add(change, body.pem)
        return MakersAuthorityView(id=row.id, subject=row.subject, fingerprint=row.fingerprint, ends_at=row.ends_at)


def _trust(hub: Hub, session: Session) -> TrustView:
    now = hub.clock()
    rows = trust_keys.in_use(session)
    if not rows:
        return TrustView(organisation=hub.organisation_id, is_initialised=False, keys=[], recovery=None, list=None)
    kept = recovery.standing(session, now)
    keys = [_key(row, now) for row in rows]
    shown = TrustRecoveryView(
        proved_at=kept.proved_at, proved_by=kept.proved_by, is_ready=kept.is_ready, sentence=kept.sentence
    )
    return TrustView(
        organisation=hub.organisation_id, is_initialised=True, keys=keys, recovery=shown, list=_list(session),
        pbxes=[_pbx(each) for each in pbx_certificates.standings(session, now)],
    )  # fmt: skip


def _list(session: Session) -> TrustListView | None:
    row = trust_lists.newest(session)
    if row is None:
        return None
    return TrustListView(
        number=row.id, signed_at=row.signed_at, signed_by=row.signed_by, keys=row.records, why=row.why,
        made_by=row.made_by, phones_without=len(holders.phones_without_last_list(session)),
    )  # fmt: skip


def _pbx(of: PbxStanding) -> PbxTlsView:
    return PbxTlsView(
        pbx=of.pbx, site=of.site_id or None, fingerprint=of.fingerprint, takes_old=of.takes_old, demands=of.demands,
        made_at=of.made_at, made_by=of.made_by, behind=of.behind,
    )  # fmt: skip


def _key(row: TrustKeyRow, now: float) -> TrustKeyView:
    return TrustKeyView(
        id=row.id, role=KeyRole(row.role), state=KeyState(row.state),
        subject=trust_keys.certificate_of(row).subject.rfc4514_string(), fingerprint=row.fingerprint,
        ends_at=row.ends_at, kept_in=row.kept_in, made_at=row.made_at, made_by=row.made_by,
        next_step=trust_keys.next_step(row, now),
    )  # fmt: skip
