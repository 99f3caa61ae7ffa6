"""Concentrators' own addresses inside their tunnels; those that there are get one when they enrol again."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the column."""
    op.add_column("concentrator", sa.Column("address", sa.String(length=15), server_default="", nullable=False))
