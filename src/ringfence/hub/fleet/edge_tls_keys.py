"""Edges' keys for phones that come by HTTPS: which the lists of a site's phones name, and which an edge is to use.

Each edge makes its own, and the hub has the certificates alone. A key is in the lists of its own site's phones and in
no others, so that a stolen edge is nobody's edge at another site.

| State | The lists name it | The edge uses it |
|---|---|---|
| ``next`` | yes | once every phone of the site that has such a list holds the newest one |
| ``current`` | yes | yes |
| ``retired`` | no | no |

The first key of an edge is current at once: phones of a new edge meet it with the list that they take in the same boot,
and TVS vouches for it meanwhile. So it is with one that stands in for keys that the edge has lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from cryptography import x509
from msgspec.structs import replace
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.edge_tls_errors import EdgeHasNoTlsKey, TooManyEdgeTlsKeys
from ringfence.hub.errors import EdgeIsRevoked
from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.change import Change
from ringfence.hub.store.edge_tls_models import EdgeTlsKeyRow
from ringfence.hub.store.models import EdgeRow, PhoneRow
from ringfence.hub.store.network_models import PortAuthorityRow
from ringfence.hub.store.phone_trust_models import PhoneTrustRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.identity.certificates import fingerprint, read_certificate, to_pem, validity
from ringfence.identity.edge_tls import read_edge_tls
from ringfence.phones.settings.trust import TRUST_TRANSPORT
from ringfence.phones.trust.state import ListOffer, Transport
from ringfence.wire.edge_tls_messages import MOST_AUTHORITIES, EdgeTlsOffer, EdgeTlsOrder

MOST_OF_SITE: Final = 16
"""Keys of a site's edges: each is some 1.1 KB of a list, and phones load 64 KB, of which the organisation's have 20."""
_CAPF = "capf"
"""The role of keys that issue phones' certificates (``hub.trust.key_roles``)."""
_MOST_ISSUERS = 8
MOST_A_DAY: Final = 12
"""Keys of one edge: whoever makes more is no edge of ours, and each is a row, a line of the audit and a publish."""
_DAY_S = 86_400.0
RENEW_BEFORE_S: Final = 365 * 86_400
"""How long before its certificate's end an edge is asked for another key."""


class EdgeKeyState(StrEnum):
    """Where a key stands between its making and its end."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"


def take(change: Change, edge: EdgeRow, offer: EdgeTlsOffer) -> EdgeTlsKeyRow:
    """Keep the certificate of a key that an edge has made; its site is due. One that is there already stays as it is.

    Raises:
        BadRequestForCertificate: It can't be used (``identity.edge_tls.read_edge_tls``), or is one that was retired.
        TooManyEdgeTlsKeys: The site has as many as a list takes, or the edge made as many within a day as it may.
    """
    certificate = read_edge_tls(offer.certificate, edge.id, change.now)
    name = fingerprint(certificate)
    own = [row for row in _listed(change.session, [edge.site_id]) if row.edge_id == edge.id]
    if (known := next((row for row in own if row.fingerprint == name), None)) is not None:
        return known
    lately = select(func.count()).where(EdgeTlsKeyRow.edge_id == edge.id, EdgeTlsKeyRow.made_at > change.now - _DAY_S)
    if change.session.scalars(lately).one() >= MOST_A_DAY:
        raise TooManyEdgeTlsKeys(
            f"edge {edge.id} has made {MOST_A_DAY} keys for phones by HTTPS within a day; no more are taken",
            to_do="Look why it loses them: ringfence edge job SITE logs.",
        )
    current = next((row for row in own if row.state == EdgeKeyState.CURRENT), None)
    if offer.replaces:
        for row in own:
            _retire(row, change.now)
        current = None
    else:
        for row in own:
            if row.state == EdgeKeyState.NEXT:
                _retire(row, change.now)
    change.session.flush()
    if len(_listed(change.session, [edge.site_id])) >= MOST_OF_SITE:
        raise TooManyEdgeTlsKeys(
            f"the edges of site {edge.site_id} have {MOST_OF_SITE} keys for phones by HTTPS, and lists take no more",
            to_do="Revoke edges that are gone: ringfence edge revoke EDGE.",
        )  # fmt: skip
    row = EdgeTlsKeyRow(
        fingerprint=name, edge_id=edge.id, site_id=edge.site_id, certificate=to_pem(certificate), made_at=change.now,
        state=(EdgeKeyState.NEXT if current is not None else EdgeKeyState.CURRENT).value,
        ends_at=validity(certificate)[1], renew_asked_at=None, retired_at=None,
    )  # fmt: skip
    if current is not None:
        current.renew_asked_at = None
    change.session.add(row)
    change.session.flush()
    change.note("edge.tls-key", edge.id, f"its key for phones by HTTPS is {name[:16]}")
    return row


def advance(change: Change, site_id: str) -> None:
    """Have edges use their next keys, if every phone of the site that has such a list holds the newest one."""
    rows = _listed(change.session, [site_id])
    news = [row for row in rows if row.state == EdgeKeyState.NEXT]
    if not news or not _is_known(change.session, site_id, max(row.made_at for row in news)):
        return
    for row in news:
        for old in rows:
            if old.edge_id == row.edge_id and old.state == EdgeKeyState.CURRENT:
                _retire(old, change.now)
        row.state = EdgeKeyState.CURRENT.value
        change.note("edge.tls-key", row.edge_id, f"it uses {row.fingerprint[:16]}, which its phones know")


def renew(change: Change, edge: EdgeRow) -> EdgeTlsKeyRow:
    """Ask an edge for another key in the place of its present one; return that.

    Raises:
        EdgeIsRevoked: It is revoked, and hears nothing any more.
        EdgeHasNoTlsKey: It has none.
    """
    if edge.revoked_at is not None:
        raise EdgeIsRevoked(f"edge {edge.id} is revoked", to_do="Enrol it again with a new token.")
    current = current_of(change.session, edge.id)
    if current is None:
        raise EdgeHasNoTlsKey(
            f"edge {edge.id} has no key for phones by HTTPS",
            to_do="It makes one by itself once a phone of its site has trust_transport=https.",
        )
    if current.renew_asked_at is None:
        current.renew_asked_at = change.now
        change.note("edge.tls-renew", edge.id, f"another key than {current.fingerprint[:16]} is asked for")
    return current


def retire(change: Change, edge_id: str) -> None:
    """Take an edge's keys out of the lists of its site's phones: it was revoked."""
    for row in change.session.scalars(select(EdgeTlsKeyRow).where(EdgeTlsKeyRow.edge_id == edge_id, _IS_LISTED)):
        _retire(row, change.now)


def compile_order(session: Session, edge: EdgeRow, now: float, held: str) -> EdgeTlsOrder:
    """Return what an edge is told of its key."""
    current = current_of(session, edge.id)
    is_wanted = not held and (current is not None or _is_wanted(session, edge.site_id))
    if not is_wanted:
        return EdgeTlsOrder()
    pems = session.scalars(select(PortAuthorityRow.pem).order_by(PortAuthorityRow.id).limit(MOST_AUTHORITIES))
    of_capf = select(TrustKeyRow.certificate).where(TrustKeyRow.role == _CAPF).order_by(TrustKeyRow.made_at.desc())
    order = EdgeTlsOrder(
        wanted=True, authorities=tuple(pems), issuers=tuple(session.scalars(of_capf.limit(_MOST_ISSUERS)))
    )
    if current is None:
        return order
    has_next = any(
        row.state == EdgeKeyState.NEXT and row.edge_id == edge.id for row in _listed(session, [edge.site_id])
    )
    is_due = current.renew_asked_at is not None or current.ends_at - now < RENEW_BEFORE_S
    return replace(order, fingerprint=current.fingerprint, renews=is_due and not has_next)


def current_of(session: Session, edge_id: str) -> EdgeTlsKeyRow | None:
    """Return the key that an edge is to use; None if it has none."""
    return session.scalar(
        select(EdgeTlsKeyRow).where(EdgeTlsKeyRow.edge_id == edge_id, EdgeTlsKeyRow.state == EdgeKeyState.CURRENT.value)
    )


def of_edge(session: Session, edge_id: str) -> Sequence[EdgeTlsKeyRow]:
    """Return the keys of an edge that lists name, the one that it uses first."""
    chosen = select(EdgeTlsKeyRow).where(EdgeTlsKeyRow.edge_id == edge_id, _IS_LISTED)
    return session.scalars(chosen.order_by(EdgeTlsKeyRow.state, EdgeTlsKeyRow.made_at)).all()


def in_words(keys: Sequence[EdgeTlsKeyRow]) -> str:
    """Return what becomes of an edge's keys, as a sentence."""
    if not keys:
        return "It has no key for phones by HTTPS; it makes one once a phone of its site has trust_transport=https."
    if any(row.state == EdgeKeyState.NEXT for row in keys):
        return "It uses its next key once every phone of its site that comes by HTTPS holds the list with it: publish."
    if any(row.renew_asked_at is not None for row in keys):
        return "Another key is asked for; it makes it when it reaches the hub."
    return "Phones that come by HTTPS meet it by this key."


def listed(session: Session, site_ids: Iterable[str]) -> Mapping[str, Sequence[x509.Certificate]]:
    """Return the certificates that the lists of each site's phones name, in their order."""
    found: dict[str, list[x509.Certificate]] = {}
    for row in _listed(session, site_ids):
        found.setdefault(row.site_id, []).append(read_certificate(row.certificate))
    return found


def changed_at(session: Session, site_ids: Sequence[str]) -> Mapping[str, float]:
    """Return when the keys of each site's edges last changed; nothing for a site that never had one."""
    made, retired = func.max(EdgeTlsKeyRow.made_at), func.max(EdgeTlsKeyRow.retired_at)
    chosen = select(EdgeTlsKeyRow.site_id, made, retired).where(EdgeTlsKeyRow.site_id.in_(site_ids))
    rows = session.execute(chosen.group_by(EdgeTlsKeyRow.site_id))
    return {site_id: max(float(begun), float(ended or 0.0)) for site_id, begun, ended in rows}


def _is_known(session: Session, site_id: str, since: float) -> bool:
    """Return whether each phone that may hold such a list holds the newest one, which has been there since then."""
    behind = (
        select(PhoneTrustRow.mac)
        .join(PhoneRow, PhoneRow.mac == PhoneTrustRow.mac)
        .where(
            PhoneRow.site_id == site_id, PhoneTrustRow.released_at.is_(None),
            PhoneTrustRow.taken_kind == ListOffer.HTTPS.value,
            or_(PhoneTrustRow.taken_digest != PhoneTrustRow.list_digest, PhoneTrustRow.list_since < since),
        )
        .limit(1)
    )  # fmt: skip
    return session.scalar(beyond_scope(behind)) is None


def _is_wanted(session: Session, site_id: str) -> bool:
    """Return whether a setting that may be one of the site's phones asks for HTTPS."""
    here = PhoneRow.site_id == site_id
    asked = (
        select(OrganisationSettingRow.value).where(OrganisationSettingRow.name == TRUST_TRANSPORT),
        select(SiteSettingRow.value).where(SiteSettingRow.name == TRUST_TRANSPORT, SiteSettingRow.site_id == site_id),
        select(GroupSettingRow.value).where(
            GroupSettingRow.name == TRUST_TRANSPORT,
            GroupSettingRow.group_id.in_(select(PhoneRow.group_id).where(here, PhoneRow.group_id.is_not(None))),
        ),
        select(PhoneSettingRow.value).where(
            PhoneSettingRow.name == TRUST_TRANSPORT, PhoneSettingRow.mac.in_(select(PhoneRow.mac).where(here))
        ),
    )
    return any(value == Transport.HTTPS for each in asked for value in session.scalars(each))


def _listed(session: Session, site_ids: Iterable[str]) -> Sequence[EdgeTlsKeyRow]:
    chosen = select(EdgeTlsKeyRow).where(EdgeTlsKeyRow.site_id.in_(sorted(site_ids)), _IS_LISTED)
    return session.scalars(chosen.order_by(EdgeTlsKeyRow.made_at, EdgeTlsKeyRow.fingerprint)).all()


def _retire(row: EdgeTlsKeyRow, now: float) -> None:
    row.state, row.retired_at, row.renew_asked_at = EdgeKeyState.RETIRED.value, now, None


_IS_LISTED = EdgeTlsKeyRow.state != EdgeKeyState.RETIRED.value
