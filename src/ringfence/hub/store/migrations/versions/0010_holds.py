"""Sites that are held, how long firmware waits for their edges, and phones that a publish left out."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a site waits for and is held by, and the phones that were left out."""
    op.add_column("site", sa.Column("firmware_waits_s", sa.Double(), nullable=False, server_default="86400"))
    op.add_column("site", sa.Column("held_at", sa.Double()))
    op.add_column("site", sa.Column("held_by", sa.String(length=80), nullable=False, server_default=""))
    op.add_column("site", sa.Column("held_why", sa.String(length=200), nullable=False, server_default=""))
    op.create_table(
        "left_out_phone",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("what", sa.String(length=1000), nullable=False),
        sa.Column("to_do", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["mac"], ["phone.mac"], name=op.f("fk_left_out_phone_mac_phone"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mac", name=op.f("pk_left_out_phone")),
    )
