"""Where concentrators know the hub to be."""

import sqlalchemy as sa
from alembic import op

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    with op.batch_alter_table("concentrator") as table:
        table.add_column(sa.Column("endpoints_digest", sa.String(length=64), server_default="", nullable=False))
        table.add_column(sa.Column("hub_url", sa.String(length=300), server_default="", nullable=False))
        table.add_column(sa.Column("issuer", sa.String(length=64), server_default="", nullable=False))
