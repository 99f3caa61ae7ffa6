"""What is trusted of a PBX over TLS."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; links of before trust what the machine trusts."""
    with op.batch_alter_table("pbx") as table:
        table.add_column(sa.Column("trust", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("pbx") as table:
        table.alter_column("trust", server_default=None)
