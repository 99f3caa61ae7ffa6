"""Delivering notices: claimed in one transaction, sent outside of any, and struck off in another.

A hub that dies between sending and striking off sends again; receivers know a message by its id. A channel that takes
nothing is asked ever more seldom, and after three days what waits for it is given up and counted.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from ringfence.counted import counted
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import AlertChannelUnavailable
from ringfence.hub.fleet import alert_channels, alert_notices
from ringfence.hub.notifying import mail, push, webhook
from ringfence.hub.store.guard_models import AlertChannelRow, AlertNoticeRow
from ringfence.printable import printable

CLAIMED_FOR_S = 300.0
"""How long what one process sends is not sent by another; longer than a round can take."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 3600.0
GIVEN_UP_AFTER_S = 3 * 86_400.0
MOST_AT_ONCE = {alert_channels.WEBHOOK: 20, alert_channels.MAIL: 500, alert_channels.NTFY: 500}
"""How many notices of a channel a round takes; a mail or a push tells of all of them."""
MOST_NAMED = 50
"""How many alerts a mail names one by one."""
_MAIL_BYTES = 1 << 20

_log = logs.get("notifying")


@dataclass(frozen=True, slots=True)
class _Notice:
    id: int
    event: str
    body: dict[str, Any]
    made_at: float

    @property
    def key(self) -> str:
        """A name that no other notice ever has, and that stays when it is sent again; databases use their ids again."""
        return f"{self.event}-{self.body['id']}-{int(self.made_at * 1000)}"


@dataclass(frozen=True, slots=True)
class _Round:
    """What is to be sent on one channel now."""

    channel: AlertChannelRow
    notices: Sequence[_Notice]


def go_on(hub: Hub) -> int:
    """Send what is due; return how many notices were sent."""
    with hub.database.reading() as session:
        if session.scalar(select(AlertNoticeRow.id).where(AlertNoticeRow.due_at <= hub.clock()).limit(1)) is None:
            return 0
    sent = 0
    for each in _claim(hub):
        done, problem = _deliver(hub, each)
        _strike_off(hub, each, done, problem)
        sent += len(done)
    return sent


def send_test(hub: Hub, channel_id: str) -> None:
    """Send a message that is about nothing.

    Raises:
        UnknownAlertChannel: There is no such channel.
        AlertChannelUnavailable: It doesn't take it.
    """
    now = hub.clock()
    with hub.database.reading() as session:
        channel = alert_channels.get(session, channel_id)
    sentence = f"This is a test of the alert channel {channel.id} of {hub.config.name}."
    body = {"id": 0, "site": "", "kind": "test", "subject": "", "sentence": sentence, "first_at": now}
    _send(hub, channel, [_Notice(0, "alert.test", body, now)])


def _claim(hub: Hub) -> list[_Round]:
    now = hub.clock()
    with hub.database.writing() as session:
        old = AlertNoticeRow.made_at < now - GIVEN_UP_AFTER_S
        given_up = select(AlertNoticeRow.channel_id, func.count()).where(old).group_by(AlertNoticeRow.channel_id)
        for channel_id, count in session.execute(given_up).all():
            session.get_one(AlertChannelRow, channel_id).dropped += count
        session.execute(delete(AlertNoticeRow).where(old))
        rounds = []
        for channel in session.scalars(select(AlertChannelRow).order_by(AlertChannelRow.id)):
            due = select(AlertNoticeRow).where(AlertNoticeRow.channel_id == channel.id, AlertNoticeRow.due_at <= now)
            rows = session.scalars(due.order_by(AlertNoticeRow.id).limit(MOST_AT_ONCE[channel.kind])).all()
            for row in rows:
                row.due_at = now + CLAIMED_FOR_S
            if rows:
                notices = [_Notice(row.id, row.event, json.loads(row.body), row.made_at) for row in rows]
                rounds.append(_Round(channel, notices))
    return rounds


def _deliver(hub: Hub, each: _Round) -> tuple[list[int], str]:
    """Return which notices were sent, and why no more."""
    done: list[int] = []
    groups = [[notice] for notice in each.notices] if each.channel.kind == alert_channels.WEBHOOK else [each.notices]
    for group in groups:
        try:
            _send(hub, each.channel, group)
        except AlertChannelUnavailable as fault:
            return done, str(fault)
        done += [notice.id for notice in group]
    return done, ""


def _send(hub: Hub, channel: AlertChannelRow, notices: Sequence[_Notice]) -> None:
    secret, now, networks = alert_channels.secret_of(hub.sealer, channel), hub.clock(), hub.config.alert_networks
    told_of = [(notice.event, notice.body) for notice in notices]
    if channel.kind == alert_channels.MAIL:
        subject, text = in_words(hub.config.name, told_of)
        message = mail.compose(channel.sender, channel.recipients.split(","), subject, text)
        mail.send(channel.url, channel.user, secret, message, networks)
        return
    if channel.kind == alert_channels.NTFY:
        title, text = in_words(hub.config.name, told_of, push.MOST_BYTES)
        are_all_over = all(event == alert_notices.CLOSED for event, _body in told_of)
        push.publish(channel.url, secret, title, text, push.LOW if are_all_over else push.HIGH, networks)
        return
    for notice in notices:
        told = {
            "type": notice.event,
            "timestamp": _moment(notice.made_at),
            "data": {"hub": hub.config.name, **notice.body},
        }
        webhook.post(channel.url, secret, notice.key, now, told, networks)


def _strike_off(hub: Hub, each: _Round, done: list[int], problem: str) -> None:
    now = hub.clock()
    with hub.database.writing() as session:
        session.execute(delete(AlertNoticeRow).where(AlertNoticeRow.id.in_(done)))
        channel = session.get(AlertChannelRow, each.channel.id)
        if channel is None:
            return
        if done:
            channel.sent, channel.sent_at = channel.sent + len(done), now
        if not problem:
            channel.failing_since, channel.problem = None, ""
            return
        left = [notice.id for notice in each.notices if notice.id not in set(done)]
        for row in session.scalars(select(AlertNoticeRow).where(AlertNoticeRow.id.in_(left))):
            row.tries += 1
            pause = min(FIRST_PAUSE_S * 2 ** min(row.tries - 1, 16), LONGEST_PAUSE_S)
            row.due_at = alert_channels.due(channel, now + pause)
        if channel.failing_since is None:
            channel.failing_since = now
            _log.warning("an alert channel takes nothing", channel=channel.id, problem=problem)
        channel.problem = printable(problem, 300)


def in_words(
    hub_name: str, told: Sequence[tuple[str, dict[str, Any]]], most_bytes: int = _MAIL_BYTES
) -> tuple[str, str]:
    """Return the subject and text of a mail or push about alerts: for each its event and its parts."""
    lines, left = [], most_bytes
    for event, body in told[:MOST_NAMED]:
        line = f"{_WORDS[event]} {_moment(body['first_at'])}: {body['sentence']}"
        left -= len(line.encode()) + 2
        if left < 0:
            break
        lines.append(line)
    if len(told) > len(lines):
        lines.append(f"… and {len(told) - len(lines)} more.")
    sites = {body["site"] for _event, body in told}
    if len(told) == 1:
        event, body = told[0]
        what = f"{body['kind']} {body['site']}".rstrip() + (" is over" if event == alert_notices.CLOSED else "")
    else:
        what = f"{counted(len(told), 'alert')} at {counted(len(sites), 'site')}"
    text = "\n\n".join(lines) + "\n\nAll that are open: ringfence guard alerts\n"
    return f"[{hub_name}] {what}", text


_WORDS = {alert_notices.OPENED: "Since", alert_notices.CLOSED: "Over, since", "alert.test": "At"}


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
