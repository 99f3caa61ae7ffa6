"""The tables of what is published: releases, metadata, firmware, assets. Times are Unix seconds."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    String,
    false,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class ReleaseRow(OrganisationOwned, Base):
    """One release of one site: immutable. ``rolled_back_to`` names the release whose content it repeats."""

    __tablename__ = "release"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    made_at: Mapped[float]
    made_by: Mapped[str] = mapped_column(String(80))
    comment: Mapped[str] = mapped_column(String(500), default="")
    rolled_back_to: Mapped[int | None]
    entries_through: Mapped[int | None] = mapped_column(BigInteger)
    """The newest entry of the audit log when its content was read; None in releases of earlier versions of the hub."""
    trace: Mapped[str] = mapped_column(String(55), default="", server_default="")
    """What its trace goes on from (hub/tracing.py); empty where it was not traced."""


class ReleaseTargetRow(OrganisationOwned, Base):
    """One file of a release."""

    __tablename__ = "release_target"
    __table_args__ = (
        link("site_id", "number", to="release.site_id,number"),
        indexed("digest", "site_id", name="ix_release_target_digest_site"),
        indexed("owner", "site_id", "number", name="ix_release_target_owner"),
    )

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    length: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str | None] = mapped_column(String(12))
    reload_port: Mapped[int | None]
    reload_method: Mapped[str | None] = mapped_column(String(40))
    reload_minute: Mapped[int | None]
    secret: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    sealed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class FirmwareLoadRow(OrganisationOwned, Base):
    """One load of firmware that was imported whole."""

    __tablename__ = "firmware_load"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(200))
    added_at: Mapped[float]
    added_by: Mapped[str] = mapped_column(String(80))


class FirmwareFileRow(OrganisationOwned, Base):
    """One file of a load, under the name that phones ask for."""

    __tablename__ = "firmware_file"
    __table_args__ = (link("load", to="firmware_load.name"),)

    load: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    length: Mapped[int] = mapped_column(BigInteger)


class AssetRow(OrganisationOwned, Base):
    """A ring tone, a wallpaper, a language or a country's tones, for every phone that can have it."""

    __tablename__ = "asset"

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80))
    source: Mapped[str] = mapped_column(String(200))
    added_at: Mapped[float]
    added_by: Mapped[str] = mapped_column(String(80))


class AssetFileRow(OrganisationOwned, Base):
    """One file of an asset, under the name that phones ask for; ``variant`` says which phones."""

    __tablename__ = "asset_file"
    __table_args__ = (link("asset_id", to="asset.id"),)

    asset_id: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    length: Mapped[int] = mapped_column(BigInteger)
    variant: Mapped[str] = mapped_column(String(60))


class UploadRow(OrganisationOwned, Base):
    """Bytes that an organisation has uploaded; others that have uploaded the same share the blob, and don't know."""

    __tablename__ = "upload"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[float]
    length: Mapped[int | None] = mapped_column(BigInteger)
    """None of uploads of earlier versions of the hub."""


class PreparedTargetRow(OrganisationOwned, Base):
    """A file that goes into a site's next release by itself, once the firmware that it names is at the site's edges."""

    __tablename__ = "prepared_target"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    length: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(String(12))
    reload_port: Mapped[int | None]
    reload_method: Mapped[str | None] = mapped_column(String(40))
    reload_minute: Mapped[int | None]
    secret: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    sealed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    load: Mapped[str] = mapped_column(String(64))


class LeftOutPhoneRow(OrganisationOwned, Base):
    """A phone that the last publish of its site left out, because its files can't be made, and why."""

    __tablename__ = "left_out_phone"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    at: Mapped[float]
    what: Mapped[str] = mapped_column(String(1000))
    to_do: Mapped[str] = mapped_column(String(1000))


class RoleMetadataRow(OrganisationOwned, Base):
    """One signed role of a site's repository, as it is served; of timestamps only the newest is kept."""

    __tablename__ = "role_metadata"
    __table_args__ = (link("site_id", to="site.id"), indexed("made_at"))

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[bytes]
    made_at: Mapped[float]
    expires_at: Mapped[float]


class SiteStandingRow(OrganisationOwned, Base):
    """What a site's edges are known to have had where that is beyond what the hub has, or not known yet.

    ``doubt``: ``unheard`` until one of its edges has told since the hub was restored, ``behind`` while edges have what
    the hub does not, until a person decides; empty afterwards. The numbers are the highest that edges have proven:
    what is signed next is above them.
    """

    __tablename__ = "site_standing"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    doubt: Mapped[str] = mapped_column(String(20))
    why: Mapped[str] = mapped_column(String(500), default="")
    since: Mapped[float]
    release: Mapped[int] = mapped_column(Integer, default=0)
    targets: Mapped[int] = mapped_column(Integer, default=0)
    snapshot: Mapped[int] = mapped_column(Integer, default=0)
    timestamp: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[int] = mapped_column(BigInteger, default=0)


class HubMemoryRow(OrganisationOwned, Base):
    """What an organisation's edges keep for the hub, sealed: which of them it has revoked. One row at most."""

    __tablename__ = "hub_memory"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sealed: Mapped[bytes]


class RestorationRow(Base):
    """When the hub was last restored from a copy, of when the copy is, and until when it only listens to edges."""

    __tablename__ = "restoration"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    copied_at: Mapped[float]
    restored_at: Mapped[float]
    listens_until: Mapped[float]


class PublicationLeaseRow(OrganisationOwned, Base):
    """Who publishes in an organisation just now: one row at most, and it counts only until ``ends_at``."""

    __tablename__ = "publication_lease"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(80))
    since: Mapped[float]
    ends_at: Mapped[float]
