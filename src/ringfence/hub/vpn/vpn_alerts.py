"""Alerts about VPN head ends: a certificate that ends, one that no phone's file names, a change that waits."""

from collections.abc import Iterator

from sqlalchemy import select

from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.guard.edge_alerts import day
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.vpn_models import VpnHeadEndRow
from ringfence.hub.vpn import certificates, head_ends
from ringfence.hub.vpn.certificates import ENDS_WITHIN_S, RollOver


def look(hub: Hub) -> None:
    """Open and close the alerts of an organisation as its head ends are now."""
    with hub.change("the hub") as change:
        due = dict(_due(change))
        of_kind = select(GuardAlertRow).where(
            GuardAlertRow.kind == alerts.VPN_CERTIFICATE, GuardAlertRow.closed_at.is_(None)
        )
        there = {row.subject: row for row in change.session.scalars(of_kind)}
        for subject, row in there.items():
            if subject not in due:
                alerts.end(change, row)
        for subject, sentence in due.items():
            if subject not in there or there[subject].sentence != sentence:
                alerts.raise_alert(change, None, alerts.VPN_CERTIFICATE, subject, sentence)


def _due(change: Change) -> Iterator[tuple[str, str]]:
    for row in change.session.scalars(head_ends.choose().order_by(VpnHeadEndRow.name)):
        if sentence := attention(row, certificates.roll_over(change.session, row.name), change.now):
            yield row.name, sentence


def attention(row: VpnHeadEndRow, at: RollOver, now: float) -> str:
    """Return what a person has to see of a head end, with what to do; empty for nothing."""
    used = at.used
    if used is None:
        return ""
    known = {used.fingerprint, *(each.fingerprint for each in (at.announced, *at.leaving) if each is not None)}
    if row.shown and row.shown not in known:
        return (
            f"The VPN head end {row.name} shows a certificate that phones' files do not name ({row.shown[:16]}): they "
            f"can't connect. Give it the one that they know: ringfence vpn export FOLDER {row.name}."
        )
    if used.ends_at - now > ENDS_WITHIN_S:
        return ""
    ends = f"has ended on {day(used.ends_at)}" if used.ends_at <= now else f"ends on {day(used.ends_at)}"
    return f"The certificate of the VPN head end {row.name} {ends}. {next_step(row, at)}"


def next_step(row: VpnHeadEndRow, at: RollOver) -> str:
    """Return what is to be done next with a head end, in a sentence; empty for nothing."""
    name = row.name
    if at.used is None:
        return f"Announce its certificate: ringfence vpn announce {name} FILE."
    if at.announced is not None:
        if at.unpublished:
            return "Publish, so that phones find the announced certificate in their files: ringfence publish."
        if at.missing:
            return (
                f"{counted(len(at.missing), 'phone was', 'phones were')} not seen to take a file with the announced "
                f"certificate: {certificates.named(at.missing)}. Reload them: ringfence vpn phones {name} --missing."
            )
        return f"Every phone knows the announced certificate. Switch: ringfence vpn switch {name}."
    if row.exported != at.used.fingerprint:
        return f"Give the head end its files: ringfence vpn export FOLDER {name}."
    if row.shown != at.used.fingerprint:
        return f"See whether it shows its certificate: ringfence vpn check {name}."
    if at.unpublished:
        return "Publish, so that phones' files name its certificate: ringfence publish."
    return ""
