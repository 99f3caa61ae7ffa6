"""Orders to phones that have no edge to tell them of a new release."""

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "due_order",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=True),
        sa.Column("told_at", sa.Double(), nullable=True),
        sa.Column("detail", sa.String(length=300), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["organisation_id", "mac"], ["phone.organisation_id", "phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "mac"),
    )
    for column in ("due_at", "claimed_at"):
        op.create_index(f"ix_due_order_organisation_id_{column}", "due_order", ["organisation_id", column])
