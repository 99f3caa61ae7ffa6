"""Indexes end with what lists are sorted by."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_SORTED = (
    ("phone", "site_id", "mac"),
    ("phone", "group_id", "mac"),
    ("report", "owner", "id"),
    ("report", "foreign_owner", "id"),
    ("report", "finding", "id"),
)


def upgrade() -> None:
    """Make each index again, longer."""
    for table, column, order in _SORTED:
        op.drop_index(f"ix_{table}_organisation_id_{column}", table_name=table)
        op.create_index(f"ix_{table}_organisation_id_{column}_{order}", table, ["organisation_id", column, order])
