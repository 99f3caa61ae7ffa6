"""Alert channels: where people, or their programs, want to be told of alerts."""

import base64
import ipaddress
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import AlertChannelTaken, NameRefused, UnknownAlertChannel
from ringfence.hub.fleet import alert_addresses, pbx_addresses, quiet_hours, sites
from ringfence.hub.fleet.sites import slug
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import AlertChannelRow
from ringfence.secret import Secret

WEBHOOK, MAIL, NTFY = "webhook", "mail", "ntfy"
SCHEMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    WEBHOOK: ("https", "http"), MAIL: ("smtps", "smtp"), NTFY: ("https", "http"),
})  # fmt: skip
"""Kind of channel → how its address may begin. Unencrypted ones are for this machine alone (smtp: without STARTTLS)."""
PORTS: Mapping[str, int] = MappingProxyType({"https": 443, "http": 80, "smtps": 465, "smtp": 587})
_TOPIC = re.compile(r"/[-_A-Za-z0-9]{1,64}/?")
"""An ntfy server's names of topics. Source: heckel.io/ntfy, server/server.go, topicRegex."""
MOST_CHANNELS = 32
MOST_RECIPIENTS = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 - of the Standard Webhooks specification, 1.0: "Symmetric" signatures
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ChannelParts:
    """What a channel is made of.

    Args:
        kind: WEBHOOK, MAIL or NTFY.
        url: ``https://…`` for a webhook; ``smtps://HOST:465`` or ``smtp://HOST:587`` (with STARTTLS) for mail;
            ``https://HOST/TOPIC`` for ntfy.
        recipients: Mail addresses.
        sender: The mail address that mails come from.
        user: The user at the mail server; empty without one.
        secret: The mail server's password, or an access token of an ntfy server; a webhook's signing key is made by the
            hub.
        alert_kinds: Which kinds of alerts it is told of; empty for all.
        site_id: The site whose alerts it is told of; None for all sites.
        networks: hub.toml's ``alert_networks``.
        quiet_hours: When it is told of nothing, such as 22:00-07:00; empty for never.
        time_zone: The IANA name of the zone of these hours; empty for UTC.
    """

    kind: str
    url: str
    recipients: Sequence[str] = ()
    sender: str = ""
    user: str = ""
    secret: Secret = Secret("")  # noqa: RUF009 - it never changes
    alert_kinds: Sequence[str] = ()
    site_id: str | None = None
    networks: Sequence[str] = ()
    quiet_hours: str = ""
    time_zone: str = ""


def add(change: Change, sealer: Sealer, name: str, parts: ChannelParts) -> tuple[AlertChannelRow, Secret]:
    """Add a channel; return it with the secret by which a webhook's receiver checks what comes.

    Raises:
        NameRefused: A part of it can't be used.
        AlertChannelTaken: There is one with this name, or there are too many.
        UnknownSite: There is no such site.
    """
    session, channel_id = change.session, slug(name)
    if not channel_id:
        raise NameRefused(f"{name[:60]!r} can't be a channel's name", to_do="Use letters and digits.")
    if session.get(AlertChannelRow, channel_id) is not None:
        raise AlertChannelTaken(
            f"there already is a channel {channel_id}", to_do="Remove it first, or choose another name."
        )
    if (session.scalar(select(func.count()).select_from(AlertChannelRow)) or 0) >= MOST_CHANNELS:
        raise AlertChannelTaken(f"there are {MOST_CHANNELS} channels already", to_do="Remove one that is not needed.")
    _check(parts)
    quiet_hours.parse(parts.quiet_hours, parts.time_zone)
    if parts.site_id is not None:
        sites.get(session, parts.site_id)
    secret = _new_secret() if parts.kind == WEBHOOK else parts.secret
    row = AlertChannelRow(
        id=channel_id, kind=parts.kind, url=parts.url, recipients=",".join(parts.recipients), sender=parts.sender,
        user=parts.user, sealed_secret=sealer.seal(secret, _record(channel_id)) if secret else b"",
        alert_kinds=",".join(sorted(set(parts.alert_kinds))), site_id=parts.site_id, created_at=change.now,
        sent=0, sent_at=None, failing_since=None, problem="", dropped=0, quiet_hours=parts.quiet_hours,
        time_zone=parts.time_zone,
    )  # fmt: skip
    session.add(row)
    change.note("alert-channel.add", channel_id, f"{parts.kind} by {urlsplit(parts.url).hostname or 'none'}")
    session.flush()
    return row, secret


def get(session: Session, channel_id: str) -> AlertChannelRow:
    """Return a channel; UnknownAlertChannel if there is none with this id."""
    row = session.get(AlertChannelRow, channel_id)
    if row is None:
        raise UnknownAlertChannel(
            f"there is no channel {channel_id[:40]!r}", to_do="`ringfence alert-channel list` shows all."
        )
    return row


def find(session: Session) -> Sequence[AlertChannelRow]:
    """Return all channels, by id."""
    return session.scalars(select(AlertChannelRow).order_by(AlertChannelRow.id)).all()


def remove(change: Change, channel_id: str) -> None:
    """Remove a channel, with what waits to be sent there."""
    change.session.delete(get(change.session, channel_id))
    change.note("alert-channel.remove", channel_id)


def secret_of(sealer: Sealer, row: AlertChannelRow) -> Secret:
    """Return a channel's secret; an empty one if it has none."""
    return sealer.open(row.sealed_secret, _record(row.id)) if row.sealed_secret else Secret("")


def is_for(row: AlertChannelRow, site_id: str | None, alert_kind: str) -> bool:
    """Return whether a channel is told of such an alert."""
    kinds: Collection[str] = row.alert_kinds.split(",") if row.alert_kinds else ()
    return row.site_id in {None, site_id} and (not kinds or alert_kind in kinds)


def due(row: AlertChannelRow, at: float) -> float:
    """Return when a channel can be told of what it would be told of at a moment: not in its quiet hours."""
    quiet = quiet_hours.parse(row.quiet_hours, row.time_zone)
    return at if quiet is None else quiet.over(at)


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine, which needs no encryption to be reached."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(parts: ChannelParts) -> None:
    address = _address(parts)
    if address.username or address.password:
        raise NameRefused("an address must not hold a password", to_do="Give user and secret with their own options.")
    if address.scheme == "http" and not is_this_machine(address.hostname or ""):
        raise NameRefused(f"{parts.url[:80]!r} is not encrypted", to_do="Use https://, which alerts need.")
    _check_reachable(parts, address)
    if parts.kind != MAIL:
        _check_of_http(parts, address)
        return
    if not 1 <= len(parts.recipients) <= MOST_RECIPIENTS:
        raise NameRefused(f"mail needs 1 to {MOST_RECIPIENTS} recipients", to_do="Give mail addresses.")
    for text in (*parts.recipients, parts.sender):
        _check_mail_address(text)
    if bool(parts.user) != bool(parts.secret):
        raise NameRefused("a mail server's user needs a password, and the other way round", to_do="Give both or none.")


def _check_of_http(parts: ChannelParts, address: SplitResult) -> None:
    if parts.recipients or parts.sender or parts.user:
        raise NameRefused(f"{parts.kind} needs no mail addresses", to_do="Leave recipients, sender and user out.")
    if parts.kind == WEBHOOK and parts.secret:
        raise NameRefused("a webhook's secret is made by the hub", to_do="Leave the secret out.")
    if parts.kind == NTFY and (not _TOPIC.fullmatch(address.path) or address.query or address.fragment):
        raise NameRefused(
            f"{parts.url[:80]!r} names no topic",
            to_do="Write https://HOST/TOPIC; topics have letters, digits, - and _.",
        )
    if not (parts.secret.reveal().isascii() and parts.secret.reveal().isprintable()):
        raise NameRefused("the access token has characters that no token has", to_do="Copy it from the ntfy server.")


def _check_reachable(parts: ChannelParts, address: SplitResult) -> None:
    literal = pbx_addresses.literal(address.hostname or "")
    port = address.port or PORTS[address.scheme]
    if literal is None:
        return  # what a name stands for is checked each time
    if why := alert_addresses.why_not(literal, port, parts.networks, is_mail=parts.kind == MAIL):
        raise NameRefused(f"no alert may go to {literal}: {why}", to_do=alert_addresses.TO_ALLOW)


def _address(parts: ChannelParts) -> SplitResult:
    schemes = SCHEMES.get(parts.kind, ())
    try:
        address = urlsplit(parts.url)
        fits = address.scheme in schemes and bool(address.hostname) and address.port != 0 and parts.url.isprintable()
    except ValueError:
        fits = False
    if not fits or len(parts.url) > AlertChannelRow.LONGEST_URL:
        wanted = {
            WEBHOOK: "https://HOST/PATH", MAIL: "smtps://HOST:465 or smtp://HOST:587", NTFY: "https://HOST/TOPIC",
        }  # fmt: skip
        raise NameRefused(
            f"{parts.url[:80]!r} is not an address for {parts.kind[:20]!r}",
            to_do="Write " + "; ".join(f"{kind}: {form}" for kind, form in wanted.items()) + ".",
        )
    return address


def _check_mail_address(text: str) -> None:
    try:
        good = bool(Address(addr_spec=text).domain) and text.isascii() and "," not in text
    except (
        ValueError,
        IndexError,
        MessageError,
    ):  # headerregistry's parser; for an empty text it depends on the Python
        good = False
    if not good:
        raise NameRefused(f"{text[:80]!r} is not a mail address", to_do="Write it as in noc@example.org.")


def _new_secret() -> Secret:
    return Secret(SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode())


def _record(channel_id: str) -> str:
    return f"alert-channel:{channel_id}"
