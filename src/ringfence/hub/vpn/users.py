"""Who may use a head end: the phones whose files name it, as long as the hub has them, and by which name.

A phone that is removed or blocked is in none of these files any more. One to which a certificate was issued here signs
in by that alone: otherwise a phone whose certificate was revoked would come back with the one of its maker.
"""

import datetime as dt
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.fleet import phone_certificates, phones, port_authorities, vpn_phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateRow
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.store.vpn_models import VpnHeadEndRow, VpnPasswordRow, VpnPhoneRow
from ringfence.hub.trust import pbx_certificates, trust_keys
from ringfence.hub.vpn_errors import BadHeadEnd
from ringfence.phones.mac import Mac
from ringfence.phones.trust.phone_certificates import CertificateKind
from ringfence.phones.vpn import ocserv, users
from ringfence.phones.vpn.head_end import VpnLogin
from ringfence.secret import Secret

_DIGITS = 14
"""Of a password: it is typed on a phone's keypad, and ocserv shuts out whoever tries often."""
_ROUNDS = 10
_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class HeadEndUsers:
    """What a head end is to know of phones."""

    files: Mapping[str, str]
    """By their names in its folder."""
    users: Sequence[str]
    """Who may be connected, by name."""
    warnings: Sequence[str] = ()
    revoked: Mapping[str, int] = field(default_factory=dict)
    """How many certificates that were issued to whom are revoked, by name."""

    @property
    def version(self) -> str:
        """Another one whenever somebody may come in or has to go."""
        text = "\0".join(f"{name}\0{text}" for name, text in sorted(self.files.items()) if name != ocserv.REVOKED)
        return hashlib.sha256(f"{text}\0{self._revoked}".encode()).hexdigest()

    @property
    def _revoked(self) -> str:
        """What is revoked, without the signature, which is another one each time."""
        return ",".join(sorted(_serials(self.files.get(ocserv.REVOKED, ""))))


def new_password(change: Change, mac: Mac) -> Secret:
    """Give a phone another password for its head end, and return it: it is shown once. UnknownPhone."""
    phone = phones.get(change.session, mac)
    password = Secret("".join(secrets.choice("0123456789") for _digit in range(_DIGITS)))
    row = change.session.get(VpnPasswordRow, phone.mac)
    if row is None:
        row = VpnPasswordRow(mac=phone.mac)
        change.session.add(row)
    row.password_hash = bcrypt.hashpw(password.reveal().encode(), bcrypt.gensalt(_ROUNDS)).decode()
    row.made_at, row.made_by = change.now, change.who
    change.note("vpn.password", phone.mac, "another password for its VPN head end")
    return password


def of_head_end(hub: Hub, session: Session, head_end: VpnHeadEndRow, now: float) -> HeadEndUsers:
    """Return what a head end is to know of phones, now.

    Raises:
        BadHeadEnd: Phones sign in by certificates, and there is no CA that could have issued one.
    """
    macs = _macs(session, head_end.name)
    if head_end.login == VpnLogin.PASSWORD.value:
        return _by_password(session, macs)
    return _by_certificate(hub, session, macs, now)


def _macs(session: Session, name: str) -> list[str]:
    chosen = (
        vpn_phones.of_head_end(name)
        .join(PhoneRow, PhoneRow.mac == VpnPhoneRow.mac)
        .where(PhoneRow.blocked.is_(False))
        .with_only_columns(VpnPhoneRow.mac)
    )
    return list(session.scalars(chosen.order_by(VpnPhoneRow.mac)))


def _by_password(session: Session, macs: Sequence[str]) -> HeadEndUsers:
    known: dict[str, str] = {}
    for start in range(0, len(macs), _READ_AT_ONCE):
        chosen = select(VpnPasswordRow).where(VpnPasswordRow.mac.in_(macs[start : start + _READ_AT_ONCE]))
        known |= {users.user_of(Mac(row.mac)): row.password_hash for row in session.scalars(chosen)}
    lacking = [mac for mac in macs if users.user_of(Mac(mac)) not in known]
    names = sorted(known)
    return HeadEndUsers(
        {ocserv.PASSWORDS: users.ocpasswd(known), ocserv.USERS: users.allowed(names)}, names,
        [f"{len(lacking)} phones have no password yet: ringfence vpn password MAC makes one."] if lacking else [],
    )  # fmt: skip


def _by_certificate(hub: Hub, session: Session, macs: Sequence[str], now: float) -> HeadEndUsers:
    makers = [row.pem for row in port_authorities.all_of(session)]
    issuers, revoked, warnings = _issuers(hub, session, now)
    if not makers and not issuers:
        raise BadHeadEnd(
            "phones are to sign in by certificates, and there is no CA of theirs",
            to_do="Add their maker's: ringfence trust import-ca FILE. Or make keys: ringfence trust init FILE. Or let "
            "them sign in by passwords: ringfence vpn change NAME --login name-and-password.",
        )
    names = sorted(_names(session, macs, now))
    counted_now = pbx_certificates.issued(now).where(PhoneCertificateRow.revoked_at.is_not(None))
    gone = Counter(
        users.user_of(Mac(mac)) for mac in session.scalars(counted_now.with_only_columns(PhoneCertificateRow.mac))
    )
    files = {
        ocserv.AUTHORITIES: "".join([*issuers, *makers]), ocserv.USERS: users.allowed(names), ocserv.REVOKED: revoked,
    }  # fmt: skip
    if not revoked:
        del files[ocserv.REVOKED]
    return HeadEndUsers(files, names, warnings, gone)


def _names(session: Session, macs: Sequence[str], now: float) -> Iterator[str]:
    """Yield by which names phones may sign in."""
    for start in range(0, len(macs), _READ_AT_ONCE):
        some = macs[start : start + _READ_AT_ONCE]
        models = dict(session.execute(select(PhoneRow.mac, PhoneRow.model).where(PhoneRow.mac.in_(some))).all())
        shown: dict[str, list[PhoneCertificateRow]] = {}
        for row in session.scalars(select(PhoneCertificateRow).where(PhoneCertificateRow.mac.in_(some))):
            shown.setdefault(row.mac, []).append(row)
        for mac in some:
            yield from _names_of(Mac(mac), models.get(mac, ""), shown.get(mac, []), now)


def _names_of(mac: Mac, model: str, shown: Sequence[PhoneCertificateRow], now: float) -> Iterator[str]:
    issued = [row for row in shown if row.kind == CertificateKind.LSC.value]
    if issued:
        if any(row.revoked_at is None and row.ends_at > now for row in issued):
            yield users.user_of(mac)
        return
    makers = [row for row in shown if row.kind == CertificateKind.MIC.value]
    revoked = {_common_name(row) for row in makers if row.revoked_at is not None}
    for name in {_common_name(row) for row in makers} or {f"CP-{model}-{users.user_of(mac)}"}:
        if name not in revoked and (user := users.makers_user(name, mac)) is not None:
            yield user


def _issuers(hub: Hub, session: Session, now: float) -> tuple[list[str], str, list[str]]:
    """Return the CAs that issue phones' certificates here, what of theirs is revoked, and what to say of it."""
    revoked = [
        phone_certificates.read(row)
        for row in session.scalars(
            pbx_certificates.issued(now).where(PhoneCertificateRow.revoked_at.is_not(None)).order_by(
                PhoneCertificateRow.fingerprint
            )
        )
    ]  # fmt: skip
    found, lists, warnings = [], "", []
    for row in pbx_certificates.issuers(session, now):
        certificate = trust_keys.certificate_of(row)
        of_row = [
            each.serial_number for each in revoked if each.issuer == certificate.subject and _by(each, certificate)
        ]
        try:
            lists += _revocation_list(hub, row, certificate, of_row, now)
        except RingfenceError as fault:
            if of_row:
                warnings.append(
                    f"A key of CAPF is gone that has issued certificates which were revoked: none of its certificates "
                    f"are taken any more. Issue new ones: ringfence phone certificate MAC issue. ({fault.what})"
                )
                continue
        found.append(row.certificate)
    return found, lists, warnings


def _by(issued: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        issued.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it was not issued by this CA
        return False
    return True


def _revocation_list(
    hub: Hub, row: TrustKeyRow, authority: x509.Certificate, serials: Sequence[int], now: float
) -> str:
    """Return what of a CA's certificates is revoked. It ends with the CA: one that ends earlier shuts everybody out."""
    key = load_pem_private_key(trust_keys.pem_of(hub, row), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadHeadEnd("the key of CAPF is none that signs")
    at = dt.datetime.fromtimestamp(int(now), dt.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(max(at, authority.not_valid_before_utc))
        .next_update(authority.not_valid_after_utc)
        .add_extension(x509.CRLNumber(int(now)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _serials(pem: str) -> Iterator[str]:
    mark = "-----END X509 CRL-----"
    for part in pem.split(mark)[:-1]:
        read = x509.load_pem_x509_crl((part + mark + "\n").encode())
        yield read.issuer.rfc4514_string()
        yield from (f"{entry.serial_number:x}" for entry in read)


def _common_name(row: PhoneCertificateRow) -> str:
    names = phone_certificates.read(row).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
