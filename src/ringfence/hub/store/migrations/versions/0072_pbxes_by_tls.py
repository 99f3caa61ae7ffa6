"""What PBXes were given for SIP over TLS."""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "pbx_tls_export",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("pbx", sa.String(length=10), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=20), nullable=False),
        sa.Column("takes_old", sa.Boolean(), nullable=False),
        sa.Column("demands", sa.Boolean(), nullable=False),
        sa.Column("known", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("organisation_id", "pbx", "site_id"),
    )
