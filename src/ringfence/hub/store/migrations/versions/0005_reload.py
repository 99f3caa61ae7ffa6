"""How and when a phone is told of a new file."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what was stored before is told by SIP NOTIFY, at once."""
    for table in ("release_target", "prepared_target"):
        op.add_column(table, sa.Column("reload_method", sa.String(length=20), nullable=True))
        op.add_column(table, sa.Column("reload_minute", sa.Integer(), nullable=True))
        op.execute(f"UPDATE {table} SET reload_method = 'sip-notify' WHERE reload_port IS NOT NULL")  # noqa: S608 - ours
