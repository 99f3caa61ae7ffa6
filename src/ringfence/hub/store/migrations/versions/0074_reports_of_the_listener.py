"""Reports may be of the hub's own listener for phones, and so of no edge."""

import sqlalchemy as sa
from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a report have no edge."""
    with op.batch_alter_table("report") as batch:
        batch.alter_column("edge_id", existing_type=sa.String(length=20), nullable=True)
