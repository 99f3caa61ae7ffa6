"""VPN head ends, which phones' settings name; what phones are told of them follows from here."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import network_words, vpn_phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.hub.store.vpn_models import LONGEST_HEAD_END, VpnCertificateRow, VpnHeadEndRow
from ringfence.hub.vpn_errors import BadHeadEnd, HeadEndInUse, HeadEndTaken
from ringfence.phones.mac import Mac
from ringfence.phones.vpn.head_end import MOST_ADDRESSES, VpnLogin, read_address

MOST = 32
MOST_ROUTES = 64
_SMALLEST_NETWORK = 28
"""The longest prefix of phones' addresses inside: 13 phones."""
_LARGEST_NETWORK = 12


@dataclass(frozen=True, slots=True)
class HeadEndChanges:
    """What is said of a head end; what is None stays as it is."""

    addresses: Sequence[str] | None = None
    login: VpnLogin | None = None
    network: str | None = None
    routes: Sequence[str] | None = None


def choose() -> Select[VpnHeadEndRow]:
    """Return the query for all head ends."""
    return select(VpnHeadEndRow)


def get(session: Session, name: str) -> VpnHeadEndRow:
    """Return a head end. UnknownHeadEnd."""
    row: VpnHeadEndRow | None = session.get(VpnHeadEndRow, name)
    if row is None:
        raise vpn_phones.unknown(name)
    return row


def create(change: Change, name: str, said: HeadEndChanges) -> VpnHeadEndRow:
    """Add a head end, which has no certificate yet.

    Raises:
        BadHeadEnd, HeadEndTaken: Its name is none, or is taken; there are too many; or as ``change_head_end``.
        ValueOutOfRange, BadNetwork: As ``change_head_end``.
    """
    name = name.strip()
    words = name.replace("-", "").replace("_", "").replace(".", "")
    if not name or len(name) > LONGEST_HEAD_END or not (words.isascii() and words.isalnum()) or not name[0].isalnum():
        raise BadHeadEnd(
            f"a head end's name has 1 to {LONGEST_HEAD_END} letters, digits, '.', '_' and '-'", where=repr(name[:40])
        )
    if change.session.get(VpnHeadEndRow, name) is not None:
        raise HeadEndTaken(f"there is a VPN head end {name} already", to_do=f"Change it: ringfence vpn change {name}.")
    if (change.session.scalar(select(func.count()).select_from(VpnHeadEndRow)) or 0) >= MOST:
        raise BadHeadEnd(f"an organisation has at most {MOST} VPN head ends", to_do="Remove one that is not needed.")
    row = VpnHeadEndRow(
        name=name, addresses=[], login=VpnLogin.CERTIFICATE.value, network="", routes=[], created_at=change.now,
        created_by=change.who,
    )  # fmt: skip
    _apply(row, said)
    change.session.add(row)
    change.note("vpn.init", name, ", ".join(row.addresses))
    return row


def change_head_end(change: Change, name: str, said: HeadEndChanges) -> VpnHeadEndRow:
    """Change where a head end is, how phones sign in, or what they reach through it.

    Raises:
        UnknownHeadEnd: There is none with this name.
        BadHeadEnd: It has no address, or too many of something.
        ValueOutOfRange: An address is none.
        BadNetwork: A network is none.
    """
    row = get(change.session, name)
    _apply(row, said)
    change.note("vpn.change", name, f"{', '.join(row.addresses)}; {row.login}; {row.network}")
    return row


def remove(change: Change, name: str) -> None:
    """Remove a head end that no setting names.

    Raises:
        UnknownHeadEnd: There is none with this name.
        HeadEndInUse: Settings name it, which are named, or phones' files do.
    """
    row = get(change.session, name)
    if places := _named_by(change.session, name):
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""  # noqa: PLR2004 - as many as are named
        raise HeadEndInUse(
            f"settings name the VPN head end {name}: {', '.join(places[:3])}{more}",
            to_do="Unset vpn there, or name another one, and publish.",
        )
    if count := vpn_phones.count(change.session, name):
        raise HeadEndInUse(
            f"the files of {count} phones name the VPN head end {name} still, as far as is known",
            to_do="Publish, and wait until they have taken their files: ringfence vpn phones " + name,
        )
    change.session.delete(row)
    change.note("vpn.remove", name)


def certificates(session: Session, name: str) -> Sequence[VpnCertificateRow]:
    """Return a head end's certificates, the newest first."""
    chosen = select(VpnCertificateRow).where(VpnCertificateRow.head_end == name)
    order = VpnCertificateRow.announced_at.desc(), VpnCertificateRow.fingerprint
    return session.scalars(chosen.order_by(*order)).all()


def _apply(row: VpnHeadEndRow, said: HeadEndChanges) -> None:
    if said.addresses is not None:
        row.addresses = list(dict.fromkeys(map(read_address, said.addresses)))
    if not 1 <= len(row.addresses) <= MOST_ADDRESSES:
        raise BadHeadEnd(f"phones know 1 to {MOST_ADDRESSES} addresses of a head end, not {len(row.addresses)}")
    if said.login is not None:
        row.login = said.login.value
    if said.network is not None:
        network = network_words.read_route(said.network)
        if not _LARGEST_NETWORK <= network.prefixlen <= _SMALLEST_NETWORK:
            raise BadHeadEnd(
                f"phones' addresses inside are a network of /{_LARGEST_NETWORK} to /{_SMALLEST_NETWORK}, not {network}"
            )
        row.network = str(network)
    if said.routes is not None:
        if len(said.routes) > MOST_ROUTES:
            raise BadHeadEnd(f"a head end has at most {MOST_ROUTES} routes, but these are {len(said.routes)}")
        row.routes = list(dict.fromkeys(str(network_words.read_route(each)) for each in said.routes))


def _named_by(session: Session, name: str) -> list[str]:
    organisation = select(OrganisationSettingRow).where(OrganisationSettingRow.name == vpn_phones.VPN)
    sites = select(SiteSettingRow).where(SiteSettingRow.name == vpn_phones.VPN)
    groups = select(GroupSettingRow).where(GroupSettingRow.name == vpn_phones.VPN)
    phones = select(PhoneSettingRow).where(PhoneSettingRow.name == vpn_phones.VPN)
    return [
        *("the organisation" for row in session.scalars(organisation) if row.value == name),
        *(f"site {row.site_id}" for row in session.scalars(sites) if row.value == name),
        *(f"group {row.group_id}" for row in session.scalars(groups) if row.value == name),
        *(f"phone {Mac(row.mac)}" for row in session.scalars(phones) if row.value == name),
    ]
