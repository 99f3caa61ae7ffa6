"""What lists and look-ups of a large fleet go by."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the key of each site's name, and indexes."""
    op.add_column("site", sa.Column("name_key", sa.String(length=240), nullable=False, server_default=""))
    site = sa.table("site", sa.column("id", sa.String), sa.column("name", sa.String), sa.column("name_key", sa.String))
    connection = op.get_bind()
    for site_id, name in connection.execute(sa.select(site.c.id, site.c.name)).all():
        key = unicodedata.normalize("NFC", name).strip().casefold()
        connection.execute(sa.update(site).where(site.c.id == site_id).values(name_key=key))
    op.create_index("ix_site_name_key", "site", ["name_key"], unique=True)
    op.create_index("ix_line_name", "line", ["name"])
    op.create_index("ix_report_site_newest", "report", ["site_id", "id"])
    op.create_index("ix_release_target_owner", "release_target", ["owner", "site_id", "number"])
