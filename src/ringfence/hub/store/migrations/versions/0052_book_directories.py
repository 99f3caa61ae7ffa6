"""Directories that phone books are read from."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "phone_book_directory",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("book_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=300), nullable=False),
        sa.Column("user", sa.String(length=500), nullable=False),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=False),
        sa.Column("base", sa.String(length=500), nullable=False),
        sa.Column("filter", sa.String(length=1000), nullable=False),
        sa.Column("name_attribute", sa.String(length=140), nullable=False),
        sa.Column("number_attributes", sa.String(length=700), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("allows_clear_text", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=True),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "book_id"], ["phone_book.organisation_id", "phone_book.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "book_id"),
    )
