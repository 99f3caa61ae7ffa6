"""Alerts about phones that reject their configuration, boot again and again, or trust somebody else, while they do.

Who fetched often lately is looked at, and who has such an alert; ``phones/diagnosis`` says what it means.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import func, or_, select

from ringfence.hub.core import Hub
from ringfence.hub.fleet import observations
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import EdgeReportRow, PhoneRow
from ringfence.phones.diagnosis.activity import LOOP_WITHIN_S, REJECTS_FROM
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "rejects": alerts.PHONE_REJECTS,
        "boot-loop": alerts.PHONE_LOOPS,
        "foreign-list": alerts.PHONE_FOREIGN_LIST,
        "asks-unsigned": alerts.PHONE_ASKS_UNSIGNED,
    }
)
"""A diagnosis' fixed word → the kind of alert."""
MOST_AT_ONCE = 200
_asks_for_its_file = (EdgeReportRow.kind == ReportKind.FILE_REFUSED) & EdgeReportRow.name.like("%.cnf.xml%")
"""Such as a signed one that is not there: by a phone with somebody else's trust list."""


def look(hub: Hub) -> tuple[int, int]:
    """Open and close alerts as phones are now; return how many were opened and closed."""
    now = hub.clock()
    fetched = (
        select(EdgeReportRow.owner)
        .where(
            EdgeReportRow.received_at >= now - LOOP_WITHIN_S,
            EdgeReportRow.owner != "",
            or_(EdgeReportRow.kind == ReportKind.FILE_SERVED, _asks_for_its_file),
        )
        .group_by(EdgeReportRow.owner)
        .having(func.count() >= REJECTS_FROM)
        .order_by(func.count().desc())
        .limit(MOST_AT_ONCE)
    )
    opened = (
        select(GuardAlertRow.kind, GuardAlertRow.subject)
        .where(GuardAlertRow.kind.in_(KINDS.values()), GuardAlertRow.closed_at.is_(None))
        .order_by(GuardAlertRow.last_at)
        .limit(MOST_AT_ONCE)
    )
    with hub.database.reading() as session:
        there = {(kind, mac) for kind, mac in session.execute(opened)}
        macs = {*session.scalars(fetched), *(mac for _kind, mac in there)}
        found = session.scalars(select(PhoneRow).where(PhoneRow.mac.in_(sorted(macs)))).all()
        due = {
            (KINDS[sentence.word], each.phone.mac): (each.phone.site_id, sentence.text)
            for each in observations.observe_all(hub, session, found)
            for sentence in each.sentences
            if sentence.word in KINDS
        }
    news, over = due.keys() - there, there - due.keys()
    if not news and not over:
        return 0, 0
    with hub.change("the hub") as change:
        for kind, mac in sorted(over):
            gone = select(GuardAlertRow).where(
                GuardAlertRow.kind == kind, GuardAlertRow.subject == mac, GuardAlertRow.closed_at.is_(None)
            )
            for row in change.session.scalars(gone):
                alerts.end(change, row)
        for kind, mac in sorted(news):
            site_id, text = due[kind, mac]
            if change.session.get(PhoneRow, mac) is not None:  # it may have been removed meanwhile
                alerts.raise_alert(change, site_id, kind, mac, f"Phone {Mac(mac)}: {text}")
    return len(news), len(over)
