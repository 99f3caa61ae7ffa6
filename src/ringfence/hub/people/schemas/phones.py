"""The people's API in words: phones."""

from pydantic import BaseModel, Field

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
    """What is to become of a phone; what is left out stays."""

    site: str | None = None
    model: str | None = None
    description: str | None = None
    group: str | None = Field(default=None, description="A group's id; empty takes it out of its group")
    running_load: str | None = Field(default=None, description="The firmware that it runs, where somebody has looked")


class PhoneView(BaseModel):
    """One phone."""

    mac: MacText
    site: SiteId
    model: str
    family: str
    group: str | None
    description: str
    running_load: str = Field(description="The firmware that it was last known to run; empty: not known")
    named_load: str = Field(description="The firmware that its newest file names")
    created_at: UnixSeconds
    lines: list[LineView]


class SentenceView(BaseModel):
    """One thing to tell of a phone."""

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


class PhoneReloadOrder(Input):
    """What a phone is told: to fetch and register again, to boot, or to fetch what differs."""

    action: ServiceAction = "restart"


class PhoneReloadView(BaseModel):
    """Through which PBX a phone was told, and at which of its registrations."""

    pbx: str
    contacts: list[str]
