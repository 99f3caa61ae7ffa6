"""What changing tunnels' keys needs to know: which are to go, and who goes by what by now."""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the columns."""
    for table, column in (
        ("box", sa.Column("retired_key", sa.String(length=44), server_default="", nullable=False)),
        ("box", sa.Column("rules_version", sa.BigInteger(), server_default="0", nullable=False)),
        ("concentrator", sa.Column("retired_key", sa.String(length=44), server_default="", nullable=False)),
        ("concentrator", sa.Column("peers_version", sa.BigInteger(), server_default="0", nullable=False)),
        ("concentrator", sa.Column("peers_epoch", sa.String(length=40), server_default="", nullable=False)),
    ):
        op.add_column(table, column)
