"""Where edges find the hub: what each site's newest root says, and what each edge has heard and goes by."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every site's root is signed anew at the next start."""
    op.add_column("site", sa.Column("endpoints_digest", sa.String(length=64), server_default="", nullable=False))
    op.create_index(op.f("ix_site_endpoints_digest"), "site", ["endpoints_digest"])
    op.add_column("edge", sa.Column("hub_url", sa.String(length=300), server_default="", nullable=False))
    op.add_column("edge", sa.Column("endpoints_digest", sa.String(length=64), server_default="", nullable=False))
    op.add_column("edge", sa.Column("issuer", sa.String(length=64), server_default="", nullable=False))
