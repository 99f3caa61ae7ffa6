"""Schemas of the people's API: alert channels."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class NewAlertChannel(Input):
    """An alert channel to add."""

    name: str
    kind: Literal["webhook", "mail", "ntfy"]
    url: str = Field(
        examples=["https://alerts.example.org/hook", "smtps://mail.example.org:465", "https://ntfy.example.org/topic"],
        description="Where a webhook posts to; the mail server: smtps, or smtp with STARTTLS; or ntfy's topic",
    )
    recipients: list[str] = Field(default=[], description="Mail addresses")
    sender: str = Field(default="", description="The mail address that mails come from")
    user: str = Field(default="", description="The user at the mail server")
    secret: str = Field(default="", description="That user's password, or an access token of the ntfy server")
    alert_kinds: list[str] = Field(default=[], description="Which kinds of alerts it is told of; empty for all")
    site: SiteId | None = Field(default=None, description="The site whose alerts it is told of; null for all sites")
    quiet_hours: str = Field(
        default="", examples=["22:00-07:00"],
        description="When it is told of nothing; what happens then is told at their end",
    )  # fmt: skip
    time_zone: str = Field(
        default="", examples=["Europe/Berlin"], description="The IANA name of these hours' zone; empty for UTC"
    )


class AlertChannelView(BaseModel):
    """An alert channel, without its secret."""

    id: str
    kind: str
    url: str
    recipients: list[str]
    sender: str
    user: str
    alert_kinds: list[str]
    site: str | None
    created_at: UnixSeconds
    waiting: int = Field(description="How many notices wait to be sent there")
    sent: int
    sent_at: UnixSeconds | None
    failing_since: UnixSeconds | None
    problem: str = Field(description="Why it took nothing at the last try; empty if it did")
    dropped: int = Field(description="How many notices were given up: after three days, or because too many waited")
    quiet_hours: str
    time_zone: str


class AlertChannelMade(AlertChannelView):
    """A new alert channel."""

    secret: str = Field(description="What a webhook's receiver checks signatures by, shown only once; empty for others")
