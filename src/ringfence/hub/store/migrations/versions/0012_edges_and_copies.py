"""Edges' certificates one by one, what edges have beyond the hub, whose reports count, and restoring from a copy."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and columns; the certificates that edges have come along."""
    _make_certificates()
    _add_columns()
    _make_tables_of_standing()


def _make_certificates() -> None:
    op.create_table(
        "edge_certificate",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("issued_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.Column("seen_at", sa.Double(), nullable=True),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["edge_id"], ["edge.id"], name=op.f("fk_edge_certificate_edge_id_edge"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_edge_certificate")),
    )
    op.create_index(op.f("ix_edge_certificate_edge_id"), "edge_certificate", ["edge_id"])
    op.create_index(op.f("ix_edge_certificate_parent"), "edge_certificate", ["parent"])
    op.execute(
        "INSERT INTO edge_certificate (fingerprint, edge_id, parent, generation, serial, issued_at, ends_at, peer) "
        "SELECT previous_fingerprint, id, '', 1, '', enrolled_at, certificate_ends_at, '' "
        "FROM edge WHERE previous_fingerprint IS NOT NULL"
    )
    op.execute(
        "INSERT INTO edge_certificate (fingerprint, edge_id, parent, generation, serial, issued_at, ends_at, peer) "
        "SELECT certificate_fingerprint, id, COALESCE(previous_fingerprint, ''), "
        "CASE WHEN previous_fingerprint IS NULL THEN 1 ELSE 2 END, certificate_serial, enrolled_at, "
        "certificate_ends_at, '' FROM edge"
    )
    op.drop_index(op.f("ix_edge_previous_fingerprint"), table_name="edge")
    op.drop_column("edge", "previous_fingerprint")


def _add_columns() -> None:
    op.add_column("edge", sa.Column("keeps_serving", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("edge", sa.Column("standing_at", sa.Double(), nullable=True))
    op.add_column("edge", sa.Column("reports_left", sa.Double(), server_default="0", nullable=False))
    op.add_column("edge", sa.Column("reports_left_at", sa.Double(), nullable=True))
    op.add_column("edge", sa.Column("reports_not_kept", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("report", sa.Column("foreign_owner", sa.String(length=12), server_default="", nullable=False))
    op.add_column("site", sa.Column("release_floor", sa.Integer(), server_default="0", nullable=False))
    op.add_column("rotation", sa.Column("marks", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_report_foreign_owner"), "report", ["foreign_owner"])


def _make_tables_of_standing() -> None:
    op.create_table(
        "unknown_edge",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate_serial", sa.String(length=40), nullable=False),
        sa.Column("certificate_ends_at", sa.Double(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unknown_edge")),
    )
    op.create_table(
        "site_standing",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("doubt", sa.String(length=20), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.Integer(), nullable=False),
        sa.Column("state", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_site_standing_site_id_site"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_site_standing")),
    )
    op.create_table(
        "hub_memory",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_memory")),
    )
    op.create_table(
        "restoration",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("copied_at", sa.Double(), nullable=False),
        sa.Column("restored_at", sa.Double(), nullable=False),
        sa.Column("listens_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restoration")),
    )
