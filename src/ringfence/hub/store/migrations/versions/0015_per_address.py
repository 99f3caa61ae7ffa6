"""What one address may cost a site's edges."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; sites keep the defaults."""
    op.add_column("guard_policy", sa.Column("per_address", sa.JSON(), server_default="{}", nullable=False))
