"""How a phone is told has room for the longest way; SQLite held it before, PostgreSQL refused the publish."""

import sqlalchemy as sa
from alembic import op

revision = "0088"
down_revision = "0089"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns longer."""
    for name in ("release_target", "prepared_target"):
        with op.batch_alter_table(name) as table:
            table.alter_column(
                "reload_method", type_=sa.String(40), existing_type=sa.String(20), existing_nullable=True
            )
