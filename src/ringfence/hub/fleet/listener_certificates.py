"""The certificates that phones see at the hub's listeners: whose they are, when they end, and what is wrong."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ringfence.errors import Conflict, RingfenceError
from ringfence.hub.acme import keeper, state
from ringfence.hub.core import Hub
from ringfence.hub.data import listener_files, server_certificates
from ringfence.hub.data.acme_config import is_dns_name
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.listener_files import CertificateSource
from ringfence.hub.errors import BadSelection
from ringfence.hub.store.change import Change
from ringfence.identity.certificates import fingerprint, validity

DAY_S = 86_400.0
_WARNED_BEFORE_S = {CertificateSource.OPERATOR: 14 * DAY_S, CertificateSource.MAKER: 60 * DAY_S}
"""How long before its end somebody is told: the maker takes weeks to sign."""
_LATE_OF_LIFE = 1 / 6
"""How much of the life of a CA's certificate is left when it should have been renewed long since."""
_FAILING_FOR_S = DAY_S
"""For how long renewing may fail before somebody is told, while the certificate is good."""
_RENEWED_BY = {
    CertificateSource.OPERATOR: "whatever renews its files, such as certbot",
    CertificateSource.ACME: "the hub, at the CA in hub.toml",
    CertificateSource.MAKER: "you, with a new request for the maker",
    CertificateSource.HUB: "the hub, by itself",
}


@dataclass(frozen=True, slots=True)
class ListenerCertificate:
    """What phones see at one listener."""

    is_for_old: bool
    source: CertificateSource
    names: Sequence[str]
    issuer: str
    fingerprint: str
    ends_at: float | None
    """None where it can't be read."""
    renewed_from: float | None
    """From when on the hub renews it by itself; None where somebody else does."""
    problem: str
    """What is wrong and what to do, in sentences; empty for nothing."""

    @property
    def seen_by(self) -> str:
        """Who sees it, in words."""
        return "What old phones see (TLS 1.0)" if self.is_for_old else "What phones see"

    @property
    def renewed_by(self) -> str:
        """Who renews it, in words."""
        return _RENEWED_BY[self.source]


def find(hub: Hub, now: float) -> Sequence[ListenerCertificate]:
    """Return what phones see at each listener that hub.toml names."""
    if hub.folder is None:
        return ()
    folder = hub.folder
    listens = {False: hub.config.phones_listen or hub.config.phones_acme_directory, True: hub.config.phones_old_listen}
    return [_found(hub, folder, now, is_for_old=is_old) for is_old, listen in listens.items() if listen]


def find_one(hub: Hub, now: float, *, is_for_old: bool) -> ListenerCertificate:
    """Return what phones see, or old ones, whether there is a listener for them or not. BadSelection."""
    return _found(hub, folder_of(hub), now, is_for_old=is_for_old)


def renew(change: Change, hub: Hub) -> None:
    """Have the hub order a new certificate at its CA at once.

    Raises:
        BadSelection: hub.toml names no CA.
        Conflict: The orders of a day are used up.
    """
    folder = folder_of(hub)
    if not hub.config.phones_acme_directory:
        raise BadSelection("hub.toml names no CA", to_do="Set `phones_acme_directory` there, and start the hub again.")
    if not state.read(folder).has_orders_left(change.now):
        raise Conflict(
            f"{state.MOST_ORDERS_A_DAY} certificates were ordered within a day; a CA refuses whoever asks too often",
            to_do="Try again tomorrow.",
        )
    keeper.ask(folder)
    change.note("listener-certificate.renew", hub.config.phones_acme_directory, "at once")


def folder_of(hub: Hub) -> DataFolder:
    """Return the hub's data folder. BadSelection where it has none."""
    if hub.folder is None:
        raise BadSelection("this hub has no data folder")
    return hub.folder


def _found(hub: Hub, folder: DataFolder, now: float, *, is_for_old: bool) -> ListenerCertificate:
    source = listener_files.source_of(hub.config, folder, is_for_old=is_for_old)
    try:
        pair = listener_files.read(hub.config, folder, is_for_old=is_for_old)
        own = server_certificates.read_chain(pair.certificate)[0]
    except RingfenceError as fault:
        unread = f"What phones see can't be read: {fault}"
        return ListenerCertificate(is_for_old, source, (), "", "", None, None, unread)
    begins_at, ends_at = validity(own)
    found = ListenerCertificate(
        is_for_old, source, server_certificates.names_of(own), own.issuer.rfc4514_string()[:200], fingerprint(own),
        ends_at, keeper.renewed_from(begins_at, ends_at) if source is CertificateSource.ACME else None, "",
    )  # fmt: skip
    return replace(found, problem=_problem(hub, found, begins_at, ends_at, now))


def _problem(hub: Hub, found: ListenerCertificate, begins_at: float, ends_at: float, now: float) -> str:
    whose = "The certificate that old phones see" if found.is_for_old else "The certificate that phones see"
    kept = state.read(folder_of(hub))
    if found.source is CertificateSource.HUB:
        is_waited_for = hub.config.phones_acme_directory and not found.is_for_old
        none_yet = "Phones see a certificate of the hub's own CA, as none was issued yet"
        return _not_ordered(none_yet, kept) if is_waited_for else ""
    if now < begins_at:
        return f"{whose} begins only on {_day(begins_at)}. Is this machine's clock right?"
    host = urlsplit(hub.config.url_for_phones(hub.config.address, is_old=found.is_for_old)).hostname or ""
    if is_dns_name(host) and not server_certificates.is_for(host, found.names):
        return f"{whose} is for {', '.join(found.names)}, but they are led to {host}, and will refuse it."
    ends = f"has ended on {_day(ends_at)}" if ends_at <= now else f"ends on {_day(ends_at)}"
    if found.source is CertificateSource.ACME:
        is_late = ends_at - now < (ends_at - begins_at) * _LATE_OF_LIFE
        is_failing = kept.failing_since is not None and now - kept.failing_since >= _FAILING_FOR_S
        return _not_ordered(f"{whose} {ends}, and was not renewed", kept) if is_late or is_failing else ""
    is_near = ends_at - now <= _WARNED_BEFORE_S[found.source]
    return f"{whose} {ends}. It is renewed by {found.renewed_by}." if is_near else ""


def _not_ordered(what: str, kept: state.AcmeState) -> str:
    return f"{what}: {kept.problem}" if kept.problem else ""


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
