"""What an API token is for and until when; who made a change, by id and address."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; tokens of before are for everything, without an end."""
    with op.batch_alter_table("api_token") as table:
        table.add_column(sa.Column("scope", sa.String(length=10), nullable=False, server_default="admin"))
        table.add_column(sa.Column("ends_at", sa.Double(), nullable=True))
    with op.batch_alter_table("audit") as table:
        table.add_column(sa.Column("actor_id", sa.String(length=40), nullable=False, server_default=""))
        table.add_column(sa.Column("address", sa.String(length=64), nullable=False, server_default=""))
    for name, columns in (("api_token", ("scope",)), ("audit", ("actor_id", "address"))):
        with op.batch_alter_table(name) as table:
            for column in columns:
                table.alter_column(column, server_default=None)
