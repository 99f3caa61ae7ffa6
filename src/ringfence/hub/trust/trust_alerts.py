"""Alerts about an organisation's trust: an untried recovery file, certificates that end, PBXes that lack something."""

from collections.abc import Iterator

from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.trust_models import PbxTlsExportRow, TrustListRow
from ringfence.hub.trust import pbx_certificates, pbx_export, recovery, trust_keys
from ringfence.hub.trust.holders import phones_without_last_list
from ringfence.hub.trust.key_roles import KeyRole

KINDS = (alerts.TRUST_RECOVERY, alerts.TRUST_CERTIFICATE, alerts.TRUST_PBX, alerts.TRUST_LATE)
FIRST_WITHIN_S = 86_400.0
"""How soon a new recovery file is to be tried."""
LATE_AFTER_S = 30 * 86_400.0
"""How long a phone may leave its newest list where it is: most boot within weeks, if only by a power cut."""
_MOST_NAMED = 5


def look(hub: Hub) -> None:
    """Open and close the alerts of an organisation as its keys are now."""
    with hub.database.reading() as session:  # it may take long, and nobody should wait for it
        refused = {
            _of_pbx(row): sentence
            for row in pbx_certificates.given(session)
            if (sentence := pbx_export.too_new(session, row, hub.clock()))
        }
    with hub.change("the hub") as change:
        due = refused | dict(_due(change))
        of_kinds = select(GuardAlertRow).where(GuardAlertRow.kind.in_(KINDS), GuardAlertRow.closed_at.is_(None))
        there = {(row.kind, row.subject): row for row in change.session.scalars(of_kinds)}
        for key, row in there.items():
            if key not in due:
                alerts.end(change, row)
        for (kind, subject), sentence in due.items():
            if (kind, subject) not in there or there[kind, subject].sentence != sentence:
                alerts.raise_alert(change, None, kind, subject, sentence)


def _late(change: Change) -> str:
    """Return which phones have not taken their list for long, as a sentence; empty if none."""
    newest = change.session.scalar(select(TrustListRow.signed_at).order_by(TrustListRow.id.desc()).limit(1))
    if newest is None or change.now - newest < LATE_AFTER_S or not (late := phones_without_last_list(change.session)):
        return ""
    more = f" and {len(late) - _MOST_NAMED} more" if len(late) > _MOST_NAMED else ""
    named = f"{', '.join(late[:_MOST_NAMED])}{more}"
    return (
        f"The newest trust list was not taken for {int(LATE_AFTER_S // 86_400)} days by: {named}. No key can be "
        "changed further until they have it. Reload them, or remove those that are gone: ringfence trust status --late."
    )


def _due(change: Change) -> Iterator[tuple[tuple[str, str], str]]:
    if late := _late(change):
        yield (alerts.TRUST_LATE, "list"), late
    rows = trust_keys.in_use(change.session)
    for row in rows:
        if step := trust_keys.next_step(row, change.now):
            sentence = f"The key of {row.role} of the phones' trust: {step[0].lower()}{step[1:]}"
            yield (alerts.TRUST_CERTIFICATE, row.role), sentence
        if row.role == KeyRole.SAST_2.value:
            standing = recovery.standing(change.session, change.now)
            is_new = standing.proved_at is None and change.now - row.made_at < FIRST_WITHIN_S
            if standing.sentence != recovery.OPENS and not is_new:
                yield (alerts.TRUST_RECOVERY, row.role), standing.sentence
    for given in pbx_certificates.given(change.session) if rows else ():
        if sentence := pbx_certificates.behind(change.session, given, change.now):
            yield _of_pbx(given), sentence


def _of_pbx(row: PbxTlsExportRow) -> tuple[str, str]:
    """Return the kind and the subject of alerts about a PBX."""
    return alerts.TRUST_PBX, f"{row.pbx} {row.site_id}".strip()
