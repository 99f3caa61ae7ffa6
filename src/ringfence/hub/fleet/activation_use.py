"""Using an activation code: a phone that waits becomes the one that was prepared, with all that it has.

A code is looked at first, so that a wrong one tells nothing of phones. Why it opens nothing is told to those alone who
may prepare phones; everybody else gets the same sentence. Wrong codes count by caller and make the next one wait; what
is mistyped is told by its check character, and doesn't count.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.errors import ActivationRefused, BadSelection, TooManyCodes, UnknownPhone
from ringfence.hub.fleet import activations, lines, phones, sites
from ringfence.hub.fleet.activations import ActivationState
from ringfence.hub.fleet.guard import alerts, first_contact
from ringfence.hub.fleet.sign_in_throttle import Counted, SignInThrottle
from ringfence.hub.sign_in_errors import TooManySignIns
from ringfence.hub.store.activation_models import ActivationRow
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import PhoneRow
from ringfence.identity.activation_codes import ActivationCode
from ringfence.phones.errors import BadMac
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac

FEWEST_DIGITS = 4
_ADDRESS_DIGITS = 12
_SEPARATORS = str.maketrans("", "", ":-. ")


@dataclass(frozen=True, slots=True)
class CodeUser:
    """Who tells a code."""

    id: str
    name: str
    may_know_why: bool
    """Whether they may prepare phones, and so are told why a code opens nothing."""


@dataclass(frozen=True, slots=True)
class PhoneAtHand:
    """Which of the phones that wait somebody stands at."""

    ending: str
    """The last four or more digits of its MAC address."""
    site: str = ""
    """Its site's id or name, where phones at several would fit."""
    model: str = ""
    """Its model, where the hub could not tell, or guessed wrongly."""


def use(hub: Hub, throttle: SignInThrottle, user: CodeUser, text: str, at_hand: PhoneAtHand) -> PhoneRow:
    """Adopt a phone that waits as the one that was prepared; both or nothing.

    Raises:
        BadActivationCode: The code is mistyped.
        TooManyCodes: This caller's last codes were wrong; this one was not looked at.
        ActivationRefused: The code opens nothing, or is for another site or model.
        UnknownPhone, BadSelection: No phone that waits fits, or several do.
        LimitExceeded, UnknownGroup, UnknownModel: The phone can't have what was prepared.
    """
    code = ActivationCode.from_text(text)
    counted = [(Counted.ACTIVATION, f"{hub.organisation_id}\0{user.id}")]
    try:
        throttle.begin(counted, hub.clock())
    except TooManySignIns as fault:
        wait = f"Try again in {fault.wait_s} seconds."
        raise TooManyCodes("too many activation codes were wrong", wait_s=fault.wait_s, to_do=wait) from None
    why = ""
    with hub.change(user.name) as change:
        row = activations.of_code(change.session, hub.sealer, code)
        if row is not None and activations.state_of(row, change.now) is ActivationState.OPEN:
            throttle.succeeded(counted)
            return _adopt(change, hub, row, at_hand)
        why = _why_not(row, change.now)
        change.note("activation.refused", row.id if row is not None else "unknown", why)
    if user.may_know_why:
        raise ActivationRefused(why, to_do="Prepare the phone once more: ringfence activation create.")
    raise ActivationRefused("this activation code opens nothing", to_do="Ask whoever told it to you for another one.")


def waiting(session: Session, at_hand: PhoneAtHand, expected_at: str | None = None) -> GuardAlertRow:
    """Return the phone that somebody stands at, as it waits; of several the one that waits where it is expected.

    Raises:
        UnknownPhone: None fits.
        BadSelection: Several do, or the digits are too few.
    """
    digits = at_hand.ending.strip().upper().removeprefix("SEP").translate(_SEPARATORS)
    if not FEWEST_DIGITS <= len(digits) <= _ADDRESS_DIGITS or set(digits) - set("0123456789ABCDEF"):
        raise BadMac(
            f"{at_hand.ending[:40]!r} is no end of a MAC address",
            to_do=f"Give its last {FEWEST_DIGITS} digits or more, as on the label under the phone.",
        )
    chosen = select(GuardAlertRow).where(
        GuardAlertRow.kind.in_(alerts.WAITING),
        GuardAlertRow.closed_at.is_(None),
        GuardAlertRow.subject.endswith(digits),
    )
    if at_hand.site:
        site = sites.find(session, at_hand.site)
        if site is None:
            raise sites.unknown(session, at_hand.site)
        chosen = chosen.where(GuardAlertRow.site_id == site.id)
    found = session.scalars(chosen.order_by(GuardAlertRow.last_at.desc(), GuardAlertRow.id)).all()
    if not found:
        raise UnknownPhone(
            f"no phone that waits has an address that ends in {digits}",
            to_do="Plug it in and wait until it asks: `ringfence guard waiting` shows those that do.",
        )
    if len(found) > 1 and (there := [each for each in found if each.site_id == expected_at]):
        found = there
    if len(found) > 1:
        which = ", ".join(f"{Mac(each.subject)} at {each.site_id}" for each in found[:5])
        raise BadSelection(
            f"{len(found)} phones that wait fit", where=which, to_do="Give more digits of its address, or its site."
        )
    return found[0]


def _adopt(change: Change, hub: Hub, row: ActivationRow, at_hand: PhoneAtHand) -> PhoneRow:
    session = change.session
    found = waiting(session, at_hand, row.site_id)
    mac, site_id = Mac(found.subject), found.site_id or ""
    if session.get(PhoneRow, mac.bare) is not None:
        raise ActivationRefused(
            f"phone {mac} is already at a site", to_do=f"Let it in as it is: ringfence guard accept {mac}."
        )
    if row.site_id is not None and row.site_id != site_id:
        raise ActivationRefused(
            f"this code is for a phone at {row.site_id}, but phone {mac} asks at {site_id}",
            to_do="Use a code of that site, or of any.",
        )
    model = _fitting_model(row, mac, at_hand.model, found.model)
    taken = session.execute(
        update(ActivationRow)
        .where(ActivationRow.id == row.id, ActivationRow.used_at.is_(None), ActivationRow.revoked_at.is_(None))
        .values(used_at=change.now, used_by=change.who, mac=mac.bare)
        .returning(ActivationRow.id)
    ).all()
    if not taken:
        raise ActivationRefused("this code was used at the same moment", to_do="Ask for another one.")
    acceptance = first_contact.Acceptance(model=model, site_id=site_id, description=row.description)
    first_contact.accept(change, hub.sealer, mac, acceptance)
    if row.group_id:
        phones.change(change, mac, phones.PhoneParts(group_id=row.group_id))
    for line in row.lines:
        lines.put(change, hub.sealer, mac, line.index, activations.parts_of(hub.sealer, line))
    row.lines = []
    change.note("activation.use", row.id, f"by phone {mac} at {site_id}")
    session.flush()
    return phones.get(session, mac)


def _fitting_model(row: ActivationRow, mac: Mac, said: str, guessed: str) -> str:
    """Return which model a phone is: as somebody says, otherwise as the code says or the hub has guessed."""
    told = said or guessed
    seen = model_of(told)[1].name if told else ""
    if row.model and seen and seen != row.model:
        raise ActivationRefused(
            f"this code is for a {row.model}, but phone {mac} {'is' if said else 'looks like'} a {seen}",
            to_do="Use another code." if said else f"If it is a {row.model} all the same, say so: --model {row.model}.",
        )
    if not row.model and not seen:
        raise BadSelection(f"it is not known which model phone {mac} is", to_do="Say so: --model MODEL.")
    return row.model or seen


def _why_not(row: ActivationRow | None, now: float) -> str:
    if row is None:
        return "no phone was prepared with this activation code"
    match activations.state_of(row, now):
        case ActivationState.USED:
            return f"this activation code was used for phone {Mac(row.mac)}"
        case ActivationState.REVOKED:
            return "this activation code was revoked"
        case _:
            return "this activation code has ended: it was good for a week"
