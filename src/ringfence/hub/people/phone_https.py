"""How phones get their files by HTTPS: their URLs, and keys in the URLs of those without a certificate."""

from typing import Literal

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.guard.levels import Level
from ringfence.hub.core import Hub
from ringfence.hub.fleet import nearest_settings, phone_certificates, phone_https, phones
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.schemas.phone_https import NewUrlKey, NewUrlKeyView, PhoneHttpsView, UrlKeyView
from ringfence.hub.store.phone_https_models import PhoneUrlKeyRow
from ringfence.phones.families import model as model_of
from ringfence.phones.flat_profile.https import HTTPS_OLD_URL, HTTPS_URL
from ringfence.phones.mac import Mac

router = APIRouter()
Proof = Literal["certificate", "url-key", "none"]
_OLD_TLS = "1.0"
_NOT_BY_HTTPS = "Nothing: its model has no profile rule, and fetches its files from an edge or a portable bundle."
_LEVELS: dict[Proof, Literal["L0", "L1", "L4"]] = {"certificate": "L4", "url-key": "L1", "none": "L0"}


@router.get("/phones/{mac}/https", tags=["phones"])
def show_phone_https(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> PhoneHttpsView:
    """Show how a phone gets its files by HTTPS, and by what the hub knows it there."""
    with hub.database.reading() as session:
        return phone_https_view(hub, session, mac)


@router.post("/phones/{mac}/https/key", tags=["phones"])
def make_url_key(mac: ThePhone, body: NewUrlKey, hub: TheHub, caller: TheCaller) -> NewUrlKeyView:
    """Make a key for the URL of a phone without a certificate, in place of one that it has; it is shown once."""
    with hub.change(caller.name) as change:
        key = phone_https.make(change, mac, body.networks)
        change.session.flush()
        view = phone_https_view(hub, change.session, mac)
        base, _slash, name = view.url.rpartition("/")
        secret = f"{base}/{phone_https.PREFIX}/{key.reveal()}/{name}"
        return NewUrlKeyView(**view.model_dump(), secret_url=secret)


@router.delete("/phones/{mac}/https/key", status_code=204, tags=["phones"])
def forget_url_key(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """Take the key in a phone's URL away: it opens nothing any more."""
    with hub.change(caller.name) as change:
        phone_https.forget(change, mac)


def phone_https_view(hub: Hub, session: Session, mac: Mac) -> PhoneHttpsView:
    """Return how a phone gets its files by HTTPS. UnknownPhone."""
    phone = phones.get(session, mac)
    family, model = model_of(phone.model)
    is_old = model.tls_ceiling.value == _OLD_TLS
    own = next((each.name for each in family.boot.value[::-1] if each.configures), "")
    name = own.lstrip("/").format(MAC=mac.bare, mac="$MA", PORT2="", model=model.name, psn=model.psn, digest="")
    fetches = phone_https.has_rule(phone.model)
    base = hub.config.url_for_phones(hub.config.address, is_old=is_old) if fetches else ""
    known = HTTPS_OLD_URL if is_old else HTTPS_URL
    rule = str(nearest_settings.read(session, known, [phone]).get(phone.mac, ""))
    key = session.get(PhoneUrlKeyRow, mac.bare)
    shown = [row for row in phone_certificates.of_phone(session, mac) if row.revoked_at is None]
    proof: Proof = "certificate" if shown else "url-key" if key is not None and key.bound_at is not None else "none"
    level = _LEVELS[proof]
    return PhoneHttpsView(
        mac=str(mac), url=f"{base}/{name}" if base else "", rule=f"{rule.rstrip('/')}/{name}" if rule else "",
        is_old=is_old, proof=proof, level=level, meaning=Level[level].meaning,
        certificate_seen_at=max((row.seen_at for row in shown), default=None),
        key=None if key is None else _key(key),
        next_step=_next(mac, base, rule, proof, key, is_old=is_old) if fetches else _NOT_BY_HTTPS,
    )  # fmt: skip


def _key(row: PhoneUrlKeyRow) -> UrlKeyView:
    return UrlKeyView(
        made_at=row.made_at, made_by=row.made_by, until=row.until, bound_at=row.bound_at,
        networks=row.networks.split(",") if row.networks else [], bound_agent=row.bound_agent,
        bound_network=row.bound_network, used_at=row.used_at,
    )  # fmt: skip


def _next(mac: Mac, base: str, rule: str, proof: Proof, key: PhoneUrlKeyRow | None, *, is_old: bool) -> str:
    """Return what is to be done next, as a sentence."""
    if not base:
        return f"Set {'phones_old_listen' if is_old else 'phones_listen'} in hub.toml and start the hub again."
    if key is not None and key.bound_at is None:
        return "Give the phone its URL with the key: the first device that uses it has it from then on."
    if proof == "none" and not rule:
        name = HTTPS_OLD_URL if is_old else HTTPS_URL
        return f"To lead the phone there: ringfence set phone {mac} {name}={base}, and ringfence publish."
    if proof == "none":
        return f"Start the phone; it shows its certificate. If it has none: ringfence phone https {mac} make-key."
    return "Nothing: the hub knows the phone."
