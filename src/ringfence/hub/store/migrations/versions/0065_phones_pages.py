"""Phones' own web pages through edges: which phone a job is about, and what goes between browser and phone."""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the columns."""
    op.add_column("edge_job", sa.Column("mac", sa.String(12), nullable=False, server_default=""))
    op.add_column("edge_job", sa.Column("with_changes", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("edge_job", sa.Column("web_requests", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("edge_job", sa.Column("web_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "phone_web_exchange",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("job_id", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("sealed_request", sa.LargeBinary(), nullable=False),
        sa.Column("taken_at", sa.Double(), nullable=True),
        sa.Column("sealed_answer", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "edge_id"], ["edge.organisation_id", "edge.id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "job_id"], ["edge_job.organisation_id", "edge_job.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "job_id", "number"),
    )
