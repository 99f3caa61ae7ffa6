"""Phones that hold trust lists: what they were seen to take, their content keys, and files that only one can read."""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the columns."""
    for table in ("release_target", "prepared_target"):
        op.add_column(table, sa.Column("sealed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "phone_trust",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("list_kind", sa.String(length=10), nullable=False),
        sa.Column("list_number", sa.BigInteger(), nullable=False),
        sa.Column("list_digest", sa.String(length=64), nullable=False),
        sa.Column("list_release", sa.Integer(), nullable=False),
        sa.Column("list_since", sa.Double(), nullable=False),
        sa.Column("taken_kind", sa.String(length=10), nullable=False),
        sa.Column("taken_digest", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.Double(), nullable=True),
        sa.Column("signed_at", sa.Double(), nullable=True),
        sa.Column("signed_peer", sa.String(length=64), nullable=False),
        sa.Column("encrypted_at", sa.Double(), nullable=True),
        sa.Column("release_asked_at", sa.Double(), nullable=True),
        sa.Column("release_asked_by", sa.String(length=80), nullable=False),
        sa.Column("released_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["organisation_id", "mac"], ["phone.organisation_id", "phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "mac"),
    )
    op.create_table(
        "phone_content_key",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("encrypted_key", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["organisation_id", "mac"], ["phone.organisation_id", "phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "mac"),
    )
