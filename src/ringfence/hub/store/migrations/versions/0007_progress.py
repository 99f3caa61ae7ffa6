"""How far edges are with the release that they are taking."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what was fetched, of how much."""
    for column in ("fetched_bytes", "fetching_bytes"):
        op.add_column("edge", sa.Column(column, sa.BigInteger(), server_default="0", nullable=False))
