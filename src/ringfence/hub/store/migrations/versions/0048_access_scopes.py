"""People and API tokens may be limited to a part of their organisation; what there is stays as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for table in ("person", "api_token"):
        op.add_column(table, sa.Column("limited_to", sa.JSON(none_as_null=True), nullable=True))
