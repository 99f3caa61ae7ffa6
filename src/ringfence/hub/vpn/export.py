"""What a head end is given: ocserv's configuration, the certificate that it is to show, and who may use it.

No private key is among it: the key of a head end's certificate is made there and stays there.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from sqlalchemy import func
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.fleet import vpn_phones
from ringfence.hub.fleet.vpn_certificate_states import KNOWN_TO_PHONES
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.vpn_models import VpnHeadEndRow, VpnPhoneRow
from ringfence.hub.vpn import certificates, head_ends, users
from ringfence.phones.families import model as model_of
from ringfence.phones.sip.pbx_tls import check_folder
from ringfence.phones.vpn import ocserv
from ringfence.phones.vpn.head_end import HTTPS, VpnLogin, host_and_port
from ringfence.phones.vpn.ocserv import Ocserv, OcservVersion

_OLD = frozenset({"1.0", "1.1"})
_MTU = 1290
"""What phones' files say (PHONES.md section 4)."""


@dataclass(frozen=True, slots=True)
class HeadEndExport:
    """Files for a head end, and what to know about them."""

    files: dict[str, str]
    certificate: str
    """The SHA-256 of the certificate that it is to show."""
    key_file: str
    """Where the key of that certificate has to be, by its name in the same folder."""
    warnings: list[str]


def export(hub: Hub, change: Change, name: str, folder: str, version: OcservVersion) -> HeadEndExport:
    """Return what a head end is to have. The audit log says who took it: it holds the hashes of phones' passwords.

    Args:
        hub: The organisation's hub.
        change: Who takes it, and when.
        name: The head end's.
        folder: Where the files are at the head end.
        version: What runs there.

    Raises:
        UnknownHeadEnd: There is none with this name.
        NoVpnCertificate: It has no certificate yet.
        BadHeadEnd: No CA could have issued phones' certificates.
        UnfitAccount: The folder's path can't stand in the configuration.
    """
    check_folder(folder)
    session = change.session
    row = head_ends.get(session, name)
    used = certificates.used_of(session, name)
    found = users.of_head_end(hub, session, row, change.now)
    old = _old_models(session, name)
    text = Ocserv(
        version=version, folder=folder, port=host_and_port(row.addresses[0])[1], login=VpnLogin(row.login),
        certificate=ocserv.certificate_file(used.fingerprint), network=IPv4Network(row.network),
        routes=tuple(row.routes), mtu=_MTU, takes_old=bool(old), has_revoked=ocserv.REVOKED in found.files,
    )  # fmt: skip
    files = ocserv.files(text, found.files)
    for each in head_ends.certificates(session, name):
        if each.state in KNOWN_TO_PHONES:
            files[ocserv.certificate_file(each.fingerprint)] = each.chain
    row.exported_at, row.exported_by, row.exported = change.now, change.who, used.fingerprint
    change.note("vpn.export", name, f"{counted(len(found.users), 'user')}, certificate {used.fingerprint}")
    warnings = [*_warnings(row, version, old), *found.warnings]
    return HeadEndExport(files, used.fingerprint, ocserv.key_file(used.fingerprint), warnings)


def _old_models(session: Session, name: str) -> Counter[str]:
    """Return the models of a head end's phones that speak TLS 1.0 alone, and how many there are."""
    chosen = (
        vpn_phones.of_head_end(name)
        .join(PhoneRow, PhoneRow.mac == VpnPhoneRow.mac)
        .with_only_columns(PhoneRow.model, func.count())
        .group_by(PhoneRow.model)
        .order_by(None)
    )
    found = session.execute(chosen)
    return Counter({model: count for model, count in found if model_of(model)[1].tls_ceiling.value in _OLD})


def _warnings(row: VpnHeadEndRow, version: OcservVersion, old: Counter[str]) -> Iterator[str]:
    if version is OcservVersion.WITHOUT_PHONES:
        yield (
            "ocserv 1.1 does not know how phones sign in (/svc): no phone can connect to it, but computers can. "
            "Phones need ocserv 1.2 or newer."
        )
    if old:
        models = ", ".join(f"{model} ({count})" for model, count in sorted(old.items()))
        yield (
            f"TLS 1.0 is allowed, which is broken, since {counted(old.total(), 'phone knows', 'phones know')} nothing "
            f"better: {models}. A head end of their own keeps the others from it."
        )
    if any(host_and_port(address)[1] != HTTPS for address in row.addresses):
        yield "Phones use DTLS on port 443 alone: with another port for TLS, keep UDP 443 open as well."
