"""What all tables share."""

from typing import Any, ClassVar

from sqlalchemy import (
    Double,
    LargeBinary,
    MetaData,
)
from sqlalchemy.orm import DeclarativeBase

MOST_COUNTED = 2**31 - 1
"""The largest number that a column of type Integer takes, whatever the database."""


class Base(DeclarativeBase):
    """What all tables share: every constraint has a name, so that migrations can speak of it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # Any: the values of SQLAlchemy's own registry; the column types are stated here once.
    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double, bytes: LargeBinary}
