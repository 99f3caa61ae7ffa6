"""What came of the orders that the hub gave phones through their PBX."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a phone's last order."""
    op.create_table(
        "phone_order",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["mac"], ["phone.mac"], name=op.f("fk_phone_order_mac_phone"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mac", name=op.f("pk_phone_order")),
    )
