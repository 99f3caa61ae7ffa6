"""Edges that keep their files sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and the column for what edges say."""
    op.create_table(
        "edge_mode",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("is_sealed", sa.Boolean(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "edge_id"], ["edge.organisation_id", "edge.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "edge_id"),
    )
    op.create_index("ix_edge_mode_organisation_id_site_id", "edge_mode", ["organisation_id", "site_id"])
    op.add_column("edge", sa.Column("mode_told", sa.String(length=10), server_default="", nullable=False))
