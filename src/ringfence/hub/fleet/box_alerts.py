"""Alerts about boxes: what they find at the phone's port and in their networks, and tunnels that are down for long.

They follow what a box tells, whenever it tells it, and end with what they are about; edges that are revoked have none.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sqlalchemy import select

from ringfence.counted import counted
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.network_models import BoxRow, ConcentratorRow
from ringfence.wire.network_messages import BoxProblem

TUNNEL_DOWN_AFTER_S = 600.0
"""Ends of a tunnel that carries anything shake hands every two minutes."""
OF_FINDINGS: Mapping[str, str] = MappingProxyType({
    BoxProblem.COLLISION: alerts.BOX_COLLISION,
    BoxProblem.OTHER_DHCP_SERVER: alerts.BOX_OTHER_DHCP_SERVER,
    BoxProblem.UNKNOWN_DEVICE: alerts.BOX_UNKNOWN_DEVICE,
    BoxProblem.SEVERAL_PHONES: alerts.BOX_SEVERAL_PHONES,
    BoxProblem.KEY_REFUSED: alerts.BOX_KEY_REFUSED,
    BoxProblem.NO_KEY: alerts.BOX_NO_KEY,
    BoxProblem.NO_CONCENTRATOR: alerts.TUNNEL_DOWN,
})  # fmt: skip
"""What boxes find → the kind of alert; all else is a problem of the box."""
KINDS = (*dict.fromkeys(OF_FINDINGS.values()), alerts.BOX_PROBLEM, alerts.BOX_WITHOUT_SUBNET)
"""Those that end by themselves."""


def settle(change: Change, edge: EdgeRow, box: BoxRow) -> None:
    """Open and close alerts as a box has told that it is."""
    due = dict(_about(change, edge, box))
    there = {row.kind: row for row in _open(change, edge.id)}
    for kind, row in there.items():
        if kind not in due:
            alerts.end(change, row)
    for kind, sentence in due.items():
        if kind not in there or there[kind].sentence != sentence:
            alerts.raise_alert(change, edge.site_id, kind, edge.id, sentence)


def look(change: Change) -> int:
    """End the alerts about boxes that were revoked; return how many there were."""
    revoked = select(EdgeRow.id).where(EdgeRow.revoked_at.is_not(None))
    chosen = select(GuardAlertRow).where(
        GuardAlertRow.kind.in_(KINDS), GuardAlertRow.closed_at.is_(None), GuardAlertRow.subject.in_(revoked)
    )
    over = change.session.scalars(chosen).all()
    for row in over:
        alerts.end(change, row)
    return len(over)


def tell_of_key(change: Change, box: BoxRow) -> None:
    """Tell people that a box has another key than it announced: it was set up anew, or somebody else speaks for it."""
    edge = change.session.get_one(EdgeRow, box.edge_id)
    sentence = (
        f"{_who(change, edge)} has a new key for its tunnel that it had not announced. If nobody set it up anew, "
        f"revoke it: ringfence edge revoke {edge.id}."
    )
    alerts.raise_alert(change, edge.site_id, alerts.BOX_KEY_CHANGED, edge.id, sentence)


def _about(change: Change, edge: EdgeRow, box: BoxRow) -> Iterator[tuple[str, str]]:
    who = _who(change, edge)
    by_kind: dict[str, list[str]] = {}
    for finding in box.standing.get("findings", ()):
        kind = OF_FINDINGS.get(finding["kind"], alerts.BOX_PROBLEM)
        by_kind.setdefault(kind, []).append(finding["sentence"].rstrip(".") or finding["kind"])
    if box.subnet_problem:
        kind = alerts.BOX_COLLISION if box.subnet else alerts.BOX_WITHOUT_SUBNET
        by_kind.setdefault(kind, []).append(box.subnet_problem.rstrip("."))
    if alerts.TUNNEL_DOWN not in by_kind and (since := _tunnel_down(change, box)):
        by_kind[alerts.TUNNEL_DOWN] = [since]
    for kind, sentences in by_kind.items():
        yield kind, f"{who} says: {'; '.join(sentences)[:1000]}."


def _tunnel_down(change: Change, box: BoxRow) -> str:
    """Return since when none of a box's tunnels was up, in words; empty if one is, or it has none to be up."""
    has_ends = select(ConcentratorRow.id).where(ConcentratorRow.public_key != "").limit(1)
    tunnels = box.standing.get("tunnels", ())
    if not tunnels or change.session.scalar(has_ends) is None:
        return ""
    newest = max(each["handshake_at"] for each in tunnels)
    if not newest:
        return ""  # it has just begun; a box that can't reach any finds so itself
    down_s = box.standing["at"] - newest
    if down_s < TUNNEL_DOWN_AFTER_S:
        return ""
    return f"no end of its tunnel has answered for {counted(int(down_s // 60), 'minute')}"


def _open(change: Change, edge_id: str) -> list[GuardAlertRow]:
    chosen = select(GuardAlertRow).where(
        GuardAlertRow.subject == edge_id, GuardAlertRow.kind.in_(KINDS), GuardAlertRow.closed_at.is_(None)
    )
    return list(change.session.scalars(chosen))


def _who(change: Change, edge: EdgeRow) -> str:
    return f"Box {edge.hostname or edge.id} of {change.session.get_one(SiteRow, edge.site_id).name}"
