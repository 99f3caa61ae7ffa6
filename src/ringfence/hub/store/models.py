"""The tables. Times are Unix seconds; MAC addresses are twelve upper-case hexadecimal digits."""

import unicodedata

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Double,
    Integer,
    String,
    Text,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import Numbered, OrganisationOwned, indexed, link, unique


def name_key(name: str) -> str:
    """Return what two names that differ only in case share; databases lower only what they know, SQLite ASCII alone."""
    return unicodedata.normalize("NFC", name).strip().casefold()


class SiteRow(OrganisationOwned, Base):
    """One place with one edge or a spare pair. ``newest_release`` is 0 before the first.

    ``edits`` counts what was edited of its phones and settings (store/edits.py); ``rendered_edits`` is that count as it
    was when the site was last published, and ``rendered_by`` the fingerprint of the renderer that did it.
    """

    __tablename__ = "site"
    __table_args__ = (
        unique("name"),
        unique("name_key"),
        indexed("endpoints_digest"),
        indexed("keys_digest"),
        indexed("peers_number"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True, unique=True)
    name: Mapped[str] = mapped_column(String(80))
    name_key: Mapped[str] = mapped_column(String(240), server_default="")
    """What its name has in common with those that differ in case only (``name_key``)."""
    created_at: Mapped[float]
    newest_release: Mapped[int] = mapped_column(Integer, default=0)
    release_floor: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """The highest release that an edge has proven to have; more than the newest only after data were lost."""
    removed_through: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """The highest release that was removed as it was over for long; 0 before any was."""
    edits: Mapped[int] = mapped_column(BigInteger, default=0)
    rendered_edits: Mapped[int] = mapped_column(BigInteger, default=0)
    rendered_by: Mapped[str] = mapped_column(String(64), default="")
    guard_version: Mapped[int] = mapped_column(BigInteger, default=1, server_default="1")
    """Grows with whatever changes what its edges' guards go by (store/edits.py)."""
    peers_number: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Which change of its organisation's tunnels the newest one of what its guards go by is (store/edits.py)."""
    firmware_waits_s: Mapped[float] = mapped_column(Double, default=86_400.0, server_default="86400")
    """How long an edge that is away holds firmware back for the site's phones."""
    held_at: Mapped[float | None]
    """Since when publishing leaves the site out, until somebody decides; None if it does not."""
    held_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    held_why: Mapped[str] = mapped_column(String(200), default="", server_default="")
    endpoints_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """Which endpoints of the hub (content/hub_endpoints.py) its newest root names; empty if none."""
    keys_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """Which keys its newest root names (content/signing.py, ``NamedKeys``); empty until that is looked up."""

    @validates("name")
    def _name_changes(self, _attribute: str, name: str) -> str:
        self.name_key = name_key(name)
        return name

    @property
    def next_release(self) -> int:
        """The number of the next release."""
        return max(self.newest_release, self.release_floor) + 1


class RetiredSiteRow(Base):
    """An id that a removed site had. It is never given again: old signed metadata still names it."""

    __tablename__ = "retired_site"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    retired_at: Mapped[float]


class PhoneRow(OrganisationOwned, Base):
    """One phone of one site."""

    __tablename__ = "phone"
    __table_args__ = (
        link("site_id", to="site.id", cascade=False),
        indexed("site_id", "mac"),
        link("group_id", to="phone_group.id", cascade=False),
        indexed("group_id", "mac"),
    )

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(40))
    group_id: Mapped[str | None] = mapped_column(String(40))
    description: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[float]
    running_load: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The firmware that it was last known to run; empty where nobody knows."""
    named_load: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The firmware that its newest published file names."""
    admitted_at: Mapped[float | None]
    """When it was first let in, by a person or by taking its file; None: it never was."""
    blocked: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether a person has shut it out."""
    lines: Mapped[list["LineRow"]] = relationship(
        order_by="LineRow.index", cascade="all, delete-orphan", passive_deletes=True
    )


class LineRow(OrganisationOwned, Base):
    """One SIP account on one button; the password is sealed for exactly this row."""

    __tablename__ = "line"
    __table_args__ = (
        link("mac", to="phone.mac"),
        indexed("name"),
    )

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    index: Mapped[int] = mapped_column(Integer, primary_key=True)
    label: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200))
    display_name: Mapped[str] = mapped_column(String(200))
    auth_name: Mapped[str] = mapped_column(String(200))
    sealed_password: Mapped[bytes]


class PhoneGroupRow(OrganisationOwned, Base):
    """Phones that share settings wherever they stand, such as “reception”; a phone is in one group at most."""

    __tablename__ = "phone_group"
    __table_args__ = (unique("name"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[float]


class ApiTokenRow(OrganisationOwned, Base):
    """A person's or script's way into the people's API; only the token's SHA-256 is kept."""

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float]
    created_by: Mapped[str] = mapped_column(String(80))
    created_by_id: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """The person or token that created it; empty for one that the hub's machine did, or an earlier version."""
    role: Mapped[str] = mapped_column(String(20))
    """``hub/people/rights.py`` says what each may do."""
    is_hubwide: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether it is the provider's own: for every organisation, and this one where a request names none."""
    limited_to: Mapped[dict[str, list[str]] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """The sites and groups that it may see; None for the whole organisation (``store/access_scope.py``)."""
    ends_at: Mapped[float | None] = mapped_column(Double, default=None)
    last_used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class EnrolmentTokenRow(OrganisationOwned, Base):
    """A one-time way into the device API for one edge of one site; only the secret's SHA-256 is kept."""

    __tablename__ = "enrolment_token"
    __table_args__ = (
        link("site_id", to="site.id"),
        indexed("site_id"),
    )

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float]
    created_by: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[float]
    used_at: Mapped[float | None]
    edge_id: Mapped[str | None] = mapped_column(String(20))
    revoked_at: Mapped[float | None]


class EdgeRow(OrganisationOwned, Base):
    """One enrolled box.

    Every certificate that it was issued (EdgeCertificateRow) is let in until it ends, so that a renewal, or its
    lost answer, locks nobody out; the newest is repeated here. ``reports_through`` is the number of the last stored
    report; ``connected_until`` moves on while a stream is open, so that every replica can tell. Of the release that
    it is taking it has ``fetched_bytes`` of ``fetching_bytes``; both are 0 while it takes none.
    """

    __tablename__ = "edge"
    __table_args__ = (
        link("site_id", to="site.id"),
        indexed("site_id"),
    )

    id: Mapped[str] = mapped_column(String(20), primary_key=True, unique=True)
    site_id: Mapped[str] = mapped_column(String(40))
    hostname: Mapped[str] = mapped_column(String(255), default="")
    version: Mapped[str] = mapped_column(String(40), default="")
    enrolled_at: Mapped[float]
    key_fingerprint: Mapped[str] = mapped_column(String(64))
    certificate_serial: Mapped[str] = mapped_column(String(40))
    certificate_fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    certificate_ends_at: Mapped[float]
    revoked_at: Mapped[float | None]
    wipe: Mapped[bool] = mapped_column(Boolean, default=False)
    keeps_serving: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether it goes on giving secrets to its phones though it is revoked."""
    last_seen_at: Mapped[float | None]
    connected_until: Mapped[float | None]
    release: Mapped[int] = mapped_column(Integer, default=0)
    reports_through: Mapped[int] = mapped_column(BigInteger, default=0)
    fetched_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    fetching_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    network: Mapped[str] = mapped_column(String(50), default="", server_default="")
    """From which network it connected last; empty before it did."""
    hub_url: Mapped[str] = mapped_column(String(300), default="", server_default="")
    """At which of the hub's addresses it last was, as it says."""
    endpoints_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """Which endpoints of the hub the newest root names that it has proven to trust."""
    issuer: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The key identifier of the CA that issued the certificate with which it last connected."""
    standing_at: Mapped[float | None]
    """When it last told which versions it trusts; None before it did, and after the hub was restored from a copy."""
    problem: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """What keeps it from its work (``wire.messages.EdgeProblem``), empty for nothing; ``problem_text`` in words."""
    problem_text: Mapped[str] = mapped_column(String(300), default="", server_default="")
    problem_since: Mapped[float | None]
    clock_off_s: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    """By how much its clock is ahead of the hub's, as it was when it last told."""
    disk_free_bytes: Mapped[int | None] = mapped_column(BigInteger)
    http_addresses: Mapped[str] = mapped_column(String(600), default="", server_default="")
    """Where phones reach its HTTP, as it says, with spaces between (``fleet/edge_addresses.py``)."""
    jobs_allowed: Mapped[str] = mapped_column(String(200), default="", server_default="")
    """Which jobs its own policy file allows, with spaces between; empty where it has not told."""
    jobs_problem: Mapped[str] = mapped_column(String(300), default="", server_default="")
    """Why that file can't be used, in words."""
    mode_told: Mapped[str] = mapped_column(String(10), default="", server_default="")
    """How it says that it keeps its files (``wire.messages.EdgeMode``); empty where it has not told."""
    reports_left: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    """Its budget for reports (fleet/report_budget.py) as it was at ``reports_left_at``."""
    reports_left_at: Mapped[float | None]
    reports_not_kept: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """How many of its reports were acknowledged and not stored, because they were too many."""


class EdgeCertificateRow(OrganisationOwned, Base):
    """One certificate of an edge. ``parent`` is the fingerprint of the one that asked for it; empty for the first.

    ``used_at`` is when it was first seen in use, ``seen_at`` and ``peer`` when and from where it was last.
    """

    __tablename__ = "edge_certificate"
    __table_args__ = (
        link("edge_id", to="edge.id"),
        indexed("edge_id"),
        indexed("parent"),
    )

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(20))
    parent: Mapped[str] = mapped_column(String(64), default="")
    generation: Mapped[int]
    serial: Mapped[str] = mapped_column(String(40))
    issued_at: Mapped[float]
    ends_at: Mapped[float]
    used_at: Mapped[float | None]
    seen_at: Mapped[float | None]
    peer: Mapped[str] = mapped_column(String(64), default="")


class UnknownEdgeRow(OrganisationOwned, Base):
    """An edge that this hub's CA vouches for and the hub does not know: one enrolled after the copy that it has."""

    __tablename__ = "unknown_edge"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    key_fingerprint: Mapped[str] = mapped_column(String(64))
    certificate_fingerprint: Mapped[str] = mapped_column(String(64))
    certificate_serial: Mapped[str] = mapped_column(String(40))
    certificate_ends_at: Mapped[float]
    first_at: Mapped[float]
    last_at: Mapped[float]
    peer: Mapped[str] = mapped_column(String(64))


class AuditEntryRow(Numbered, Base):
    """Who did what to what, chained to the entry before (store/audit_chain.py)."""

    __tablename__ = "audit"
    __table_args__ = (
        indexed("at", "id"),
        indexed("actor", "id"),
        indexed("actor_id", "id"),
        indexed("action", "id"),
        indexed("address", "id"),
    )

    at: Mapped[float] = mapped_column(Double)
    actor: Mapped[str] = mapped_column(String(80))
    actor_id: Mapped[str] = mapped_column(String(40), default="")
    """The API token's id: names can be given twice. Empty where no request of a person's was the cause."""
    address: Mapped[str] = mapped_column(String(64), default="")
    """Where the request came from."""
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(120))
    detail: Mapped[str] = mapped_column(String(500), default="")
    changes: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The rows before and after, in JSON (store/row_changes.py); empty where none was changed."""
    chain: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The SHA-256 of the entry and of the one before."""
    trace: Mapped[str] = mapped_column(String(55), default="", server_default="")
    """What a trace goes on from that it is in (hub/tracing.py): no part of what the entry says."""


class EdgeReportRow(Numbered, Base):
    """One thing that happened at an edge, or at the hub's listener for phones, as wire.messages.Report."""

    __tablename__ = "report"
    __table_args__ = (
        unique("edge_id", "seq"),
        indexed("site_id", "id", name="ix_report_site_newest"),
        link("edge_id", to="edge.id"),
        indexed("received_at"),
        indexed("owner", "id"),
        indexed("foreign_owner", "id"),
        indexed("finding", "id"),
    )

    edge_id: Mapped[str | None] = mapped_column(String(20))
    """None: the hub's own listener for phones."""
    site_id: Mapped[str] = mapped_column(String(40))
    seq: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[float]
    received_at: Mapped[float] = mapped_column(Double)
    kind: Mapped[str] = mapped_column(String(40))
    sentence: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(String(255), default="")
    owner: Mapped[str] = mapped_column(String(12), default="")
    foreign_owner: Mapped[str] = mapped_column(String(12), default="", server_default="")
    """The phone that it names but does not count for (fleet/report_gate.py); ``owner`` is empty then."""
    peer: Mapped[str] = mapped_column(String(64), default="")
    release: Mapped[int] = mapped_column(Integer, default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    duration_s: Mapped[float] = mapped_column(Double, default=0.0)
    finding: Mapped[str] = mapped_column(String(40), default="", server_default="")
    level: Mapped[str] = mapped_column(String(8), default="", server_default="")
    decision: Mapped[str] = mapped_column(Text, default="", server_default="")
    count: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
