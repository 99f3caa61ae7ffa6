"""Activation codes, and the phones that are prepared for them."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "activation",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("ending", sa.String(length=4), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=True),
        sa.Column("model", sa.String(length=40), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("group_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.Column("used_by", sa.String(length=80), server_default="", nullable=False),
        sa.Column("mac", sa.String(length=12), server_default="", nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "site_id"], ["site.organisation_id", "site.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id"),
        sa.UniqueConstraint("organisation_id", "code_hash"),
    )
    op.create_index(
        "ix_activation_organisation_id_created_at_id", "activation", ["organisation_id", "created_at", "id"]
    )
    op.create_index("ix_activation_organisation_id_site_id", "activation", ["organisation_id", "site_id"])
    op.create_table(
        "activation_line",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("activation_id", sa.String(length=24), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("auth_name", sa.String(length=200), nullable=False),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "activation_id"], ["activation.organisation_id", "activation.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "activation_id", "index"),
    )
