"""Firmware: loads, their files, and what waits for them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of firmware."""
    for column in ("running_load", "named_load"):
        op.add_column("phone", sa.Column(column, sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "firmware_load",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("added_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_firmware_load")),
    )
    op.create_table(
        "firmware_file",
        sa.Column("load", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["load"], ["firmware_load.name"], name=op.f("fk_firmware_file_load_firmware_load"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("load", "name", name=op.f("pk_firmware_file")),
    )
    op.create_table(
        "prepared_target",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=12), nullable=False),
        sa.Column("reload_port", sa.Integer(), nullable=True),
        sa.Column("load", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_prepared_target_site_id_site"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site_id", "name", name=op.f("pk_prepared_target")),
    )
