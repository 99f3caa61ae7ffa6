"""Organisations: every table but the hub's own says whose its rows are, first in its key, its indexes and its links."""

import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.operations.base import BatchOperations

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_FIRST = "main"
_OWNER = "organisation_id"
_OWN_OF_HUB = {"alembic_version", "organisation", "retired_site", "restoration"}
_GLOBAL = {"api_token": "token_hash", "enrolment_token": "secret_hash", "edge": "certificate_fingerprint"}
"""Secrets and certificates, by which the hub finds out whose a request is: each is in the whole hub once."""
_NUMBERED = ("audit", "report", "guard_ban", "guard_alert", "alert_notice")
_COVERED = {"ix_report_site_id"}
"""Indexes that another one now contains."""


_UNNAMED = {"fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s"}
"""What constraints are called that SQLite keeps without a name."""


def upgrade() -> None:
    """Make the first organisation, and make it the owner of all that there is."""
    _make_organisations()
    connection = op.get_bind()
    metadata = sa.MetaData()
    metadata.reflect(connection)
    tables = [
        table for table in metadata.sorted_tables if table.name not in _OWN_OF_HUB and table.name != "last_number"
    ]
    for table in reversed(tables):  # SQLite replaces tables; what points at one would lose its rows
        op.add_column(table.name, sa.Column(_OWNER, sa.String(length=20), nullable=False, server_default=_FIRST))
        _let_go(table)
    for table in tables:
        _own(table)
    _make_uploads()
    with op.batch_alter_table("api_token") as batch:
        batch.add_column(sa.Column("is_hubwide", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE api_token SET is_hubwide = true")


def _make_organisations() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    organisation = sa.table("organisation", sa.column("id"), sa.column("name"), sa.column("created_at", sa.Double()))
    op.bulk_insert(organisation, [{"id": _FIRST, "name": "Main", "created_at": time.time()}])
    op.create_table(
        "last_number",
        sa.Column(_OWNER, sa.String(length=20), nullable=False),
        sa.Column("counted", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            [_OWNER], ["organisation.id"], name=op.f("fk_last_number_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint(_OWNER, "counted", name=op.f("pk_last_number")),
    )
    for name in _NUMBERED:
        op.execute(
            f"INSERT INTO last_number (organisation_id, counted, number) "  # noqa: S608 - names of this file
            f"SELECT '{_FIRST}', '{name}', MAX(id) FROM {name} HAVING MAX(id) IS NOT NULL"
        )


def _make_uploads() -> None:
    op.create_table(
        "upload",
        sa.Column(_OWNER, sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint([_OWNER], ["organisation.id"], name=op.f("fk_upload_organisation_id_organisation")),
        sa.PrimaryKeyConstraint(_OWNER, "digest", name=op.f("pk_upload")),
    )
    for name in ("firmware_file", "asset_file"):
        op.execute(
            f"INSERT INTO upload (organisation_id, digest, at) SELECT DISTINCT '{_FIRST}', digest, 0.0 "  # noqa: S608
            f"FROM {name} WHERE digest NOT IN (SELECT digest FROM upload)"
        )


def _let_go(table: sa.Table) -> None:
    """Drop a table's links and indexes."""
    for index in table.indexes:
        op.drop_index(str(index.name), table_name=table.name)
    if links := table.foreign_key_constraints:
        with op.batch_alter_table(table.name, naming_convention=_UNNAMED) as batch:
            for each in links:
                (column, *_others), other = each.columns, each.referred_table.name
                batch.drop_constraint(str(each.name or f"fk_{table.name}_{column.name}_{other}"), type_="foreignkey")


def _own(table: sa.Table) -> None:
    """Make the organisation the first part of a table's key, links, indexes and of what must be unique."""
    name = table.name
    with op.batch_alter_table(name, naming_convention=_UNNAMED) as batch:
        batch.alter_column(_OWNER, server_default=None, existing_type=sa.String(length=20), existing_nullable=False)
        if name in _NUMBERED:
            batch.alter_column("id", existing_type=sa.Integer(), server_default=None)
        batch.drop_constraint(str(table.primary_key.name or f"pk_{name}"), type_="primary")
        batch.create_primary_key(f"pk_{name}", [_OWNER, *_names(table.primary_key.columns)])
        batch.create_foreign_key(f"fk_{name}_{_OWNER}_organisation", "organisation", [_OWNER], ["id"])
        for each in table.foreign_key_constraints:
            columns, other = _names(each.columns), each.referred_table.name
            referred = [element.column.name for element in each.elements]
            constraint = f"fk_{name}_{_OWNER}_{'_'.join(columns)}_{other}"
            to = [_OWNER, *referred]
            batch.create_foreign_key(constraint, other, [_OWNER, *columns], to, ondelete=each.ondelete)
        _own_what_is_unique(batch, table)
    for index in table.indexes:
        if not index.unique and index.name not in _COVERED:
            columns = _names(index.columns)
            is_by_rule = index.name == f"ix_{name}_{'_'.join(columns)}"
            op.create_index(
                f"ix_{name}_{_OWNER}_{'_'.join(columns)}" if is_by_rule else str(index.name), name, [_OWNER, *columns]
            )


def _own_what_is_unique(batch: BatchOperations, table: sa.Table) -> None:
    unique = {tuple(_names(index.columns)) for index in table.indexes if index.unique}
    for each in table.constraints:
        if isinstance(each, sa.UniqueConstraint) and _GLOBAL.get(table.name) not in _names(each.columns):
            batch.drop_constraint(str(each.name), type_="unique")
            unique.add(tuple(_names(each.columns)))
    for columns in sorted(unique):
        batch.create_unique_constraint(f"uq_{table.name}_{_OWNER}_{'_'.join(columns)}", [_OWNER, *columns])
    if table.name in {"site", "edge"}:
        batch.create_unique_constraint(f"uq_{table.name}_id", ["id"])


def _names(columns: Iterable[sa.Column[Any]]) -> list[str]:
    return [column.name for column in columns]
