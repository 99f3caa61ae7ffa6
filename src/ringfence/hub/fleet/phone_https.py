"""How a phone gets its files by HTTPS: by its certificate, or by a key in its URL where it has none.

A key in a URL proves little: whoever sees the URL has it (level L1). So it is for phones that have nothing better, is
shown once, and is kept as a hash. It works once for whoever comes first in time, and from then on only for a sender
that says it is the same device, from the same network.

Invariants:

- A key opens one phone's files, and those for all phones of its site.
- The first use binds it, in one transaction: two who come at the same time are two, and one of them is refused.
- A User-Agent that speaks of another phone than the key's never binds it.
"""

import base64
import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.guard.policy import is_inside, plain_address, read_network
from ringfence.hub.errors import BadPolicy, BadSelection, NothingToEnd
from ringfence.hub.fleet import phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.phone_https_models import PhoneUrlKeyRow
from ringfence.phones.errors import CertificateRefused
from ringfence.phones.families import model as model_of
from ringfence.phones.flat_profile.https import KEEPS_RULE
from ringfence.phones.mac import Mac
from ringfence.phones.trust.client_identity import NamedPhone, agent_says, check_agent
from ringfence.phones.trust.refusals import CertificateRefusal, refused
from ringfence.secret import Secret

KEY_BYTES = 20
FIRST_USE_S = 7 * 86_400.0
"""How long a new key waits for its first use."""
MOST_NETWORKS = 8
NOTED_EVERY_S = 3600.0
PREFIX = "k"
"""The first part of the path of a URL with a key."""
_READ_AT_ONCE = 500
_LONGEST_AGENT, _LONGEST_NETWORKS = 60, 200


@dataclass(frozen=True, slots=True)
class UrlKeyUse:
    """Somebody's use of a key: the address that it came from, and what it called itself."""

    key: str
    host: str
    user_agent: str


def get(session: Session, mac: Mac) -> PhoneUrlKeyRow | None:
    """Return the row of a phone's key, None if it has none. UnknownPhone."""
    phones.get(session, mac)
    row: PhoneUrlKeyRow | None = session.get(PhoneUrlKeyRow, mac.bare)
    return row


def having(session: Session, macs: Collection[str]) -> frozenset[str]:
    """Return which of these phones (bare addresses) have a key in their URL."""
    found: set[str] = set()
    wanted = sorted(macs)
    for start in range(0, len(wanted), _READ_AT_ONCE):
        some = wanted[start : start + _READ_AT_ONCE]
        found.update(session.scalars(select(PhoneUrlKeyRow.mac).where(PhoneUrlKeyRow.mac.in_(some))))
    return frozenset(found)


def make(change: Change, mac: Mac, networks: Sequence[str] = ()) -> Secret:
    """Make a key for a phone's URL, in place of one that it has; return it, which is the only time.

    Args:
        change: Who wants it.
        mac: The phone's.
        networks: Where it may be used from; none: where it is first used.

    Raises:
        UnknownPhone: There is no such phone.
        BadSelection: Its model has no profile rule, and so no URL that a key could be in.
        BadPolicy: One of the networks is none, or there are too many.
    """
    phone = phones.get(change.session, mac)
    if not has_rule(phone.model):
        raise BadSelection(
            f"model {phone.model} has no profile rule, so it has no URL that a key could be in",
            to_do="Its files come from an edge, or from a portable bundle: ringfence bundle make.",
        )
    told = ",".join(_networks(networks))
    key = base64.b32encode(secrets.token_bytes(KEY_BYTES)).decode().lower()
    row = change.session.get(PhoneUrlKeyRow, mac.bare)
    if row is None:
        row = PhoneUrlKeyRow(mac=mac.bare)
        change.session.add(row)
    row.key_hash, row.networks, row.made_at, row.made_by = _hash(key), told, change.now, change.who
    row.until, row.bound_at, row.used_at = change.now + FIRST_USE_S, None, None
    row.bound_agent = row.bound_network = ""
    change.note("phone-https.key", str(mac), f"for {told}" if told else "for where it is first used")
    change.session.get_one(SiteRow, phone.site_id).edits += 1  # its profile leaves the phone's rule as it is now
    return Secret(key)


def has_rule(model: str) -> bool:
    """Return whether phones of a model have a rule that says from which URL they fetch their profile."""
    return KEEPS_RULE in model_of(model)[1].settings


def forget(change: Change, mac: Mac) -> None:
    """Take a phone's key away: its URL opens nothing any more.

    Raises:
        UnknownPhone: There is no such phone.
        NothingToEnd: It has none.
    """
    row = get(change.session, mac)
    if row is None:
        raise NothingToEnd(f"phone {mac} has no key in its URL")
    change.session.delete(row)
    change.session.get_one(SiteRow, phones.get(change.session, mac).site_id).edits += 1
    change.note("phone-https.forget", str(mac), "the key in its URL")


def phones_of(session: Session, key: str) -> Sequence[tuple[str, str]]:
    """Return organisation and phone (bare address) of a key; the session is for all organisations."""
    chosen = select(PhoneUrlKeyRow.organisation_id, PhoneUrlKeyRow.mac).where(PhoneUrlKeyRow.key_hash == _hash(key))
    return [(row[0], row[1]) for row in session.execute(chosen)]


def use(change: Change, mac: Mac, used: UrlKeyUse) -> None:
    """Check the use of a key, and bind it by its first one.

    Raises:
        CertificateRefused: ``unknown-phone`` where the key is none any more, ``other-agent``, ``other-network`` or
            ``late-key``; nothing has changed.
    """
    row = change.session.get(PhoneUrlKeyRow, mac.bare, with_for_update=True)
    if row is None or row.key_hash != _hash(used.key):
        raise refused(CertificateRefusal.UNKNOWN_PHONE)
    check_agent(used.user_agent, NamedPhone(mac))
    networks = tuple(map(read_network, row.networks.split(","))) if row.networks else ()
    if networks and not is_inside(used.host, networks):
        raise refused(CertificateRefusal.OTHER_NETWORK, used.host)
    if row.bound_at is None:
        if change.now > row.until:
            raise refused(CertificateRefusal.LATE_KEY)
        row.bound_at, row.bound_agent = change.now, _agent(used.user_agent)
        row.bound_network = row.networks[:64] if networks else _network(used.host)
        change.note("phone-https.bound", str(mac), f"{row.bound_agent or 'no User-Agent'} at {used.host}")
    elif row.bound_agent != _agent(used.user_agent):
        raise refused(CertificateRefusal.OTHER_AGENT, "not as at its first use")
    elif not networks and not is_inside(used.host, (read_network(row.bound_network),)):
        raise refused(CertificateRefusal.OTHER_NETWORK, used.host)
    if row.used_at is None or change.now - row.used_at > NOTED_EVERY_S:
        row.used_at = change.now


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _agent(user_agent: str) -> str:
    said = agent_says(user_agent)
    return "/".join(each for each in (said.mac, said.serial, said.model) if each)[:_LONGEST_AGENT]


def _network(host: str) -> str:
    """Return the network that an address stands for: a household has one IPv4 address, or an IPv6 network of /64."""
    address = plain_address(host)
    if address is None:
        raise CertificateRefused(CertificateRefusal.OTHER_NETWORK, "this is no address", host[:40])
    return str(ip_network(f"{address}/{32 if isinstance(address, IPv4Address) else 64}", strict=False))


def _networks(said: Sequence[str]) -> list[str]:
    if len(said) > MOST_NETWORKS:
        raise BadPolicy(f"a key may be used from at most {MOST_NETWORKS} networks, but these are {len(said)}")
    found = []
    for text in said:
        try:
            found.append(str(read_network(text)))
        except ValueError:
            raise BadPolicy(f"{text[:60]!r} is not a network", to_do="Write it like 203.0.113.0/24.") from None
    if len(",".join(found)) > _LONGEST_NETWORKS:
        raise BadPolicy("these networks are too many to be kept", to_do="Name a larger one in their place.")
    return found
