"""Each release keeps the newest entry of the audit log that it has; those that there are keep none."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("release", sa.Column("entries_through", sa.BigInteger(), nullable=True))
