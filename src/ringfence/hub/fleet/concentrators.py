"""Concentrators: the other ends of an organisation's tunnels, beside its PBX. A token lets one enrol, once.

One that is removed is let in no more, and boxes forget it; one that has lost its key enrols again with a new token.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from ringfence.addresses import host_port
from ringfence.errors import PeerFault
from ringfence.hub.box_errors import BadNetwork, NoTunnelKey, UnknownConcentrator
from ringfence.hub.errors import EdgeRefused, NameRefused
from ringfence.hub.fleet import network_words as words
from ringfence.hub.fleet import tunnel_keys
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.network_models import BoxRow, ConcentratorRow, TunnelTokenRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.identity.certificates import fingerprint, key_fingerprint, validity
from ringfence.printable import printable
from ringfence.secret import Secret
from ringfence.wire.tunnel_messages import TunnelStanding

TOKEN_LIFETIME_S = 24 * 3600
MOST = 32
MOST_NETWORKS = 64
MOST_HANDSHAKES = 50_000
LONGEST_NAME = 80
CONNECTED_FOR_S = 60.0
ADDRESSES = IPv4Network("100.111.255.0/24")
"""Where concentrators' addresses inside tunnels are: beside the usual pool of boxes (ADR 43), in RFC 6598's space."""
_SECRET_BYTES = 24
_LONGEST_ENDPOINT = 260
_CLOCKS_AHEAD_S = 86_400.0
_LARGEST = 1 << 53
_ASK = "Ask for a new one: ringfence tunnel token NAME."


def create_token(change: Change, name: str) -> tuple[ConcentratorRow, TunnelTokenRow, Secret]:
    """Create a one-time token for the concentrator with a name, which is new or enrols again.

    Raises:
        NameRefused: It is no name.
        BadNetwork: There are too many.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NameRefused(f"a concentrator's name has 1 to {LONGEST_NAME} printable characters")
    row = change.session.scalar(select(ConcentratorRow).where(ConcentratorRow.name == name))
    if row is None:
        row = _new(change, name)
    secret = Secret(secrets.token_urlsafe(_SECRET_BYTES))
    of_row = update(TunnelTokenRow).where(TunnelTokenRow.concentrator_id == row.id, TunnelTokenRow.used_at.is_(None))
    change.session.execute(of_row.values(is_ended=True))
    token = TunnelTokenRow(
        id=new_id("token"), concentrator_id=row.id, secret_hash=_hash(secret), created_at=change.now,
        created_by=change.who, expires_at=float(int(change.now) + TOKEN_LIFETIME_S), used_at=None, is_ended=False,
    )  # fmt: skip
    change.session.add(token)
    change.note("tunnel.token", row.id, f"for {name}")
    return row, token, secret


def choose() -> Select[ConcentratorRow]:
    """Return the query for the concentrators, in the order in which boxes try them."""
    return select(ConcentratorRow).order_by(ConcentratorRow.position, ConcentratorRow.id)


def get(session: Session, name: str) -> ConcentratorRow:
    """Return a concentrator by its id or its name; UnknownConcentrator where there is none."""
    row = session.get(ConcentratorRow, name) or session.scalar(
        select(ConcentratorRow).where(ConcentratorRow.name == name)
    )
    if row is None:
        raise UnknownConcentrator(f"there is no concentrator {name[:40]!r}", to_do="`ringfence tunnel list` shows all.")
    return row


def allow(
    change: Change, name: str, networks: Sequence[str] | None = None, position: int | None = None
) -> ConcentratorRow:
    """Say which networks are routed to a concentrator, or its place in the order in which boxes try them.

    Raises:
        UnknownConcentrator: There is none with this id or name.
        BadNetwork: One of the networks is none, or there are too many.
    """
    row = get(change.session, name)
    if networks is not None:
        if len(networks) > MOST_NETWORKS:
            raise BadNetwork(f"a concentrator has at most {MOST_NETWORKS} networks, but these are {len(networks)}")
        row.networks = list(dict.fromkeys(str(words.read_route(each)) for each in networks))
    if position is not None:
        row.position = words.read_number("a concentrator's place", position, (1, 1000))
    if networks is not None or position is not None:
        change.note("tunnel.allow", row.id, f"place {row.position}, {', '.join(row.networks) or 'no network'}")
    return row


def rotate_key(change: Change, name: str) -> ConcentratorRow:
    """Have a concentrator change its tunnel's key, as soon as it hears of it.

    Raises:
        UnknownConcentrator: There is none with this id or name.
        NoTunnelKey: It has told no key yet.
    """
    row = get(change.session, name)
    if not row.public_key:
        raise NoTunnelKey("this concentrator has told no key of a tunnel", to_do="Start it: ringfence tunnel run.")
    row.retired_key = row.public_key
    change.note("tunnel.rotate-key", row.id, row.public_key)
    return row


def remove(change: Change, name: str) -> ConcentratorRow:
    """Remove a concentrator: its connection ends, and boxes go on with the others."""
    row = get(change.session, name)
    change.session.delete(row)
    change.note("tunnel.remove", row.id, row.name)
    return row


def organisation_of_token(session: Session, secret: Secret) -> str:
    """Return whose token this is, in a session for all organisations; the first one's where it is no token."""
    chosen = select(TunnelTokenRow.organisation_id).where(TunnelTokenRow.secret_hash == _hash(secret))
    return session.scalar(chosen) or FIRST


def redeem(change: Change, secret: Secret) -> ConcentratorRow:
    """Use a token up and return whose it is; EdgeRefused says why it is not valid.

    One update decides which of two simultaneous requests gets it, on every database.
    """
    token = change.session.scalar(select(TunnelTokenRow).where(TunnelTokenRow.secret_hash == _hash(secret)))
    if token is None:
        raise EdgeRefused("token-wrong", "this hub has no such token for a tunnel", to_do=_ASK)
    if token.is_ended:
        raise EdgeRefused("token-revoked", "a newer token has taken this one's place", to_do=_ASK)
    if token.used_at is None and change.now >= token.expires_at:
        raise EdgeRefused("token-expired", "this token has expired: it was valid for 24 hours", to_do=_ASK)
    unused = (TunnelTokenRow.id == token.id, TunnelTokenRow.used_at.is_(None), TunnelTokenRow.is_ended.is_(False))
    used = update(TunnelTokenRow).where(*unused).values(used_at=change.now).returning(TunnelTokenRow.id)
    if not change.session.execute(used).all():
        raise EdgeRefused("token-used", "this token has been used; each lets one concentrator in, once", to_do=_ASK)
    return get(change.session, token.concentrator_id)


def admit(change: Change, row: ConcentratorRow, issued: x509.Certificate, hostname: str, version: str) -> None:
    """Note that a concentrator has enrolled; whoever had its place before is let in no more."""
    row.enrolled_at, row.key_fingerprint = change.now, key_fingerprint(issued.public_key())
    row.hostname, row.version = printable(hostname, 255), printable(version, 40)
    row.address = row.address or _free_address(change.session)
    note_certificate(row, issued)
    change.note("tunnel.enrol", row.id, f"{row.name}, host {row.hostname}")


def note_certificate(row: ConcentratorRow, issued: x509.Certificate) -> None:
    """Keep which certificate a concentrator was issued last."""
    row.certificate_fingerprint, row.certificate_ends_at = fingerprint(issued), validity(issued)[1]


def let_in(session: Session, concentrator_id: str, key: str) -> ConcentratorRow:
    """Return the concentrator that a key is of; EdgeRefused where it was removed, or has enrolled again since."""
    row = session.get(ConcentratorRow, concentrator_id)
    if row is None or row.key_fingerprint != key:
        raise EdgeRefused(
            "certificate-unknown", "this hub knows no concentrator with this certificate",
            to_do="Enrol it with a new token.",
        )  # fmt: skip
    return row


def bounded(told: TunnelStanding) -> TunnelStanding:
    """Return what a concentrator tells as it may be kept.

    Raises:
        PeerFault: It tells more than it can have, or what is no key or no place.
    """
    if len(told.handshakes) > MOST_HANDSHAKES:
        raise PeerFault(f"a concentrator tells of at most {MOST_HANDSHAKES} boxes")
    return replace(
        told, endpoint=_endpoint(told.endpoint), public_key=tunnel_keys.read(told.public_key),
        next_public_key=tunnel_keys.read(told.next_public_key), peers_version=min(told.peers_version, _LARGEST),
        peers_epoch=printable(told.peers_epoch, 40), endpoints_digest=printable(told.endpoints_digest, 64),
        hub_url=printable(told.hub_url, 300),
    )  # fmt: skip


def take(change: Change, row: ConcentratorRow, told: TunnelStanding, issuer: str) -> None:
    """Keep what a concentrator tells, which is ``bounded``; boxes are told where that concerns them.

    ``issuer`` is the CA of the certificate that it shows.

    Raises:
        PeerFault: It tells a public key that is another's.
    """
    if (told.public_key, told.next_public_key) != (row.public_key, row.next_public_key):
        tunnel_keys.claim(change.session, told.public_key, told.next_public_key, concentrator_id=row.id)
        if row.public_key and told.public_key != row.public_key:
            change.note("tunnel.key", row.id, f"{row.public_key} → {told.public_key or 'none'}")
    row.endpoint, row.public_key, row.next_public_key = told.endpoint, told.public_key, told.next_public_key
    row.peers_version, row.peers_epoch = told.peers_version, told.peers_epoch
    known = set(change.session.scalars(select(BoxRow.edge_id)))
    latest = change.now + _CLOCKS_AHEAD_S
    row.handshakes = {edge: min(max(at, 0.0), latest) for edge, at in told.handshakes.items() if edge in known}
    row.endpoints_digest, row.hub_url, row.issuer = told.endpoints_digest, told.hub_url, issuer
    row.told_at = change.now


def is_connected(row: ConcentratorRow, now: float) -> bool:
    """Return whether a concentrator has an event stream open somewhere."""
    return row.connected_until is not None and row.connected_until > now


def _new(change: Change, name: str) -> ConcentratorRow:
    count, last = change.session.execute(select(func.count(), func.max(ConcentratorRow.position))).one()
    if count >= MOST:
        raise BadNetwork(f"an organisation has at most {MOST} concentrators", to_do="Remove one that is not needed.")
    row = ConcentratorRow(
        id=new_id("tunnel"), name=name, position=(last or 0) + 1, networks=[], created_at=change.now, enrolled_at=None,
        key_fingerprint="", certificate_fingerprint=None, certificate_ends_at=None, hostname="", version="",
        address="", endpoint="", public_key="", next_public_key="", retired_key="", peers_version=0, peers_epoch="",
        told_at=None, handshakes={}, connected_until=None, endpoints_digest="", hub_url="", issuer="",
    )  # fmt: skip
    change.session.add(row)
    change.session.flush()
    return row


def _free_address(session: Session) -> str:
    """Return an address that no other concentrator of the organisation has; there are more than concentrators."""
    taken = set(session.scalars(select(ConcentratorRow.address)))
    return next(str(each) for each in ADDRESSES.hosts() if str(each) not in taken)


def _endpoint(said: str) -> str:
    try:
        parts = urlsplit(f"//{said}")
        host, port = words.read_host(parts.hostname or ""), parts.port
    except (ValueError, BadNetwork):
        host, port = "", None
    if not host or not port or len(said) > _LONGEST_ENDPOINT or parts.path or parts.query or "@" in said:
        raise PeerFault(f"{printable(said, 80)!r} is not where boxes find a concentrator: HOST:PORT")
    return host_port(host, port)


def _hash(secret: Secret) -> str:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogateescape")).hexdigest()
