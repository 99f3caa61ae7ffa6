"""Which keys the newest root of each site names."""

import sqlalchemy as sa
from alembic import op

revision = "0089"
down_revision = "0091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is looked up for sites that there are."""
    op.add_column("site", sa.Column("keys_digest", sa.String(length=64), server_default="", nullable=False))
    op.create_index("ix_site_organisation_id_keys_digest", "site", ["organisation_id", "keys_digest"])
