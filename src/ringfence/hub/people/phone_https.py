"""How phones get their files by HTTPS: their URLs, and keys in the URLs of those without a certificate."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.guard.levels import Level
from ringfence.hub.core import Hub
from ringfence.hub.fleet import phone_https, phones, phones_by_https
from ringfence.hub.fleet.phones_by_https import LedPhone
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.phone_https import (
    NewUrlKey,
    NewUrlKeyView,
    PhoneHttpsView,
    SitePhoneHttpsView,
    UrlKeyView,
)
from ringfence.hub.store import pages
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_https_models import PhoneUrlKeyRow
from ringfence.phones.families import model as model_of
from ringfence.phones.flat_profile.https import HTTPS_OLD_URL, HTTPS_URL
from ringfence.phones.mac import Mac

router = APIRouter()
Proof = Literal["certificate", "url-key", "none"]
_TYPED = "At its own page, as administrator with all fields: Voice, Provisioning, Profile Rule: the URL."
_CONTACT: Mapping[Proof, str] = {
    "certificate": "It has shown its maker's certificate.",
    "url-key": "The device that used the key in its URL first has it.",
    "none": "It shows its maker's certificate; one that has none needs a key in its URL.",
}
_NOT_BY_HTTPS = "Nothing: its model has no profile rule, and fetches its files from an edge or a portable bundle."
_LEVELS: dict[Proof, Literal["L0", "L1", "L4"]] = {"certificate": "L4", "url-key": "L1", "none": "L0"}


@router.get("/phones/{mac}/https", tags=["phones"])
def show_phone_https(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> PhoneHttpsView:
    """Show how a phone gets its files by HTTPS, and by what the hub knows it there."""
    with hub.database.reading() as session:
        return phone_https_view(hub, session, mac)


@router.get("/sites/{site}/https", tags=["phones"])
def show_site_https(site: str, hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[SitePhoneHttpsView]:
    """Show how the phones of a site come to the hub by HTTPS: what to type at each, and what is seen when it worked."""
    with hub.database.reading() as session:
        found = pages.read(session, phones.choose(session, site), page, PhoneRow.mac)
        return Items(items=site_https_views(hub, session, found.rows), next=found.next)


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
    (led,) = phones_by_https.find(session, [phones.get(session, mac)])
    return PhoneHttpsView(**_view(hub, led))


def site_https_views(hub: Hub, session: Session, rows: Sequence[PhoneRow]) -> list[SitePhoneHttpsView]:
    """Return how these phones, of a page of a list, come to the hub by HTTPS, with what to do at each."""
    return [_in_words(_view(hub, led), led) for led in phones_by_https.find(session, rows)]


def _view(hub: Hub, led: LedPhone) -> Mapping[str, Any]:  # Any: values of the view's fields
    mac, key, rule = Mac(led.phone.mac), led.key, led.led_to
    family, model = model_of(led.phone.model)
    own = next((each.name for each in family.boot.value[::-1] if each.configures), "")
    name = own.lstrip("/").format(MAC=mac.bare, mac="$MA", PORT2="", model=model.name, psn=model.psn, digest="")
    base = hub.config.url_for_phones(hub.config.address, is_old=led.is_old) if led.has_rule else ""
    has_shown = led.certificate_seen_at is not None
    proof: Proof = "certificate" if has_shown else "url-key" if key is not None and key.bound_at is not None else "none"
    level = _LEVELS[proof]
    return {
        "mac": str(mac), "url": f"{base}/{name}" if base else "", "rule": f"{rule.rstrip('/')}/{name}" if rule else "",
        "is_old": led.is_old, "proof": proof, "level": level, "meaning": Level[level].meaning,
        "certificate_seen_at": led.certificate_seen_at, "key": None if key is None else _key(key),
        "next_step": _next(mac, base, rule, proof, key, is_old=led.is_old) if led.has_rule else _NOT_BY_HTTPS,
    }  # fmt: skip


def _in_words(view: Mapping[str, Any], led: LedPhone) -> SitePhoneHttpsView:  # Any: as above
    url = str(view["url"])
    file = url.rpartition("/")[2].replace("$MA", Mac(led.phone.mac).bare.lower())
    works = f"ringfence guard log --site {led.phone.site_id} says: Allowed {file}."
    return SitePhoneHttpsView(
        **view, model=led.phone.model, description=led.phone.description, what_to_type=_TYPED if url else "",
        first_contact=_CONTACT[view["proof"]] if led.has_rule else "", works_when=works if url else "",
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
