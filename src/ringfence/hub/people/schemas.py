"""The people's API in words: what goes in and what comes out. All times are Unix seconds."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

UnixSeconds = Annotated[float, Field(description="Unix seconds")]
SiteId = Annotated[str, Field(description="The site's id, a slug of its name", examples=["home-office-anna"])]
MacText = Annotated[str, Field(description="A MAC address", examples=["00:1B:54:C2:9A:10"])]


class Input(BaseModel):
    """What a request's body holds; a field that is not known is refused, for it is a typing error."""

    model_config = ConfigDict(extra="forbid", str_max_length=4000)


class Items(BaseModel, Generic[T]):
    """A list."""

    items: list[T]


class Problem(BaseModel):
    """What every refused request is answered with."""

    what: str = Field(description="What is wrong, in a sentence without its full stop")
    where: str = Field(description="Where it was seen; may be empty")
    to_do: str = Field(description="What to do about it; may be empty")
    kind: str = Field(description="A fixed word for programs", examples=["unknown-site", "duplicate-mac"])


class Who(BaseModel):
    """Whom the hub takes the caller for."""

    id: str
    name: str
    hub: str = Field(description="The hub's name")
    version: str = Field(description="The hub's version")


class NewSite(Input):
    """A site to make."""

    name: str = Field(description="For people", examples=["Home office Anna"])
    id: str = Field(default="", description="Its id; made from the name where it is left out")


class SiteChange(Input):
    """A site's new name."""

    name: str


class Site(BaseModel):
    """One place with phones and an edge."""

    id: SiteId
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="How many stand there")
    edges: int = Field(description="How many are let in")
    release: int = Field(description="The newest release's number; 0 before the first")


class EnrolmentToken(BaseModel):
    """A one-time token for one edge, without its secret."""

    id: str
    site: SiteId
    created_at: UnixSeconds
    created_by: str
    expires_at: UnixSeconds
    used_at: UnixSeconds | None
    edge: str | None = Field(description="The edge that used it")
    revoked_at: UnixSeconds | None


class NewEnrolmentToken(EnrolmentToken):
    """A token that was just made."""

    token: str = Field(description="The token itself, shown this once: for `ringfence edge enrol`")


class Edge(BaseModel):
    """One enrolled box."""

    id: str
    site: SiteId
    hostname: str
    version: str
    enrolled_at: UnixSeconds
    last_seen: UnixSeconds | None
    connected: bool = Field(description="Whether its event stream is open")
    release: int = Field(description="The release that it last said it serves; 0 before the first")
    certificate_ends_at: UnixSeconds
    revoked_at: UnixSeconds | None
    wipe: bool = Field(description="Whether it is to remove what it holds")


class Revocation(Input):
    """How to revoke an edge."""

    wipe: bool = Field(default=False, description="Ask it to remove what it holds, now or when it comes back")


class NewPhone(Input):
    """A phone to add."""

    mac: str = Field(description="In any usual notation, or as SEP…", examples=["001b.54c2.9a10"])
    site: SiteId
    model: str = Field(examples=["9971", "CP-8841", "SPA504G"])
    description: str = ""


class PhoneChange(Input):
    """What is to become of a phone; what is left out stays."""

    site: str | None = None
    model: str | None = None
    description: str | None = None
    group: str | None = Field(default=None, description="A group's id; empty takes it out of its group")
    running_load: str | None = Field(default=None, description="The firmware that it runs, where somebody has looked")


class Line(BaseModel):
    """One SIP account on one key; its password is shown by `…/password/reveal` only."""

    index: int
    label: str = Field(description="What the phone shows beside the key")
    name: str = Field(description="The SIP user that registers")
    display_name: str = Field(description="What others see when it calls")
    auth_name: str = Field(description="The digest user; empty where it is the name")


class LineChange(Input):
    """What is to become of a line; what is left out stays, or is as a new line has it."""

    label: str | None = None
    name: str | None = Field(default=None, description="A new line needs one")
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = Field(default=None, description="Left out, one is generated for a phone's first line")


class Phone(BaseModel):
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
    lines: list[Line]


class Password(BaseModel):
    """A password in the clear."""

    password: str


class SettingValue(Input):
    """A value as people write it."""

    value: str = Field(examples=["Europe/Berlin", "yes", "30"])


class Setting(BaseModel):
    """A setting's value, and the scope that it comes from."""

    name: str
    value: bool | int | str | None = Field(description="null where it is a secret, which is never shown")
    scope: str = Field(description="organisation, site, group, phone, line, or built-in")
    secret: bool
    unit: str
    help: str


class GivenAt(BaseModel):
    """What one scope says of a setting."""

    scope: str = Field(description="organisation, site, group, phone, or built-in")
    place: str = Field(description="In words, such as site home-office-anna")
    value: bool | int | str | None = Field(description="null where it is a secret, which is never shown")
    wins: bool


class Explanation(BaseModel):
    """Which value of a setting holds for a phone, and why."""

    name: str
    secret: bool
    given: list[GivenAt] = Field(description="From the widest scope to the nearest; the last one wins")
    written: str | None = Field(description="What the phone's file says for it; null for a secret")
    element: str = Field(description="The file's element that carries it")
    help: str
    mark: str = Field(description="How well the element's meaning is known: certain, likely, unknown")
    source: str


class SipExport(Input):
    """Which accounts to write, and for which PBX."""

    pbx: Literal["asterisk", "kamailio", "freeswitch"]
    site: str | None = Field(default=None, description="Only this site's; all where it is null")
    realm: str = Field(default="", description="The digest realm; Kamailio needs it")


class Sentence(BaseModel):
    """One thing to tell of a phone."""

    urgency: str = Field(description="broken, wrong, news or fine")
    word: str = Field(description="A fixed word for programs", examples=["rejects", "current", "firmware-missing"])
    text: str


class Observed(BaseModel):
    """What a phone is doing, the most urgent first."""

    mac: MacText
    site: SiteId
    model: str
    description: str
    sentences: list[Sentence]


class BulkLine(Input):
    """One line of a phone."""

    index: int = Field(ge=1, le=1000)
    label: str | None = None
    name: str | None = None
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = None
    settings: dict[str, str] = {}
    row: int = Field(default=0, description="Where it was read, for the answer")


class BulkPhone(Input):
    """One phone with its lines and settings."""

    mac: str
    site: str = Field(default="", description="Id or name; made where there is none; empty: where it stands")
    model: str = ""
    description: str = ""
    group: str = Field(default="", description="Id or name; made where there is none")
    settings: dict[str, str] = {}
    lines: list[BulkLine] = []
    row: int = Field(default=0, description="Where it was read, for the answer")


class BulkOrder(Input):
    """Many phones, all or none."""

    phones: list[BulkPhone] = Field(max_length=20_000)
    site_settings: dict[str, dict[str, str]] = Field(default={}, description="Site's id or name → settings")
    dry_run: bool = False


class Refusal(BaseModel):
    """Why one of many can't be taken."""

    row: int
    column: str
    what: str
    where: str
    to_do: str


class BulkOutcome(BaseModel):
    """What many came to; nothing was kept where one was refused."""

    kept: bool
    added: int
    changed: int
    sites_made: list[str]
    refusals: list[Refusal]


class NewPbx(Input):
    """A PBX that the hub is to speak to."""

    name: str
    kind: Literal["kamailio", "asterisk"]
    url: str = Field(examples=["http://192.0.2.10:5060/RPC", "ami://192.0.2.10:5038"])
    user: str = Field(default="", description="The manager's user, for Asterisk")
    secret: str = Field(default="", description="The manager's secret, or a bearer token for Kamailio's /RPC")
    realm: str = Field(description="The digest realm")
    sip_servers: list[str] = Field(default=[], description="The SIP servers that it is; empty: any")


class Pbx(BaseModel):
    """A PBX that the hub speaks to, without its secret."""

    id: str
    kind: str
    url: str
    user: str
    realm: str
    sip_servers: list[str]
    created_at: UnixSeconds


class PbxCheck(BaseModel):
    """What answered."""

    version: str


class RotationOrder(Input):
    """Whose SIP secrets to change."""

    phones: list[str] = Field(default=[], description="MAC addresses")
    site: str | None = Field(default=None, description="All phones of this site that have a line")
    patience_s: float = Field(default=900, ge=1, le=86_400, description="How long a phone has to take its new secret")


class Rotation(BaseModel):
    """One phone's change of secrets."""

    mac: MacText
    pbx: str
    stage: str = Field(description="accepting, publishing, fetching, registering, done or rolled-back")
    release: int
    began_at: UnixSeconds
    changed_at: UnixSeconds
    until: UnixSeconds
    detail: str
    who: str


class SipFiles(BaseModel):
    """A PBX's files, by name. They hold passwords."""

    files: dict[str, str]


class NewGroup(Input):
    """A group to make."""

    name: str = Field(examples=["Reception"])


class Group(BaseModel):
    """Phones that share settings wherever they stand."""

    id: str
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="How many are in it")


class Model(BaseModel):
    """One model of phone, and what is known of it."""

    name: str
    title: str
    family: str
    line_keys: int
    transports: list[str]
    tls_ceiling: str = Field(description="The newest TLS that it speaks; empty for none")
    http_first: bool | None = Field(description="Whether it asks by HTTP before TFTP; null: not known")
    features: list[str]
    facts: dict[str, str] = Field(description="How well each is known, and from where")


class TemplateSource(Input):
    """A template."""

    model_config = ConfigDict(extra="forbid", str_max_length=300_000)

    source: str


class Template(BaseModel):
    """A template of the operator's own."""

    family: str
    name: str = Field(description="The file's key in its family, or a further file's name")
    source: str
    changed_at: UnixSeconds
    changed_by: str


class FamilyFile(BaseModel):
    """One file that a family's phones get, with its built-in template."""

    family: str
    key: str
    name: str
    kind: str
    source: str


class UploadedFile(Input):
    """A file whose bytes were uploaded."""

    name: str = Field(max_length=128)
    digest: str = Field(description="SHA-256")
    length: int = Field(ge=0, description="Bytes")


class Uploaded(BaseModel):
    """Whether a file's bytes are at the hub."""

    here: bool


class UploadedAsset(UploadedFile):
    """A file of an asset whose bytes were uploaded."""

    name: str = Field(max_length=255)
    variant: str = Field(description="A ring format, a picture's folder, or a locale's file")


class NewAsset(Input):
    """An asset whose files were uploaded."""

    kind: Literal["ring tone", "wallpaper", "language", "tones"]
    name: str
    source: str
    files: list[UploadedAsset]


class Asset(BaseModel):
    """A ring tone, a wallpaper, a language or a country's tones."""

    id: str
    kind: str
    name: str
    source: str
    added_at: UnixSeconds
    added_by: str
    size: int = Field(description="Bytes of all its files")
    files: list[str]


class NewFirmware(Input):
    """A bundle whose files were uploaded."""

    source: str = Field(description="The file that it came from, for people")
    files: list[UploadedFile]


class FirmwareFile(BaseModel):
    """One file of a load, under the name that phones ask for."""

    name: str
    digest: str
    length: int


class EdgesWith(BaseModel):
    """How far a load is at one site."""

    site: SiteId
    edges: int = Field(description="How many edges are let in")
    with_load: int = Field(description="How many of them serve a release that has the load")
    waiting: int = Field(description="Phones that wait for it")
    named: int = Field(description="Phones whose file names it")


class Firmware(BaseModel):
    """One load that was imported."""

    name: str
    models: list[str]
    source: str
    added_at: UnixSeconds
    added_by: str
    size: int = Field(description="Bytes of all its files")
    files: list[FirmwareFile]


class CatalogueEntry(BaseModel):
    """One setting that there is."""

    name: str
    type: str
    default: bool | int | str
    unit: str
    minimum: int | None
    maximum: int | None
    choices: list[str]
    scopes: list[str]
    secret: bool
    families: list[str] = Field(description="The families that have it")
    takes: str = Field(description="What it takes, in words")
    help: str
    source: str = Field(description="Where this is known from")
    mark: str = Field(description="How well: certain, likely, unknown")


class PublishOrder(Input):
    """What to publish."""

    dry_run: bool = Field(default=False, description="Only say what would change")
    sites: list[str] | None = Field(default=None, description="Only these; all where it is null")
    comment: str = ""


class FileChange(BaseModel):
    """One file that differs."""

    name: str
    change: Literal["added", "changed", "removed"]
    diff: str = Field(description="A unified diff with secrets masked; empty for files past the 200th")


class PublishedSite(BaseModel):
    """What a publish made of one site."""

    site: SiteId
    release: int | None = Field(description="The new release; null in a dry run")
    previous: int
    files: list[FileChange]


class Publication(BaseModel):
    """What a publish did, or would do."""

    dry_run: bool
    sites: list[PublishedSite] = Field(description="Those that changed")
    unchanged: int
    without_line: list[MacText] = Field(description="Phones that get no file for want of a line")
    waiting: dict[str, str] = Field(description="Phones whose new firmware has to reach their site's edges first")
    seconds: float


class Release(BaseModel):
    """One release of a site."""

    site: SiteId
    number: int
    created_at: UnixSeconds
    author: str
    comment: str
    rolled_back_to: int | None = Field(description="The release whose content it repeats")
    file_count: int


class ReleaseFile(BaseModel):
    """One file of a release."""

    name: str
    length: int = Field(description="Bytes")
    digest: str = Field(description="SHA-256")
    kind: str
    owner: str | None = Field(description="The only phone that may have it; null: every phone of the site")


class ReleaseDetails(Release):
    """One release with its files."""

    files: list[ReleaseFile]


class ReleaseDifference(BaseModel):
    """What a release changed against another."""

    site: SiteId
    number: int
    against: int = Field(description="0: before there was one")
    files: list[FileChange]


class NewApiToken(Input):
    """An API token to make."""

    name: str = Field(description="Whose or what for")


class ApiToken(BaseModel):
    """A way into this API, without its secret."""

    id: str
    name: str
    created_at: UnixSeconds
    created_by: str
    last_used_at: UnixSeconds | None
    revoked_at: UnixSeconds | None


class MadeApiToken(ApiToken):
    """A token that was just made."""

    token: str = Field(description="The token itself, shown this once")


class AuditEntry(BaseModel):
    """Who did what to what."""

    id: int
    at: UnixSeconds
    who: str
    action: str
    object: str
    detail: str


class Report(BaseModel):
    """One thing that happened at an edge."""

    id: int
    edge: str
    site: str
    seq: int
    at: UnixSeconds
    received_at: UnixSeconds
    kind: str
    sentence: str
    name: str
    owner: str | None
    peer: str
    release: int
    size_bytes: int
    duration_s: float
