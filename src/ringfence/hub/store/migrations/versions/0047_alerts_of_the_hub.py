"""Alerts may be about the hub, and so about no site."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let an alert have no site."""
    with op.batch_alter_table("guard_alert") as batch:
        batch.alter_column("site_id", existing_type=sa.String(length=40), nullable=True)
