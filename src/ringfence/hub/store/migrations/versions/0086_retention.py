"""Which blobs there are, and what was removed."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0088"
branch_labels = None
depends_on = None

_REFERRING = ("release_target", "firmware_file", "asset_file", "prepared_target", "upload")


def upgrade() -> None:
    """Create the tables and columns, and write down the blobs that something refers to."""
    op.create_table(
        "blob",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("look_at", sa.Double(), nullable=False),
        sa.Column("unused_since", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_blob_look_at", "blob", ["look_at"])
    op.create_table(
        "retention_tally",
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("site", sa.Column("removed_through", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_role_metadata_organisation_id_made_at", "role_metadata", ["organisation_id", "made_at"])
    named = " UNION ALL ".join(f"SELECT digest, length FROM {table}" for table in _REFERRING)  # noqa: S608 - constants
    op.execute(
        sa.text(
            "INSERT INTO blob (digest, length, look_at, unused_since) "  # noqa: S608 - as above
            f"SELECT digest, MAX(COALESCE(length, 0)), :now, NULL FROM ({named}) AS named GROUP BY digest"
        ).bindparams(sa.bindparam("now", time.time(), sa.Double()))
    )
    for name, what in (("blobs", "COUNT(*)"), ("blob-bytes", "SUM(length)")):
        op.execute(
            f"INSERT INTO retention_tally (name, value) SELECT '{name}', {what} FROM blob HAVING COUNT(*) > 0"  # noqa: S608 - as above
        )
