"""Phones' keys for encrypted profiles."""

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "phone_profile_key",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(length=12), nullable=False),
        sa.Column("sealed_phrase", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("taken_at", sa.Double(), nullable=True),
        sa.Column("previous_folder", sa.String(length=12), nullable=False),
        sa.Column("sealed_previous", sa.LargeBinary(), nullable=True),
        sa.Column("needs_first", sa.Boolean(), nullable=False),
        sa.Column("own_form", sa.String(length=10), nullable=False),
        sa.Column("own_form_release", sa.Integer(), nullable=False),
        sa.Column("first_taken_at", sa.Double(), nullable=True),
        sa.Column("asked_in_vain_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["organisation_id", "mac"], ["phone.organisation_id", "phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "mac"),
    )
