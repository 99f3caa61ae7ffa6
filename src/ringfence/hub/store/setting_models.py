"""The tables of settings, one for each scope, and of operators' own templates."""

from sqlalchemy import JSON, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, link


class OrganisationSettingRow(OrganisationOwned, Base):
    """A setting's value for all phones of an organisation: plain in ``value``, or ``sealed`` where it is a secret."""

    __tablename__ = "organisation_setting"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[bool | int | str | None] = mapped_column(JSON)
    sealed: Mapped[bytes | None]


class SiteSettingRow(OrganisationOwned, Base):
    """A setting's value for every phone of a site."""

    __tablename__ = "site_setting"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[bool | int | str | None] = mapped_column(JSON)
    sealed: Mapped[bytes | None]


class GroupSettingRow(OrganisationOwned, Base):
    """A setting's value for every phone of a group."""

    __tablename__ = "group_setting"
    __table_args__ = (link("group_id", to="phone_group.id"),)

    group_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[bool | int | str | None] = mapped_column(JSON)
    sealed: Mapped[bytes | None]


class PhoneSettingRow(OrganisationOwned, Base):
    """A setting's value for one phone."""

    __tablename__ = "phone_setting"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[bool | int | str | None] = mapped_column(JSON)
    sealed: Mapped[bytes | None]


class LineSettingRow(OrganisationOwned, Base):
    """A setting's value for one line of a phone."""

    __tablename__ = "line_setting"
    __table_args__ = (link("mac", "index", to="line.mac,index"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    index: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[bool | int | str | None] = mapped_column(JSON)
    sealed: Mapped[bytes | None]


class OwnTemplateRow(OrganisationOwned, Base):
    """An operator's template for one file of a family: ``name`` is the file's key, or a further file's name."""

    __tablename__ = "own_template"

    family: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[float]
    changed_by: Mapped[str] = mapped_column(String(80))
