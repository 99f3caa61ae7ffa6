"""Portable bundles."""

import sqlalchemy as sa
from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "bundle",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("recipient", sa.String(length=80), nullable=False),
        sa.Column("wrapped_identity", sa.LargeBinary(), nullable=False),
        sa.Column("password_hash", sa.String(length=64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("leaves_out_firmware", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("newest_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("last_fetched_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "site_id"], ["site.organisation_id", "site.id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["organisation_id", "mac"], ["phone.organisation_id", "phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "id"),
    )
    op.create_index("ix_bundle_password_hash", "bundle", ["password_hash"], unique=True)
    op.create_index(op.f("ix_bundle_organisation_id_made_at_id"), "bundle", ["organisation_id", "made_at", "id"])
    op.create_index(
        op.f("ix_bundle_organisation_id_site_id_made_at"), "bundle", ["organisation_id", "site_id", "made_at"]
    )
