"""How far phones are with files that only they accept, and letting them go."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from ringfence.hub.fleet import nearest_settings, phone_certificates, phone_trust, phones, profile_keys
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.phone_transport import has_fallen_back
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.phone_trust import PhoneTakeoverView, PhoneTrustView
from ringfence.hub.store import models, pages
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_trust_models import PhoneProfileKeyRow, PhoneTrustRow
from ringfence.phones.cisco import takeover
from ringfence.phones.families import model as model_of
from ringfence.phones.filenames import configuration_name, trust_list_name
from ringfence.phones.mac import Mac
from ringfence.phones.settings.trust import TRUST, TRUST_TRANSPORT
from ringfence.phones.trust.profile_state import profile_state_of
from ringfence.phones.trust.signed_file import SIGNED_SUFFIX
from ringfence.phones.trust.state import ListOffer, Transport, Trust, TrustFacts, TrustState, state_of

router = APIRouter()

_NOTHING_WANTED = (Trust.OFF, Transport.FILES)


@router.get("/phone-trust", tags=["phone-trust"])
def list_phone_trust(
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    site: str | None = None,
    late: Annotated[bool, Query(description="Only phones that have not taken their newest list or key")] = False,
) -> Items[PhoneTrustView]:
    """List how far phones are, by address. With ``late`` a page may be short: go on as long as there is a next one."""
    with hub.database.reading() as session:
        found = pages.read(session, phones.choose(session, site), page, models.PhoneRow.mac)
        views = _views(session, found.rows)
        kept = [view for view in views if not late or _is_late(view)]
        return Items(items=kept, next=found.next)


@router.get("/phone-trust/{mac}", tags=["phone-trust"])
def show_phone_trust(hub: TheHub, _caller: TheCaller, mac: ThePhone) -> PhoneTakeoverView:
    """Show how far a phone is, and how it is taken over if it holds somebody else's list."""
    with hub.database.reading() as session:
        return _takeover(phone_trust_view(session, mac))


@router.post("/phone-trust/{mac}/release", tags=["phone-trust"])
def release_phone(hub: TheHub, caller: TheCaller, mac: ThePhone) -> PhoneTrustView:
    """Let a phone go: after the next publish it finds the list that makes it take anybody's files again."""
    with hub.change(caller.name) as change:
        phone_trust.release(change, mac)
        change.session.flush()
        return phone_trust_view(change.session, mac)


@router.post("/phone-trust/{mac}/keep", tags=["phone-trust"])
def keep_phone(hub: TheHub, caller: TheCaller, mac: ThePhone) -> PhoneTrustView:
    """Take back that a phone be let go, as long as it has not taken the list that does it."""
    with hub.change(caller.name) as change:
        phone_trust.keep(change, mac)
        change.session.flush()
        return phone_trust_view(change.session, mac)


@router.post("/phone-trust/{mac}/adopt", tags=["phone-trust"])
def adopt_phone(
    hub: TheHub,
    caller: TheCaller,
    mac: ThePhone,
    erased: Annotated[bool, Query(description="Its list was erased at the phone, also if it was one of ours")] = False,
) -> PhoneTakeoverView:
    """Begin anew with a phone that was let go, erased or reset: it is offered a list, or its first profile, again."""
    with hub.change(caller.name) as change:
        if profile_keys.own_name(phones.get(change.session, mac)) is not None:
            profile_keys.begin_again(change, hub.sealer, mac)
        else:
            phone_trust.begin_again(change, mac, was_erased=erased)
        site_id = phones.get(change.session, mac).site_id
        if (alert := alerts.open_one(change.session, site_id, alerts.PHONE_FOREIGN_LIST, mac.bare)) is not None:
            alerts.end(change, alert)
        change.session.flush()
        return _takeover(phone_trust_view(change.session, mac))


@router.post("/phone-trust/{mac}/rekey", tags=["phone-trust"])
def rekey_phone(hub: TheHub, caller: TheCaller, mac: ThePhone) -> PhoneTrustView:
    """Give an SPA or Multiplatform phone a new key for its profiles; the present one ends once it has followed."""
    with hub.change(caller.name) as change:
        profile_keys.rekey(change, hub.sealer, mac)
        change.session.flush()
        return phone_trust_view(change.session, mac)


def _is_late(view: PhoneTrustView) -> bool:
    return view.has_newest_key is False or (view.holds_list and not view.has_newest_list)


def phone_trust_view(session: Session, mac: Mac) -> PhoneTrustView:
    """Return how far a phone is. UnknownPhone."""
    (view,) = _views(session, [phones.get(session, mac)])
    return view


def _views(session: Session, found: Sequence[PhoneRow]) -> list[PhoneTrustView]:
    macs = [row.mac for row in found]
    known = phone_trust.rows_of(session, macs)
    with_files = [row for row in found if row.lines]
    trusts = nearest_settings.read(session, TRUST, with_files)
    transports = nearest_settings.read(session, TRUST_TRANSPORT, with_files)
    wanted = {
        mac: (Trust(str(said)), Transport(str(transports.get(mac, Transport.FILES)))) for mac, said in trusts.items()
    }
    foreign = alerts.open_subjects(session, alerts.PHONE_FOREIGN_LIST, macs, {row.site_id for row in found})
    keys = profile_keys.rows_of(session, macs)
    certificates = phone_certificates.all_to_encrypt_to(session, known)
    views = []
    for row in found:
        if profile_keys.own_name(row) is not None:
            views.append(_shown_by_profile(row, wanted.get(row.mac, _NOTHING_WANTED)[0], keys.get(row.mac)))
            continue
        of_phone = known.get(row.mac)
        facts = TrustFacts()
        if of_phone is not None:
            facts = phone_trust.facts(of_phone, has_certificate=row.mac in certificates)
        wants, transport = wanted.get(row.mac, _NOTHING_WANTED)
        refusal = _refusal(session, row, wants, facts)
        views.append(_shown(row, wants, facts, of_phone, transport, is_foreign=row.mac in foreign, refusal=refusal))
    return views


def _takeover(view: PhoneTrustView) -> PhoneTakeoverView:
    mac = Mac.parse(view.mac)
    by_list = f"It has worked when it takes {trust_list_name(mac)}, then {configuration_name(mac)}{SIGNED_SUFFIX}"
    worked = (
        f"It has worked when it asks for {configuration_name(mac)}, without {SIGNED_SUFFIX} behind it."
        if view.wanted is Trust.OFF
        else f"{by_list} and other files: `ringfence trust status` then says {TrustState.SIGNED}."
    )
    family, _model = model_of(view.model)
    steps = takeover.steps(family, view.mac)
    return PhoneTakeoverView(**view.model_dump(), steps=list(steps), worked_when=worked if steps else "")


def _refusal(session: Session, phone: PhoneRow, wanted: Trust, facts: TrustFacts) -> str:
    """Return why a phone was refused whose certificate is waited for; empty if it was not."""
    if state_of(wanted, facts) is not TrustState.SIGNED or wanted is not Trust.ENCRYPTED:
        return ""
    alert = alerts.open_one(session, phone.site_id, alerts.PHONE_KEY_REFUSED, phone.mac)
    return alert.sentence if alert is not None else ""


def _shown(
    phone: PhoneRow, wanted: Trust, facts: TrustFacts, row: PhoneTrustRow | None, transport: Transport, *,
    is_foreign: bool, refusal: str,
) -> PhoneTrustView:  # fmt: skip
    state, mac = state_of(wanted, facts), Mac(phone.mac)
    next_step = (
        f"It holds somebody else's list, and refuses these files. What to do: ringfence trust adopt {mac}."
        if is_foreign
        else refusal or _next_of_transport(mac, transport, state, row) or _next_step(mac, wanted, state, facts)
    )
    return PhoneTrustView(
        mac=str(mac), site=phone.site_id, model=phone.model, description=phone.description, wanted=wanted, state=state,
        transport=transport, has_https_list=facts.took_https and facts.may_hold_list,
        https_at=row.https_at if row else None, fell_back_at=row.fell_back_at if row else None,
        holds_list=facts.may_hold_list,
        has_newest_list=row is not None and row.taken_digest == row.list_digest,
        list_taken_at=row.taken_at if row else None, signed_at=row.signed_at if row else None,
        encrypted_at=row.encrypted_at if row else None, release_asked_at=row.release_asked_at if row else None,
        released_at=row.released_at if row else None, holds_foreign_list=is_foreign, profile_key=None,
        has_newest_key=None, asked_in_vain_at=None, next_step=next_step,
    )  # fmt: skip


def _shown_by_profile(phone: PhoneRow, wanted: Trust, row: PhoneProfileKeyRow | None) -> PhoneTrustView:
    facts, mac = profile_keys.facts(row), Mac(phone.mac)
    state = profile_state_of(wanted, facts)
    return PhoneTrustView(
        mac=str(mac), site=phone.site_id, model=phone.model, description=phone.description, wanted=wanted, state=state,
        transport=Transport.FILES, has_https_list=False, https_at=None, fell_back_at=None,
        holds_list=False, has_newest_list=False, list_taken_at=None, signed_at=None,
        encrypted_at=row.taken_at if row else None, release_asked_at=None, released_at=None,
        holds_foreign_list=False,
        profile_key=row.number if row else None, has_newest_key=facts.takes_key if row else None,
        asked_in_vain_at=row.asked_in_vain_at if row else None, next_step=_next_profile(mac, wanted, state, row),
    )  # fmt: skip


def _next_profile(mac: Mac, wanted: Trust, state: TrustState, row: PhoneProfileKeyRow | None) -> str:
    match state:
        case TrustState.UNKNOWN:
            return (
                "Nothing is asked of it." if wanted is Trust.OFF else "It checks no signatures: signed is off for it."
            )
        case TrustState.RELEASING:
            return (
                "Its encrypted profile leads it back to the one in clear; its key ends when it was seen to take that."
            )
        case TrustState.OFFERED if row is None:
            return "The next publish makes its key."
        case TrustState.OFFERED if row is not None and row.first_taken_at is not None:
            return "It has its first profile; that it asks for the encrypted one is not seen yet."
        case TrustState.OFFERED:
            return f"It takes its first profile when it asks the next time: ringfence phone reload {mac}."
        case _ if row is not None and row.asked_in_vain_at is not None:
            return (
                f"It asks for its first profile as a phone that was reset does. If it was: ringfence trust adopt {mac}."
            )
        case _ if row is not None and row.taken_at is None:
            return f"Its profile has key {row.number}, which it was not seen to use yet."
        case _:
            return "It is where it is to be."


def _next_of_transport(mac: Mac, transport: Transport, state: TrustState, row: PhoneTrustRow | None) -> str:
    """Return what comes next on the way to HTTPS or back; empty where nothing does."""
    if row is None or state is not TrustState.SIGNED:
        return ""
    reload = f"ringfence phone reload {mac}"
    offered, taken = row.list_kind == ListOffer.HTTPS, row.taken_kind == ListOffer.HTTPS
    if transport is Transport.FILES:
        return f"It goes on by HTTPS until it took its list without that: {reload}." if taken else ""
    if not offered:
        return "Its list for HTTPS comes with the publish after its site's edge has told its key: ringfence publish."
    if not taken or row.taken_digest != row.list_digest:
        return f"It takes its list for HTTPS when it boots the next time: {reload}."
    if row.https_at is None and not has_fallen_back(row):
        return "It took its list for HTTPS; that it asks by HTTPS is not seen yet."
    if has_fallen_back(row):
        return "It took its file without HTTPS though its list says so: look at port 6971 of its edge."
    return ""


def _next_step(mac: Mac, wanted: Trust, state: TrustState, facts: TrustFacts) -> str:
    match state:
        case TrustState.UNKNOWN:
            return "Nothing is asked of it."
        case TrustState.OFFERED if facts.took_list:
            return "It fetched its list; that it then asks for signed files is not seen yet."
        case TrustState.OFFERED:
            return f"It takes its list when it boots the next time: ringfence phone reload {mac}."
        case TrustState.RELEASING:
            return "After a publish and a boot it takes the list that lets it go; leave it at its site until then."
        case TrustState.RELEASED:
            return "It takes anybody's files. To offer it a list again: ringfence trust adopt."
        case _ if wanted is Trust.OFF:
            return f"It still refuses unsigned files. If it is to take them: ringfence trust release {mac}."
        case TrustState.SIGNED if wanted is Trust.ENCRYPTED:
            return "It shows its certificate when it boots, if edge_url or capf_server says where its edge is."
        case TrustState.CERTIFIED if wanted is Trust.ENCRYPTED:
            return (
                "Its file is encrypted from the next publish on; that it takes it is not seen yet. Then change its "
                "SIP secret, as its edge's disk had it in clear: ringfence sip rotate."
            )
        case _:
            return "It is where it is to be."
