"""Turns edges' reports about their guards into what people see: alerts, phones let in, used windows, counts.

Everything here runs in the transaction that stores the reports, so that each report counts once. An edge is believed
only about its own site (``fleet.report_gate``). What a batch says of one subject is put together first: a batch costs
as many queries as it has subjects, and those are bounded.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from typing import assert_never

from sqlalchemy import func, select

from ringfence.guard import record
from ringfence.guard.errors import BadRecord
from ringfence.guard.evidence import CredentialState
from ringfence.guard.findings import Finding
from ringfence.guard.policy import plain_address
from ringfence.hub.fleet import phone_files, phone_trust, profile_keys, reports, vpn_phones
from ringfence.hub.fleet.guard import alerts, credentials, model_guess, policy, transport_alerts
from ringfence.hub.fleet.report_gate import GatedReport
from ringfence.hub.fleet.reports import StoredReports
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import (
    GuardAlertRow,
    GuardCountRow,
    GuardElsewhereRow,
    GuardNetworkRow,
    GuardWindowRow,
)
from ringfence.hub.store.models import EdgeReportRow, EdgeRow, PhoneRow, SiteRow
from ringfence.phones.errors import BadMac
from ringfence.phones.filenames import is_configuration
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report, ReportBatch, ReportKind

ELSEWHERE_S = 600.0
"""How long a phone that one site has served is refused at other sites."""
MOST_UNKNOWN_OPEN = 40
"""How many unknown phones may wait at a site: someone who guesses names must not fill the list."""
MOST_SUBJECTS = 100
"""How many phones and addresses one batch may tell people of; an honest edge's names fewer."""
MOST_UNKNOWN_OF_ONE = 4
"""How many unknown phones one address may ask for before it counts as guessing."""
_ASKS: Collection[str] = frozenset({ReportKind.FILE_SERVED, ReportKind.FILE_REFUSED, ReportKind.FILE_HELD_BACK})
_HAS_CREDENTIAL = '"credential"'
"""What a record of a decision holds if a credential was asked for."""
_DAY_S = 86_400
_MOST_COUNTED = 2**62


def take(change: Change, edge: EdgeRow, batch: ReportBatch) -> StoredReports:
    """Store an edge's reports, and work out from the new ones what people and guards should know.

    Returns:
        What was stored.

    Raises:
        OutOfOrder: The batch leaves a gap; nothing of it is stored.
    """
    stored = reports.store(change, edge, batch)
    _work_out(change, edge.site_id, stored.new)
    _alert_edge(change, edge, stored)
    return stored


def take_own(change: Change, site_id: str, own: Sequence[Report]) -> Sequence[GatedReport]:
    """Store reports of the hub's own listener for phones about a site's, and work out what they mean."""
    stored = reports.store_own(change, site_id, own)
    _work_out(change, site_id, stored)
    return stored


def _work_out(change: Change, site_id: str, stored: Sequence[GatedReport]) -> None:
    new = [gated.report for gated in stored]
    phone_trust.take(change, site_id, new)
    transport_alerts.look(change, site_id, new)
    profile_keys.take(change, site_id, new)
    vpn_phones.take(change, site_id, new)
    told = _Told(change, site_id)
    for gated in stored:
        report = gated.report
        match report.known_kind:
            case ReportKind.DECISIONS_COUNTED:
                told.counts[report.finding[:20], report.level] += report.count
            case ReportKind.WINDOW_BOUND | ReportKind.WINDOW_USED:
                if told.has_room_for(report.name):
                    _note_window(change, site_id, report)
            case ReportKind.FILE_SERVED | ReportKind.FILE_REFUSED | ReportKind.FILE_HELD_BACK | ReportKind.BANNED:
                _alert(told, gated)
            case ReportKind.TRANSFER_FAILED | ReportKind.RELEASE_SERVED | ReportKind.PHONE_NOT_RELOADED:
                pass  # fleet.observations, fleet.reports and telephony.reload_by_pbx read these
            case (
                ReportKind.CONTENT_REFUSED
                | ReportKind.PHONE_RELOADED
                | ReportKind.WORKER_DIED
                | ReportKind.AGENT_STARTED
                | ReportKind.REPORTS_DROPPED
                | None
            ):
                pass  # people read these in the list of reports
            case _ as never:
                assert_never(never)
        mac = _phone_asked_for(gated)
        if mac is not None:
            told.asked_for[mac] = report
            if report.kind == ReportKind.FILE_SERVED:
                told.served[mac] = report
    _tell(told)


class _Told:
    """What a batch of one site's edge says, put together by its subjects."""

    def __init__(self, change: Change, site_id: str) -> None:
        self.change, self.site_id = change, site_id
        self.counts: Counter[tuple[str, str]] = Counter()
        self.asked_for: dict[Mac, Report] = {}
        self.served: dict[Mac, Report] = {}
        self.unknown: dict[Mac, Report] = {}
        self.alerts: dict[tuple[str, str], Report] = {}
        self._subjects: set[str] = set()

    def has_room_for(self, subject: str) -> bool:
        """Return whether a subject is one of those that the batch may tell of."""
        if len(self._subjects) < MOST_SUBJECTS:
            self._subjects.add(subject)
        return subject in self._subjects

    def alert(self, kind: str, subject: str, report: Report) -> None:
        """Keep that an alert is due; of several reports the last one's sentence counts, and all are counted."""
        if self.has_room_for(subject):
            before = self.alerts.get((kind, subject))
            count = max(report.count, 1) + (before.count if before is not None else 0)
            self.alerts[kind, subject] = replace(report, count=count)


def _tell(told: _Told) -> None:
    change, site_id = told.change, told.site_id
    for (verdict, level), count in told.counts.items():
        _count(change, site_id, verdict, level, count)
    for (kind, subject), report in told.alerts.items():
        model = ""
        if kind == alerts.NEW_PHONE:
            phone = change.session.get(PhoneRow, subject)
            model = phone.model if phone is not None else ""
        _raise(change, site_id, kind, subject, report, model)
    for mac, report in told.unknown.items():
        if told.has_room_for(mac.bare):
            _alert_unknown(change, site_id, mac, report)
    for mac, report in told.asked_for.items():
        if told.has_room_for(mac.bare):
            _note_place(change, site_id, mac, report)
    phone_files.note_taken(change, site_id, told.served)
    for mac, report in told.served.items():
        _admit(change, site_id, mac)
        _note_credential(change, site_id, mac, report)


def _alert_edge(change: Change, edge: EdgeRow, stored: StoredReports) -> None:
    """Tell people of an edge that reports what is not its business, or more than any edge has to say."""
    claims = [each for each in stored.new if each.is_claim]
    who = edge.hostname or edge.id
    if claims:
        first = claims[0]
        about = f"phone {first.foreign_owner}" if first.foreign_owner else "a release that its site never had"
        sentence = (
            f"Edge {who} reports on what is not its site's, such as {about} ({first.report.kind}). It does not count. "
            f"Is it another machine? To shut it out: ringfence edge revoke {edge.id}."
        )
        alerts.raise_alert(change, edge.site_id, alerts.FOREIGN_REPORTS, edge.id, sentence, count=len(claims))
    if stored.not_kept:
        sentence = (
            f"Edge {who} reports more than the hub keeps; {edge.reports_not_kept} of its reports were not kept. Is its "
            f"site under attack, or is it another machine? See: ringfence report list --site {edge.site_id}."
        )
        alerts.raise_alert(change, edge.site_id, alerts.REPORT_FLOOD, edge.id, sentence, count=stored.not_kept)


def _phone_asked_for(gated: GatedReport) -> Mac | None:
    """Return the phone whose own configuration a report is about."""
    report = gated.report
    if report.kind not in _ASKS or (report.kind == ReportKind.FILE_SERVED and not report.owner):
        return None
    try:
        mac = Mac.parse(gated.named_owner) if gated.named_owner else None
    except BadMac:
        return None
    return mac if mac is not None and is_configuration(report.name, mac) else None


def _admit(change: Change, site_id: str, mac: Mac) -> None:
    phone = change.session.get(PhoneRow, mac.bare)
    if phone is not None and phone.site_id == site_id and phone.admitted_at is None:
        phone.admitted_at = change.now
        change.note("guard.admitted", str(mac), "it took its file")
        alerts.close_about(change, mac.bare, alerts.WAITING)


def _note_credential(change: Change, site_id: str, mac: Mac, report: Report) -> None:
    """Note that a phone has used a credential."""
    if _HAS_CREDENTIAL not in report.decision:
        return
    phone = change.session.get(PhoneRow, mac.bare)
    try:
        shown = record.read(report.decision).evidence.credential
    except BadRecord:
        return
    if phone is not None and phone.site_id == site_id and shown and shown.state is CredentialState.RIGHT:
        credentials.on_used(change, mac, shown.serial)


def _alert(told: _Told, gated: GatedReport) -> None:
    report = gated.report
    finding = alerts.BANNED if report.kind == ReportKind.BANNED else report.finding
    if finding in alerts.OF_SOURCES:
        told.alert(finding, report.peer, report)
    elif finding in alerts.SOMEBODY_ELSE and report.kind != ReportKind.FILE_SERVED:
        told.alert(finding, gated.named_owner or report.peer, report)
    elif finding == Finding.NEW_PHONE and report.owner:
        told.alert(alerts.NEW_PHONE, report.owner, report)
    elif finding == Finding.UNKNOWN_PHONE and (mac := _phone_asked_for(gated)) is not None:
        before = told.unknown.get(mac)
        told.unknown[mac] = replace(report, count=max(report.count, 1) + (before.count if before is not None else 0))


def _alert_unknown(change: Change, site_id: str, mac: Mac, report: Report) -> None:
    """Open an alert about a phone that is not this site's: a new one, or one that was brought here."""
    session = change.session
    site = session.get_one(SiteRow, site_id)
    phone = session.get(PhoneRow, mac.bare)
    model = phone.model if phone is not None else model_guess.guess(session, site_id, report)
    of_site = session.get_one(SiteRow, phone.site_id).name if phone is not None else ""
    if alerts.open_one(session, site_id, alerts.UNKNOWN_PHONE, mac.bare) is None:
        waiting = select(func.count()).where(
            GuardAlertRow.site_id == site_id,
            GuardAlertRow.kind == alerts.UNKNOWN_PHONE,
            GuardAlertRow.closed_at.is_(None),
        )
        of_one = session.scalar(waiting.where(GuardAlertRow.peer == report.peer)) or 0
        if (session.scalar(waiting) or 0) >= MOST_UNKNOWN_OPEN or of_one >= MOST_UNKNOWN_OF_ONE:
            return  # that it guesses is an alert of its own
    seems = f" ({model})" if model else ""
    whose = f"it belongs to {of_site}" if of_site else "it is at no site yet"
    sentence = f"SEP{mac.bare}{seems} is asking at {site.name} from {report.peer}, and {whose}."
    _raise(change, site_id, alerts.UNKNOWN_PHONE, mac.bare, report, model, sentence)


def _raise(
    change: Change, site_id: str, kind: str, subject: str, report: Report, model: str = "", sentence: str = ""
) -> None:
    alerts.raise_alert(
        change, site_id, kind, subject[:64], (sentence or report.sentence)[:2000], peer=report.peer, model=model,
        count=report.count,
    )  # fmt: skip


def _note_place(change: Change, site_id: str, mac: Mac, report: Report) -> None:
    """Remember where a phone was served: at another site where it turns up meanwhile it counts as new.

    A mere request for its file does not count, or anybody could lock a phone out from anywhere.
    """
    session = change.session
    served = (
        select(EdgeReportRow)
        .where(
            EdgeReportRow.owner == mac.bare,
            EdgeReportRow.kind == ReportKind.FILE_SERVED,
            EdgeReportRow.received_at > change.now - ELSEWHERE_S,
        )
        .order_by(EdgeReportRow.id)
        .limit(50)
    )
    first = next((row for row in session.scalars(served) if is_configuration(row.name, mac)), None)
    if first is None or first.site_id == site_id:
        return
    before = session.get(SiteRow, first.site_id)
    if before is None:
        return
    row = session.get(GuardElsewhereRow, (site_id, mac.bare))
    if row is None:
        row = GuardElsewhereRow(site_id=site_id, mac=mac.bare, until=0.0)
        session.add(row)
    if row.until <= change.now:
        row.place, row.until = f"site {before.name}"[:80], first.received_at + ELSEWHERE_S
    session.flush()
    here = session.get_one(SiteRow, site_id).name
    sentence = f"SEP{mac.bare} took its file at {before.name} and is now asking at {here} from {report.peer}."
    _raise(change, site_id, alerts.TWO_SITES, mac.bare, report, sentence=sentence)


def _note_window(change: Change, site_id: str, report: Report) -> None:
    window = change.session.get(GuardWindowRow, report.name)
    if window is None or window.site_id != site_id or window.mac != report.owner or window.used_at is not None:
        return
    window.bound_to = report.peer[:64]
    if report.kind != ReportKind.WINDOW_USED:
        return
    window.used_at = change.now
    address = plain_address(report.peer)
    days = policy.get(change.session, site_id).learned_days
    if address is None or not days:
        return
    # A household's IPv6 address changes within its /64; an IPv4 address is one household, or one office.
    network = str(ip_network(f"{address}/{32 if isinstance(address, IPv4Address) else 64}", strict=False))
    row = change.session.get(GuardNetworkRow, (site_id, network))
    if row is None:
        row = GuardNetworkRow(site_id=site_id, network=network)
        change.session.add(row)
    row.why = f"phone {Mac(window.mac)} took its file from there in a window that {window.who} opened"[:200]
    row.until = change.now + days * _DAY_S


def _count(change: Change, site_id: str, verdict: str, level: str, count: int) -> None:
    if count <= 0 or not verdict:
        return
    row = change.session.get(GuardCountRow, (site_id, verdict, level))
    if row is None:
        change.session.add(GuardCountRow(site_id=site_id, verdict=verdict, level=level, count=count))
        change.session.flush()
    else:
        row.count = min(row.count + count, _MOST_COUNTED)
