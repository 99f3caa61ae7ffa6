"""Limits of organisations, lengths of uploads, and when the hub tells phones of rollouts; what there is has none."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("most_sites", "most_phones", "most_people", "most_api_tokens"):
        op.add_column("organisation", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("organisation", sa.Column("most_stored_bytes", sa.BigInteger(), nullable=True))
    op.add_column("upload", sa.Column("length", sa.BigInteger(), nullable=True))
    op.add_column("rollout", sa.Column("when_idle", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("rollout_phone", sa.Column("tell_at", sa.Double(), nullable=True))
