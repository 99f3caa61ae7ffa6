"""Which sites were edited since they were last rendered, and whose guards must know of something, kept by the session.

Each site counts its edits; publishing remembers how many it has rendered. A count, and not a mark, because an edit may
come while a publish is at work: it must be due again afterwards. Whatever changes what a site's guard goes by makes its
``guard_version`` grow in the same way, so that no change forgets it. Rows are looked at as they are flushed, and each
site is counted once, at the end of the transaction or savepoint: an import of ten thousand phones costs one statement.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sqlalchemy import event, inspect, select, update
from sqlalchemy.orm import Session

from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import WHOSE, BoundSession, Everywhere, take_counted, whose
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.hub.store.edge_tls_models import EdgeTlsKeyRow
from ringfence.hub.store.guard_models import (
    EdgeNetworkRow,
    GuardBanRow,
    GuardElsewhereRow,
    GuardNetworkRow,
    GuardPolicyRow,
    GuardWindowRow,
    ProvisioningCredentialRow,
)
from ringfence.hub.store.models import EdgeRow, LineRow, PhoneRow, SiteRow
from ringfence.hub.store.network_models import BoxRow, ConcentratorRow, SiteNetworkRow
from ringfence.hub.store.organisation_models import LastNumberRow
from ringfence.hub.store.pbx_models import RoomOrderRow
from ringfence.hub.store.phone_book_models import LINES, PhoneBookGroupRow, PhoneBookRow, PhoneBookSiteRow
from ringfence.hub.store.release_models import AssetRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    LineSettingRow,
    OrganisationSettingRow,
    OwnTemplateRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.hub.store.vpn_models import VpnCertificateRow, VpnHeadEndRow
from ringfence.phones.settings.protection import PROTECT_CALLS
from ringfence.phones.settings.protection import SERVERS as TUNNEL_SERVERS
from ringfence.phones.settings.trust import TRUST_TRANSPORT

TOLD = "guarded sites"
"""Where ``session.info`` keeps the sites whose guards must know of what the session has changed."""
_EDITED, _GUARDED = "sites edited", "sites whose guards are to know"
"""Where ``session.info`` keeps them until they are counted."""
_BOXES = "there are boxes"
_ALL, _IN_BOOKS = "*", "*books"
"""Stand for every site, and for every one if a book lists the organisation's lines; no id is either."""
FOR_GUARDS_ALONE = ("admitted_at", "blocked")
"""What of a phone is in no file."""
_FOR_GUARDS = ("mac", "site_id", "model", "group_id", *FOR_GUARDS_ALONE)
SIP_SERVERS: Mapping[str, str] = MappingProxyType({
    "sip_server": "sip_port", "sip_server_2": "sip_port", "sip_server_3": "sip_port",
    "outbound_proxy": "outbound_proxy_port", "line_proxy": "line_proxy_port",
})  # fmt: skip
"""Settings from which follows what phones may reach through a tunnel, each with that of its port."""
_FOR_TUNNELS = frozenset({*SIP_SERVERS, *SIP_SERVERS.values(), PROTECT_CALLS, *TUNNEL_SERVERS.values()})
_Setting = OrganisationSettingRow | SiteSettingRow | GroupSettingRow | PhoneSettingRow | LineSettingRow
PEERS: Final = "peers"
"""What changes of an organisation's tunnels are counted as (LastNumberRow)."""
PEERS_FORGOTTEN: Final = "peers forgotten"
"""Keeps the newest number of PEERS before which a concentrator's peers can't be told by what has changed."""


class EditCountingSession(BoundSession):
    """A session that counts a site's edits with the rows that make them."""


def tell_guards(session: Session, site_ids: Collection[str]) -> None:
    """Have the edges of these sites told of a change that is in no row of their own."""
    session.info.setdefault(_GUARDED, set()).update(site_ids)


@event.listens_for(EditCountingSession, "before_flush")
def _before_flush(session: Session, _context: object, _instances: object) -> None:
    _note_edits(session)
    _note_for_guards(session)


@event.listens_for(EditCountingSession, "before_commit")
def _before_commit(session: Session) -> None:
    """Count what was noted.

    What is counted in a savepoint is counted again at the end, as the savepoint may be undone and what came before it
    not. A site that is counted once too often is rendered once too often.
    """
    session.flush()
    edited: set[str] = session.info.get(_EDITED, set())
    guarded: set[str] = session.info.get(_GUARDED, set())
    if edited:
        counted = update(SiteRow).values(edits=SiteRow.edits + 1)
        everywhere = _ALL in edited or (_IN_BOOKS in edited and _has_books_of_lines(session))
        session.execute(beyond_scope(counted if everywhere else counted.where(SiteRow.id.in_(sorted(edited)))))
    if guarded:
        _count_for_guards(session, sorted(guarded))
        session.info.setdefault(TOLD, set()).update(guarded)
    if not session.in_nested_transaction():
        session.info |= {_EDITED: set(), _GUARDED: set()}


def _count_for_guards(session: Session, site_ids: Sequence[str]) -> None:
    """Count sites' new rules; their boxes' tunnels may be others too, which concentrators find by the number."""
    of_sites = SiteRow.id.in_(site_ids)
    means = session.info[WHOSE]
    owners = [means]
    if isinstance(means, Everywhere):
        owners = list(session.scalars(select(SiteRow.organisation_id).where(of_sites).distinct()))
    for owner in owners:
        number = take_counted(session, PEERS, owner)[0]
        counted = update(SiteRow).where(of_sites, SiteRow.organisation_id == owner)
        counted = counted.values(guard_version=SiteRow.guard_version + 1, peers_number=number)
        session.execute(beyond_scope(counted))


def forget_peers(session: Session) -> None:
    """Have concentrators read all their peers again: there are rows no more that would say which are gone."""
    owner = whose(session)
    number = take_counted(session, PEERS, owner)[0]
    row = session.get(LastNumberRow, PEERS_FORGOTTEN) or LastNumberRow(counted=PEERS_FORGOTTEN)
    row.number = number
    session.add(row)


def _has_books_of_lines(session: Session) -> bool:
    return session.scalar(select(PhoneBookRow.id).where(PhoneBookRow.source == LINES).limit(1)) is not None


def _note_edits(session: Session) -> None:
    touched: set[str] = session.info.setdefault(_EDITED, set())
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, LineRow | PhoneRow) and _is_listed(session, row):
            touched.add(_IN_BOOKS)
        match row:
            case (
                OrganisationSettingRow() | OwnTemplateRow() | AssetRow()
                | PhoneBookRow() | PhoneBookSiteRow() | PhoneBookGroupRow() | VpnCertificateRow()
            ):  # fmt: skip
                touched.add(_ALL)
            case VpnHeadEndRow() if row not in session.dirty or _has_changed(row, "addresses", "login"):
                touched.add(_ALL)
            case SiteSettingRow():
                touched.add(row.site_id)
            case EdgeTlsKeyRow() if row not in session.dirty or _has_changed(row, "state"):
                touched.add(row.site_id)
            case PhoneRow() if not (row in session.dirty and _is_for_guards_alone(row)):
                touched.update(_sites_of(row))
            case GroupSettingRow():
                members = beyond_scope(select(PhoneRow.site_id).where(PhoneRow.group_id == row.group_id))
                touched.update(session.execute(members).scalars())
            case LineRow() | PhoneSettingRow() | LineSettingRow() | ProvisioningCredentialRow():
                phone = session.get(PhoneRow, row.mac)
                touched.update(() if phone is None else (phone.site_id,))
            case _:
                continue


def _note_for_guards(session: Session) -> None:
    touched: set[str] = session.info.setdefault(_GUARDED, set())
    for row in (*session.new, *session.dirty, *session.deleted):
        is_whole = row not in session.dirty
        match row:
            case GuardPolicyRow() | GuardWindowRow() | GuardNetworkRow() | GuardElsewhereRow() | SiteNetworkRow():
                touched.add(row.site_id)
            case GuardBanRow():
                touched.update([row.site_id] if row.site_id else session.scalars(select(SiteRow.id)))
            case PhoneRow() if is_whole or _has_changed(row, *_FOR_GUARDS):
                touched.update(_sites_of(row))
            case RoomOrderRow() | ProvisioningCredentialRow():
                phone = session.get(PhoneRow, row.mac)
                touched.update(() if phone is None else (phone.site_id,))
            case EdgeJobRow() if is_whole or _has_changed(row, "state"):
                touched.add(row.site_id)
            case SiteRow() if not is_whole and _has_changed(row, "name"):
                touched.add(row.id)  # sentences name it
            case EdgeRow() if not is_whole and _has_changed(row, "network", "revoked_at"):
                touched.add(row.site_id)
            case EdgeNetworkRow() if not is_whole and _has_changed(row, "accepted"):
                touched.add(session.get_one(EdgeRow, row.edge_id).site_id)
            case _:
                touched.update(_with_keys(session, row, is_whole=is_whole))
                touched.update(_with_boxes(session, row, is_whole=is_whole))


def _with_keys(session: Session, row: Base, *, is_whole: bool) -> set[str]:
    """Return the sites whose edges are told something of their keys for phones by HTTPS with a row."""
    if isinstance(row, EdgeTlsKeyRow):
        return {row.site_id} if is_whole or _has_changed(row, "state", "renew_asked_at") else set()
    return _sites_with(session, row) if isinstance(row, _Setting) and row.name == TRUST_TRANSPORT else set()


def _with_boxes(session: Session, row: Base, *, is_whole: bool) -> set[str]:
    """Return the sites whose boxes' tunnels change with a row of a box, a concentrator, or a setting of SIP servers."""
    if isinstance(row, BoxRow):
        is_news = is_whole or _has_changed(row, "subnet", "public_key", "next_public_key", "retired_key")
        return {row.site_id} if is_news else set()
    is_for_tunnels = (
        is_whole or _has_changed(row, "endpoint", "public_key", "next_public_key", "networks", "position")
        if isinstance(row, ConcentratorRow)
        else isinstance(row, _Setting) and row.name in _FOR_TUNNELS
    )
    if not is_for_tunnels or not _has_boxes(session):
        return set()
    boxes = select(BoxRow.site_id)
    match row:
        case SiteSettingRow():
            boxes = boxes.where(BoxRow.site_id == row.site_id)
        case GroupSettingRow():
            boxes = boxes.where(BoxRow.site_id.in_(select(PhoneRow.site_id).where(PhoneRow.group_id == row.group_id)))
        case PhoneSettingRow() | LineSettingRow():
            boxes = boxes.where(BoxRow.site_id.in_(select(PhoneRow.site_id).where(PhoneRow.mac == row.mac)))
    with session.no_autoflush:
        return set(session.scalars(beyond_scope(boxes.distinct())))


def _sites_with(session: Session, row: _Setting) -> set[str]:
    """Return the sites whose phones a setting may be for."""
    match row:
        case SiteSettingRow():
            return {row.site_id}
        case GroupSettingRow():
            chosen = select(PhoneRow.site_id).where(PhoneRow.group_id == row.group_id)
        case PhoneSettingRow() | LineSettingRow():
            chosen = select(PhoneRow.site_id).where(PhoneRow.mac == row.mac)
        case OrganisationSettingRow():
            chosen = select(SiteRow.id)
    with session.no_autoflush:
        return set(session.scalars(beyond_scope(chosen.distinct())))


def _has_boxes(session: Session) -> bool:
    """Return whether there was a box when this was first asked: an import of settings asks once."""
    if _BOXES not in session.info:
        with session.no_autoflush:
            found = session.scalar(beyond_scope(select(BoxRow.edge_id).limit(1)))
        session.info[_BOXES] = found is not None
    return bool(session.info[_BOXES])


def _is_listed(session: Session, row: LineRow | PhoneRow) -> bool:
    """Return whether a change of a phone or line is one of what books list that list the organisation's lines."""
    if isinstance(row, PhoneRow):
        return row in session.deleted
    return row not in session.dirty or _has_changed(row, "name", "label", "display_name")


def _sites_of(phone: PhoneRow) -> set[str]:
    """Return where a phone stands, and where it stood before."""
    return {phone.site_id, *(inspect(phone).attrs.site_id.history.deleted or ())}


def _is_for_guards_alone(row: PhoneRow) -> bool:
    changed = {attribute.key for attribute in inspect(row).attrs if attribute.history.has_changes()}
    return bool(changed) and changed <= set(FOR_GUARDS_ALONE)


def _has_changed(row: Base, *names: str) -> bool:
    attributes = inspect(row).attrs
    return any(attributes[name].history.has_changes() for name in names)
