"""What the tables that belong to organisations share: whose a row is, first in its key, its indexes and its links.

So a row can't point into another organisation's rows, the same name may exist in two of them, and no list of one costs
what others have. Who reads and writes says whose rows it means once, for the whole session (``store/binding.py``).
"""

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

LONGEST_ORGANISATION_ID = 20
_OWNER = "organisation_id"


class OrganisationOwned:
    """A table whose rows belong to one organisation each."""

    __tablename__: str

    organisation_id: Mapped[str] = mapped_column(
        String(LONGEST_ORGANISATION_ID), ForeignKey("organisation.id"), primary_key=True, sort_order=-2
    )


class Numbered(OrganisationOwned):
    """Rows with numbers, counted for each organisation by itself: no number tells what others have."""

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, sort_order=-1)


def link(*columns: str, to: str, cascade: bool = True) -> ForeignKeyConstraint:
    """Return the link of a table to another of the same organisation.

    Args:
        columns: The columns of the link beside the organisation's.
        to: The other table and its columns, as in ``line.mac,index``.
        cascade: Whether rows go with the row that they point to.
    """
    table, _dot, keys = to.partition(".")
    return ForeignKeyConstraint(
        [_OWNER, *columns],
        [f"{table}.{key}" for key in (_OWNER, *keys.split(","))],
        ondelete="CASCADE" if cascade else None,
    )


def indexed(*columns: str, name: str | None = None) -> Index:
    """Return an index of the rows of each organisation.

    Where lists of such rows are sorted, it ends with what they are sorted by. Otherwise SQLite, which takes an
    organisation to have a handful of rows, reads all of one in the order of their key.
    """
    return Index(name, _OWNER, *columns)


def unique(*columns: str) -> UniqueConstraint:
    """Return that an organisation has no two rows with the same values."""
    return UniqueConstraint(_OWNER, *columns)
