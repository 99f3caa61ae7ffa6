"""What traces go on from, with edits and releases."""

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = "0086"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the columns."""
    for table in ("audit", "release"):
        op.add_column(table, sa.Column("trace", sa.String(length=55), nullable=False, server_default=""))
