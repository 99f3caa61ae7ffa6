"""The audit log tells of rows before and after, is chained, and can be searched; what there is gets its chain."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_OWNER = "organisation_id"
_FORM = "ringfence audit 1"
_FIELDS = (_OWNER, "id", "at", "actor", "actor_id", "address", "action", "subject", "detail", "changes")
_AT_ONCE = 1000


def upgrade() -> None:
    """Add the columns and the indexes, and chain the entries."""
    op.add_column("audit", sa.Column("changes", sa.Text(), server_default="", nullable=False))
    op.add_column("audit", sa.Column("chain", sa.String(length=64), server_default="", nullable=False))
    op.drop_index("ix_audit_organisation_id_at", table_name="audit")
    for column in ("at", "actor", "actor_id", "action", "address"):
        op.create_index(f"ix_audit_organisation_id_{column}_id", "audit", [_OWNER, column, "id"])
    connection = op.get_bind()
    audit = sa.table("audit", *(sa.column(name) for name in (*_FIELDS, "chain")))
    for owner in connection.scalars(sa.select(audit.c[_OWNER]).distinct()).all():
        _chain(connection, audit, owner)


def _chain(connection: sa.Connection, audit: sa.TableClause, owner: str) -> None:
    before, last = "", -1
    chosen = sa.select(*(audit.c[name] for name in _FIELDS)).where(audit.c[_OWNER] == owner).order_by(audit.c.id)
    put = (
        sa.update(audit)
        .where(audit.c[_OWNER] == owner, audit.c.id == sa.bindparam("number"))
        .values(chain=sa.bindparam("digest"))
    )
    while rows := connection.execute(chosen.where(audit.c.id > last).limit(_AT_ONCE)).all():
        chained = []
        for row in rows:
            exact = [value.hex() if isinstance(value, float) else value for value in row]
            before = hashlib.sha256(json.dumps([_FORM, before, *exact], separators=(",", ":")).encode()).hexdigest()
            chained.append({"number": row.id, "digest": before})
        connection.execute(put, chained)
        last = rows[-1].id
