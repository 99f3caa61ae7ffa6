"""What is not finished of a change of secrets, and when it is tried again."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is under way goes on from its stage."""
    with op.batch_alter_table("rotation") as table:
        table.add_column(sa.Column("restored", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("told", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("problem", sa.String(length=500), nullable=False, server_default=""))
        table.add_column(sa.Column("failing_since", sa.Double(), nullable=True))
        table.add_column(sa.Column("next_try_at", sa.Double(), nullable=False, server_default="0"))
