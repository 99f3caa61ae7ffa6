"""Rollouts."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "rollout",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("waves", sa.Integer(), nullable=False),
        sa.Column("gate_s", sa.Double(), nullable=False),
        sa.Column("most_failed_percent", sa.Integer(), nullable=False),
        sa.Column("hours", sa.String(length=11), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("organisation_id", "id"),
    )
    op.create_index("ix_rollout_organisation_id_state", "rollout", ["organisation_id", "state"])
    op.create_index("ix_rollout_organisation_id_created_at_id", "rollout", ["organisation_id", "created_at", "id"])
    for name, key, columns in (
        (
            "rollout_site",
            "site_id",
            (
                sa.Column("site_id", sa.String(length=40), nullable=False),
                sa.Column("wave", sa.Integer(), nullable=False),
                sa.Column("state", sa.String(length=12), nullable=False),
                sa.Column("release", sa.Integer(), nullable=False),
                sa.Column("published_at", sa.Double(), nullable=True),
                sa.Column("problem", sa.String(length=500), nullable=False),
            ),
        ),
        (
            "rollout_phone",
            "mac",
            (
                sa.Column("mac", sa.String(length=12), nullable=False),
                sa.Column("site_id", sa.String(length=40), nullable=False),
                sa.Column("state", sa.String(length=12), nullable=False),
                sa.Column("problem", sa.String(length=500), nullable=False),
            ),
        ),
    ):
        op.create_table(
            name,
            sa.Column("organisation_id", sa.String(length=20), nullable=False),
            sa.Column("rollout_id", sa.String(length=20), nullable=False),
            *columns,
            sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
            sa.ForeignKeyConstraint(
                ["organisation_id", "rollout_id"], ["rollout.organisation_id", "rollout.id"], ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("organisation_id", "rollout_id", key),
        )
    op.create_index(
        "ix_rollout_phone_organisation_id_rollout_id_site_id",
        "rollout_phone",
        ["organisation_id", "rollout_id", "site_id"],
    )
