"""Jobs of edges, what came of them, and what each edge allows; of the edges that there are, nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the columns."""
    op.create_table(
        "edge_job",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("orders", sa.JSON(), nullable=False),
        sa.Column("reach", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("with_secrets", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("asked_by_id", sa.String(length=40), server_default="", nullable=False),
        sa.Column("why", sa.String(length=300), server_default="", nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("approved_by", sa.String(length=80), server_default="", nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempt", sa.String(length=40), server_default="", nullable=False),
        sa.Column("began_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("parts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sentence", sa.String(length=500), server_default="", nullable=False),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "edge_id"], ["edge.organisation_id", "edge.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id"),
    )
    for columns in (["edge_id", "asked_at", "id"], ["asked_at", "id"], ["state"]):
        name = "_".join(["ix_edge_job_organisation_id", *columns])
        op.create_index(name, "edge_job", ["organisation_id", *columns])
    op.create_table(
        "edge_job_part",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("job_id", sa.String(length=20), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("sealed_data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "edge_id"], ["edge.organisation_id", "edge.id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "job_id"], ["edge_job.organisation_id", "edge_job.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "job_id", "part"),
    )
    op.add_column("edge", sa.Column("jobs_allowed", sa.String(200), nullable=False, server_default=""))
    op.add_column("edge", sa.Column("jobs_problem", sa.String(300), nullable=False, server_default=""))
    op.add_column("organisation", sa.Column("jobs_approval", sa.String(20), nullable=False, server_default="none"))
