"""What edges say of their own health."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("edge", sa.Column("problem", sa.String(length=40), server_default="", nullable=False))
    op.add_column("edge", sa.Column("problem_text", sa.String(length=300), server_default="", nullable=False))
    op.add_column("edge", sa.Column("problem_since", sa.Double(), nullable=True))
    op.add_column("edge", sa.Column("clock_off_s", sa.Double(), server_default="0", nullable=False))
    op.add_column("edge", sa.Column("disk_free_bytes", sa.BigInteger(), nullable=True))
