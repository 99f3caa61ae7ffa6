"""PBXes, and rotations of SIP secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of PBXes and rotations."""
    op.create_table(
        "pbx",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("url", sa.String(length=255), nullable=False),
        sa.Column("user", sa.String(length=80), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("realm", sa.String(length=80), nullable=False),
        sa.Column("sip_servers", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pbx")),
    )
    op.create_table(
        "rotation",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("pbx_id", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["mac"], ["phone.mac"], name=op.f("fk_rotation_mac_phone"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["pbx_id"], ["pbx.id"], name=op.f("fk_rotation_pbx_id_pbx")),
        sa.PrimaryKeyConstraint("mac", name=op.f("pk_rotation")),
    )
    op.create_index(op.f("ix_rotation_stage"), "rotation", ["stage"])
    op.create_table(
        "old_secret",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mac", "index"], ["line.mac", "line.index"], name=op.f("fk_old_secret_mac_index_line"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mac", "index", name=op.f("pk_old_secret")),
    )
