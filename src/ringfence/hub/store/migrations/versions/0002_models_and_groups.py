"""Models in the place of families of one model, groups of phones, settings of lines, operators' templates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MODELS = {"cisco-8941": "8941", "cisco-9971": "9971"}


def upgrade() -> None:
    """Bring the tables of the first version here."""
    op.create_table(
        "phone_group",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_group")),
        sa.UniqueConstraint("name", name=op.f("uq_phone_group_name")),
    )
    # In plain SQL: where SQLite's table is made anew instead, the old one's end takes every line with it.
    op.execute("ALTER TABLE phone RENAME COLUMN family TO model")
    op.execute(
        "ALTER TABLE phone ADD COLUMN group_id VARCHAR(40) "
        "CONSTRAINT fk_phone_group_id_phone_group REFERENCES phone_group (id)"
    )
    op.create_index(op.f("ix_phone_group_id"), "phone", ["group_id"])
    phone = sa.table("phone", sa.column("model", sa.String()))
    for family, model in _MODELS.items():
        op.execute(sa.update(phone).where(phone.c.model == family).values(model=model))
    for table in ("organisation_setting", "site_setting", "phone_setting"):
        with op.batch_alter_table(table) as batch:
            batch.alter_column(
                "name", type_=sa.String(length=200), existing_type=sa.String(length=80), existing_nullable=False
            )
    op.create_table(
        "group_setting",
        sa.Column("group_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"], ["phone_group.id"], name=op.f("fk_group_setting_group_id_phone_group"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "name", name=op.f("pk_group_setting")),
    )
    op.create_table(
        "line_setting",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mac", "index"],
            ["line.mac", "line.index"],
            name=op.f("fk_line_setting_mac_index_line"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("mac", "index", "name", name=op.f("pk_line_setting")),
    )
    op.create_table(
        "own_template",
        sa.Column("family", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("family", "name", name=op.f("pk_own_template")),
    )
