"""What follows for a phone from its setting ``vpn``: where its head end is, and by which certificates it takes that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import vpn_phones
from ringfence.hub.fleet.vpn_certificate_states import KNOWN_TO_PHONES
from ringfence.hub.store.vpn_models import VpnCertificateRow, VpnHeadEndRow
from ringfence.hub.vpn_errors import BadHeadEnd
from ringfence.phones.family import Model
from ringfence.phones.rendering.resolve_settings import BUILT_IN, Resolved, Value, nearness, resolve
from ringfence.phones.vpn.head_end import HEAD_END_SETTINGS, VpnLogin, vpn_settings

_KEEPS, _CERTIFICATES = "vpn_keeps_password", "vpn_certificates"


@dataclass(frozen=True, slots=True)
class HeadEnds:
    """What phones' files say of each head end, read once for many phones."""

    settings: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    @classmethod
    def read(cls, session: Session, name: str | None = None) -> "HeadEnds":
        """Return the head ends of an organisation as phones' files name them: all, or the one with a name, if any."""
        chosen = select(VpnHeadEndRow)
        known = select(VpnCertificateRow).where(VpnCertificateRow.state.in_(sorted(KNOWN_TO_PHONES)))
        if name is not None:
            chosen = chosen.where(VpnHeadEndRow.name == name)
            known = known.where(VpnCertificateRow.head_end == name)
        pins: dict[str, list[str]] = {}
        for row in session.scalars(known.order_by(VpnCertificateRow.announced_at, VpnCertificateRow.pin)):
            pins.setdefault(row.head_end, []).append(row.pin)
        rows = session.scalars(chosen)
        return cls(
            {row.name: {**vpn_settings(row.addresses, pins.get(row.name, ()), VpnLogin(row.login))} for row in rows}
        )

    def following(self, name: str, near: Mapping[str, int]) -> Mapping[str, Value]:
        """Return the settings that follow from the head end that ``vpn`` names, in place of what they would be.

        What somebody has set where ``vpn`` was, or nearer to the phone, wins, as over ``protect_calls``.

        Args:
            name: What ``vpn`` is; empty for no head end.
            near: How near to the phone each setting was set; one that nobody set has none.

        Raises:
            BadHeadEnd: There is none with that name, or it has no certificate yet, and a phone would take it by none.
        """
        if not name:
            return {}
        own = self.settings.get(name)
        if own is None:
            unknown = vpn_phones.unknown(name)
            raise BadHeadEnd(unknown.what, to_do=unknown.to_do)
        at = near.get(vpn_phones.VPN, 0)
        wins = {each: value for each, value in own.items() if near.get(each, -1) < at}
        if _CERTIFICATES in wins and not wins[_CERTIFICATES]:
            raise BadHeadEnd(
                f"the VPN head end {name} has no certificate yet, and phones connect to none without",
                to_do=f"Announce it: ringfence vpn announce {name} FILE.",
            )
        has_password = wins.get("vpn_login", VpnLogin.CERTIFICATE) != VpnLogin.CERTIFICATE
        return wins | ({_KEEPS: True} if has_password and _KEEPS not in near else {})


def resolved(
    session: Session, layers: Sequence[tuple[str, Mapping[str, Value]]], model: Model
) -> tuple[Mapping[str, Resolved], str]:
    """Return each setting of a phone with what follows from its head end, whose scope is ``vpn``.

    Args:
        session: Where head ends are read.
        layers: Scope and values, from the widest to the nearest.
        model: The phone's model.

    Returns:
        The settings, and in a sentence why nothing follows; empty if something does, or no head end is named.
    """
    found = resolve(layers, model)
    name = str(found[vpn_phones.VPN].value) if vpn_phones.VPN in found else ""
    if not name:
        return found, ""
    try:
        follows = HeadEnds.read(session, name).following(name, nearness(layers))
    except BadHeadEnd as fault:
        return found, f"A publish leaves this phone out: {fault.what}. {fault.to_do}"
    return {**found, **{each: Resolved(value, vpn_phones.VPN) for each, value in follows.items()}}, ""


def winning(found: Mapping[str, Resolved]) -> tuple[str, ...]:
    """Return in a sentence which settings win over what would follow from the phone's head end."""
    if vpn_phones.VPN not in found or not found[vpn_phones.VPN].value:
        return ()
    names = [name for name in HEAD_END_SETTINGS if found[name].scope not in {vpn_phones.VPN, BUILT_IN}]
    said = f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} set for this phone, which wins over vpn."
    return (said,) if names else ()
