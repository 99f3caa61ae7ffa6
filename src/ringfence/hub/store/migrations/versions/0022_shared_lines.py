"""Phones that change their secrets together."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("rotation", sa.Column("together", sa.String(length=20), server_default="", nullable=False))
    op.add_column("rotation", sa.Column("keeps_new", sa.Boolean(), server_default=sa.false(), nullable=False))
