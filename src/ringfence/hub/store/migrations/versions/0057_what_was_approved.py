"""What an approval of a draft was of, and who created an API token; of what there is, nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("draft", sa.Column("approved_edits", sa.JSON(), nullable=True))
    op.add_column("api_token", sa.Column("created_by_id", sa.String(40), nullable=False, server_default=""))
