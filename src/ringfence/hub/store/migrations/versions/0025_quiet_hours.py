"""Quiet hours of alert channels."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("alert_channel", sa.Column("quiet_hours", sa.String(length=11), server_default="", nullable=False))
    op.add_column("alert_channel", sa.Column("time_zone", sa.String(length=64), server_default="", nullable=False))
