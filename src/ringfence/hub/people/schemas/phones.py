"""Schemas of the people's API: phones."""

from pydantic import BaseModel, Field

from ringfence.hub.fleet.due_orders import OrderState
from ringfence.hub.people.schemas import Input, MacText, SiteId, UnixSeconds
from ringfence.hub.people.schemas.lines import LineView
from ringfence.phones.sip.notify import ServiceAction


class NewPhone(Input):
    """A phone to add."""

    mac: str = Field(description="In any usual notation, or as SEP…", examples=["001b.54c2.9a10"])
    site: SiteId
    model: str = Field(examples=["9971", "CP-8841", "SPA504G"])
    description: str = ""


class PhoneChanges(Input):
    """Changes to a phone; what is left out stays as it is."""

    site: str | None = None
    model: str | None = None
    description: str | None = None
    group: str | None = Field(default=None, description="A group's id; empty takes the phone out of its group")
    running_load: str | None = Field(default=None, description="The firmware that it runs, as its screen shows it")


class PhoneView(BaseModel):
    """One phone."""

    mac: MacText
    site: SiteId
    model: str
    family: str
    group: str | None
    description: str
    running_load: str = Field(description="The firmware that it was last known to run; empty if not known")
    named_load: str = Field(description="The firmware that its newest file names")
    blocked: bool = Field(description="Whether a person has shut it out")
    created_at: UnixSeconds
    lines: list[LineView]


class SentenceView(BaseModel):
    """One sentence about a phone."""

    urgency: str = Field(description="broken, wrong, news or fine")
    word: str = Field(description="A fixed word for programs", examples=["rejects", "current", "firmware-missing"])
    text: str


class PhoneStatusView(BaseModel):
    """What a phone is doing, the most urgent first."""

    mac: MacText
    site: SiteId
    model: str
    description: str
    sentences: list[SentenceView]


class PhoneOrderView(BaseModel):
    """What a phone without an edge is told, or was, because a release changed its file."""

    mac: MacText
    site: SiteId
    release: int = Field(description="The release that changed its file last")
    state: OrderState
    due_at: UnixSeconds | None = Field(description="When it is told, or tried again; null once it was, or given up")
    told_at: UnixSeconds | None = Field(description="When its PBX was given the order")
    fetched_at: UnixSeconds | None = Field(description="When it first fetched that release's file, or a newer one")
    tries: int
    detail: str = Field(description="Through which PBX, or why it was not told")


class PhoneReloadOrder(Input):
    """What a phone is told to do: fetch and register again, boot, or fetch what differs."""

    action: ServiceAction = "restart"


class PhoneReloadView(BaseModel):
    """The PBX through which a phone was sent an order, and where to. Whether it obeys is seen by what it fetches."""

    pbx: str
    contacts: list[str]
    in_room: bool = Field(description="It is behind NAT there: its edge is to send the order in its room")
