"""Phones' provisioning credentials."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "provisioning_credential",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("proved_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["mac"], ["phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mac", "serial"),
    )
