"""Where edges say that phones reach them over HTTP; none has said so yet."""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("edge", sa.Column("http_addresses", sa.String(600), nullable=False, server_default=""))
