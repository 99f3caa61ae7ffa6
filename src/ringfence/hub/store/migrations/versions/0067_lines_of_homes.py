"""What the line of a site's home takes, so that boxes put calls first on it."""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the column."""
    op.add_column("site_network", sa.Column("uplink_kbit", sa.Integer(), server_default="0", nullable=False))
