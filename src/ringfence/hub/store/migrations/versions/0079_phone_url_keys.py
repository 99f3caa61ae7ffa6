"""Keys in the URLs of phones that have no certificate."""

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "phone_url_key",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("networks", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("bound_at", sa.Double(), nullable=True),
        sa.Column("bound_agent", sa.String(length=60), server_default="", nullable=False),
        sa.Column("bound_network", sa.String(length=64), server_default="", nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["organisation_id", "mac"], ["phone.organisation_id", "phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "mac"),
    )
    op.create_index("ix_phone_url_key_organisation_id_key_hash", "phone_url_key", ["organisation_id", "key_hash"])
