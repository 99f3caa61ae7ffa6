"""PBXes: their addresses, and which phones register with which."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.content.digests import is_digest
from ringfence.counted import counted
from ringfence.errors import RingfenceError
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import NameRefused, PbxAddressRefused, PbxTaken, UnknownPbx
from ringfence.hub.fleet import pbx_addresses, settings
from ringfence.hub.fleet.rotation_stages import GOING_FORWARD
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.fleet.sites import slug
from ringfence.hub.store.change import Change
from ringfence.hub.store.pbx_models import OldSecretRow, PbxRow, RotationRow
from ringfence.identity.certificates import read_certificate, to_pem
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.resolve_settings import FOLLOWS
from ringfence.phones.settings.types import Scope, is_host
from ringfence.secret import Secret

SCHEMES: Mapping[str, tuple[str, ...]] = MappingProxyType({"kamailio": ("http", "https"), "asterisk": ("ami", "amis")})
"""Kind of PBX → how its addresses may begin; telephony/links.py has the adapter for each."""
_TLS = ("https", "amis")


def add(
    change: Change, sealer: Sealer, name: str, kind: str, url: str, user: str, secret: Secret, realm: str,
    sip_servers: Sequence[str], *, trust: str = "", networks: Sequence[str] = (), allows_clear_text: bool = False,
) -> PbxRow:  # fmt: skip
    """Add a PBX; NameRefused says what is wrong with its parts, PbxAddressRefused that it may not be reached so.

    ``trust`` is for TLS: a CA's certificate in PEM, or a certificate's SHA-256; ``networks`` are ``pbx_networks``.
    ``allows_clear_text``: secrets may go to another machine without TLS.
    """
    pbx_id = slug(name)
    if not pbx_id:
        raise NameRefused(f"{name[:60]!r} can't be a PBX's name", to_do="Use letters and digits.")
    if change.session.get(PbxRow, pbx_id) is not None:
        raise PbxTaken(f"there already is a PBX {pbx_id}", to_do="Remove it first, or choose another name.")
    address = urlsplit(url)
    if kind not in SCHEMES or address.scheme not in SCHEMES[kind] or not address.hostname:
        wanted = "; ".join(f"{each}: {scheme[0]}://HOST:PORT…" for each, scheme in SCHEMES.items())
        raise NameRefused(f"{url[:80]!r} is not an address for {kind[:20]!r}", to_do=f"Write {wanted}.")
    if address.password or address.username:
        raise NameRefused("an address must not hold a password", to_do="Give user and secret with their own options.")
    literal = pbx_addresses.literal(address.hostname)
    if literal is not None and (why := pbx_addresses.why_not(literal, networks)):
        raise PbxAddressRefused(
            f"a link to a PBX may not go to {literal}: {why}",
            to_do="If a PBX is there, add its network to `pbx_networks` in hub.toml, and restart the hub.",
        )
    if is_in_clear(url) and not allows_clear_text:
        raise PbxAddressRefused(
            f"the manager's secret and phones' passwords would go to {address.hostname} in clear text",
            to_do=f"Use {SCHEMES[kind][1]}://, or say that the way there is yours alone: --allow-clear-text.",
        )
    trust = _trust(trust, address.scheme)
    for host in (realm, *sip_servers):
        if not is_host(host):
            raise NameRefused(
                f"{host[:60]!r} is not a host name", to_do="Give the digest realm and the SIP servers' names."
            )
    row = PbxRow(
        id=pbx_id, kind=kind, url=url, user=user, sealed_secret=sealer.seal(secret, _record(pbx_id)) if secret else b"",
        realm=realm, sip_servers=",".join(sip_servers), trust=trust, created_at=change.now,
    )  # fmt: skip
    change.session.add(row)
    change.note("pbx.add", pbx_id, f"{kind} at {url}")
    return row


def is_in_clear(url: str) -> bool:
    """Return whether secrets go to another machine in clear text."""
    address = urlsplit(url)
    return address.scheme not in _TLS and not pbx_addresses.is_loopback(address.hostname or "")


def warning(row: PbxRow) -> str:
    """Return what is unsafe about a link, for people; empty if nothing is."""
    if not is_in_clear(row.url):
        return ""
    return (
        f"Secrets go to {urlsplit(row.url).hostname} in clear text: anybody between here and there can read them. "
        f"Use {SCHEMES[row.kind][1]}://, or a network that is yours alone."
    )


def _trust(text: str, scheme: str) -> str:
    """Return what is trusted in its stored form; NameRefused if it is neither a certificate nor a fingerprint."""
    if not text.strip():
        return ""
    if scheme not in _TLS:
        raise NameRefused(
            "a certificate is trusted over TLS alone", to_do=f"Write an address with {' or '.join(_TLS)}."
        )
    return read_trust(text)


def read_trust(text: str) -> str:
    """Return what is trusted over TLS in its stored form; NameRefused if it is no certificate and no fingerprint."""
    digits = text.replace(":", "").strip().lower()
    if is_digest(digits):
        return digits
    try:
        return to_pem(read_certificate(text))
    except RingfenceError:
        raise NameRefused(
            "this is neither a certificate in PEM nor a fingerprint", to_do="Give a CA's file, or SHA-256 in 64 digits."
        ) from None


def get(session: Session, pbx_id: str) -> PbxRow:
    """Return a PBX; UnknownPbx if there is none with this id."""
    row = session.get(PbxRow, pbx_id)
    if row is None:
        raise UnknownPbx(f"there is no PBX {pbx_id[:40]!r}", to_do="`ringfence pbx list` shows all.")
    return row


TELL_CALLS = frozenset({"asterisk"})
"""The kinds of PBX that tell who is in a call."""


def find(session: Session) -> Sequence[PbxRow]:
    """Return all PBXes, by id."""
    return session.scalars(select(PbxRow).order_by(PbxRow.id)).all()


def remove(change: Change, pbx_id: str) -> None:
    """Remove a PBX; PbxTaken while secrets are being changed there.

    What is still to be put back at a PBX does not keep it: it may be gone for good.
    """
    row = get(change.session, pbx_id)
    busy = change.session.scalar(
        select(func.count()).where(RotationRow.pbx_id == pbx_id, RotationRow.stage.in_(GOING_FORWARD))
    )
    if busy:
        raise PbxTaken(
            f"the secrets of {counted(busy, 'phone')} are being changed there",
            to_do="Wait until that has ended: ringfence sip rotations.",
        )
    for rotation in change.session.scalars(select(RotationRow).where(RotationRow.pbx_id == pbx_id)):
        change.session.execute(delete(OldSecretRow).where(OldSecretRow.mac == rotation.mac))
        change.session.delete(rotation)
    change.session.flush()
    change.session.delete(row)
    change.note("pbx.remove", pbx_id)


def secret_of(sealer: Sealer, row: PbxRow) -> Secret:
    """Return the secret that a PBX asks for; empty if it asks for none."""
    return sealer.open(row.sealed_secret, _record(row.id)) if row.sealed_secret else Secret("")


def secrets(session: Session, sealer: Sealer) -> Iterator[tuple[str, Secret]]:
    """Yield every PBX's secret with its id; none that can't be opened."""
    for row in find(session):
        with contextlib.suppress(SealBroken):
            if secret := secret_of(sealer, row):
                yield row.id, secret


def serving(session: Session, sip_server: str) -> PbxRow | None:
    """Return the PBX that phones of a SIP server register with; one that names the server before one for any."""
    rows = find(session)
    named = [row for row in rows if sip_server in row.sip_servers.split(",")]
    anywhere = [row for row in rows if not row.sip_servers]
    return next(iter((*named, *anywhere)), None)


def of_phone(session: Session, mac: Mac) -> tuple[PbxRow | None, str]:
    """Return the PBX that a phone registers with, None if none is known, and its SIP server's name.

    A phone in a tunnel has the PBX of its server's name outside, unless one names the inner address.
    """
    said = {item.setting.name: item for item in settings.effective(session, SettingPlace(Scope.PHONE, mac.bare))}
    server = said.get("sip_server")
    sip_server = str(server.value) if server is not None else ""
    if server is None or server.scope != FOLLOWS:
        return serving(session, sip_server), sip_server
    outside = str(settings.explain(session, mac, "sip_server")[0].given[-2][2])
    found = serving(session, sip_server)
    is_named = found is not None and bool(found.sip_servers)
    return (found, sip_server) if is_named else (serving(session, outside), outside)


def _record(pbx_id: str) -> str:
    return f"pbx:{pbx_id}"
