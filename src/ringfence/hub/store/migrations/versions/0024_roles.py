"""API tokens have roles: who had everything is an owner."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename the column, and what it holds."""
    with op.batch_alter_table("api_token") as batch:
        batch.alter_column(
            "scope", new_column_name="role", type_=sa.String(length=20), existing_type=sa.String(length=10),
            existing_nullable=False,
        )  # fmt: skip
    op.execute("UPDATE api_token SET role = 'owner' WHERE role = 'admin'")
