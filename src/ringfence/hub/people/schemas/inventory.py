"""The people's API in words: phones and lines."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import (
    Input,
    MacText,
    SiteId,
    UnixSeconds,
)
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


class LineView(BaseModel):
    """One SIP account on one key; its password is shown by `…/password/reveal` only."""

    index: int
    label: str = Field(description="What the phone shows beside the key")
    name: str = Field(description="The SIP user that registers")
    display_name: str = Field(description="What others see when it calls")
    auth_name: str = Field(description="The digest user; empty where it is the name")


class LineChanges(Input):
    """What is to become of a line; what is left out stays, or is as a new line has it."""

    label: str | None = None
    name: str | None = Field(default=None, description="A new line needs one")
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = Field(default=None, description="Left out, one is generated for a phone's first line")


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


class PasswordView(BaseModel):
    """A password in the clear."""

    password: str


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


class BulkLineChanges(Input):
    """One line of a phone."""

    index: int = Field(ge=1, le=1000)
    label: str | None = None
    name: str | None = None
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    row: int = Field(default=0, description="Where it was read, for the answer")


class BulkPhoneChanges(Input):
    """One phone with its lines and settings."""

    mac: str
    site: str = Field(default="", description="Id or name; made where there is none; empty: where it stands")
    model: str = ""
    description: str = ""
    group: str = Field(default="", description="Id or name; made where there is none")
    settings: dict[str, str] = Field(default_factory=dict)
    lines: list[BulkLineChanges] = Field(default_factory=list)
    row: int = Field(default=0, description="Where it was read, for the answer")


class BulkOrder(Input):
    """Many phones, all or none."""

    phones: list[BulkPhoneChanges] = Field(max_length=20_000)
    site_settings: dict[str, dict[str, str]] = Field(default={}, description="Site's id or name → settings")
    dry_run: bool = False


class BulkRefusalView(BaseModel):
    """Why one of many can't be taken."""

    row: int
    column: str
    what: str
    where: str
    to_do: str


class BulkOutcomeView(BaseModel):
    """What many came to; nothing was kept where one was refused."""

    kept: bool
    added: int
    changed: int
    sites_made: list[str]
    refusals: list[BulkRefusalView]
