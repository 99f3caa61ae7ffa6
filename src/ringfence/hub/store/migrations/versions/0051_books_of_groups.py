"""Phone books for groups of phones."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("phone_book", sa.Column("is_for_groups", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "phone_book_group",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("book_id", sa.String(length=40), nullable=False),
        sa.Column("group_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "book_id"], ["phone_book.organisation_id", "phone_book.id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "group_id"], ["phone_group.organisation_id", "phone_group.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "book_id", "group_id"),
    )
