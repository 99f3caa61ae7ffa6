"""The tables of phone books."""

from sqlalchemy import Boolean, Double, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, link, unique

TABLE, LINES, LDAP = "table", "lines", "ldap"
"""Where a book's entries come from: a table of its own, the lines of the organisation's phones, or a directory."""


class PhoneBookRow(OrganisationOwned, Base):
    """A phone book. Where ``is_everywhere`` is false, only sites in ``PhoneBookSiteRow`` have it, be there none."""

    __tablename__ = "phone_book"
    __table_args__ = (unique("name"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(32))
    """What phones show as its title."""
    source: Mapped[str] = mapped_column(String(10))
    """``TABLE``, ``LINES`` or ``LDAP``."""
    is_everywhere: Mapped[bool] = mapped_column(Boolean)
    is_for_groups: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether only phones of the groups in ``PhoneBookGroupRow`` have it, be there none."""
    edition: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How often its entries were replaced."""
    created_at: Mapped[float] = mapped_column(Double)
    changed_at: Mapped[float] = mapped_column(Double)
    changed_by: Mapped[str] = mapped_column(String(80))


class PhoneBookSiteRow(OrganisationOwned, Base):
    """A site whose phones have a book."""

    __tablename__ = "phone_book_site"
    __table_args__ = (
        link("book_id", to="phone_book.id"),
        link("site_id", to="site.id"),
    )

    book_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)


class PhoneBookGroupRow(OrganisationOwned, Base):
    """A group whose phones have a book that is for groups."""

    __tablename__ = "phone_book_group"
    __table_args__ = (
        link("book_id", to="phone_book.id"),
        link("group_id", to="phone_group.id"),
    )

    book_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    group_id: Mapped[str] = mapped_column(String(40), primary_key=True)


class PhoneBookEntryRow(OrganisationOwned, Base):
    """One entry of a book, in the order in which they were imported."""

    __tablename__ = "phone_book_entry"
    __table_args__ = (link("book_id", to="phone_book.id"),)

    book_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    number: Mapped[str] = mapped_column(String(64))


class PhoneBookDirectoryRow(OrganisationOwned, Base):
    """The directory that a book is read from; ``problem`` is why it was not the last time, empty where it was."""

    __tablename__ = "phone_book_directory"
    __table_args__ = (link("book_id", to="phone_book.id"),)

    book_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    url: Mapped[str] = mapped_column(String(300))
    user: Mapped[str] = mapped_column(String(500))
    sealed_password: Mapped[bytes]
    base: Mapped[str] = mapped_column(String(500))
    filter: Mapped[str] = mapped_column(String(1000))
    name_attribute: Mapped[str] = mapped_column(String(140))
    number_attributes: Mapped[str] = mapped_column(String(700))
    """With commas between."""
    trust: Mapped[str] = mapped_column(Text)
    allows_clear_text: Mapped[bool] = mapped_column(Boolean)
    asked_at: Mapped[float | None] = mapped_column(Double)
    """When it was asked last; None while it is to be asked at once."""
    answered_at: Mapped[float | None] = mapped_column(Double)
    problem: Mapped[str] = mapped_column(String(300))
    left_out: Mapped[int] = mapped_column(Integer)
    """How many of its entries the book has no room for."""
