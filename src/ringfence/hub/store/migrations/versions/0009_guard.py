"""The guard: what sites ask, windows, bans, alerts, where edges stand, and what reports say of decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and columns; the phones that there are count as let in."""
    _add_columns()
    _make_tables_of_rules()
    _make_tables_of_what_was_seen()


def _add_columns() -> None:
    op.add_column("site", sa.Column("guard_version", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("phone", sa.Column("admitted_at", sa.Double(), nullable=True))
    op.add_column("phone", sa.Column("blocked", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE phone SET admitted_at = created_at")
    op.add_column("edge", sa.Column("network", sa.String(length=50), server_default="", nullable=False))
    for table in ("release_target", "prepared_target"):
        op.add_column(table, sa.Column("secret", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("report", sa.Column("finding", sa.String(length=40), server_default="", nullable=False))
    op.add_column("report", sa.Column("level", sa.String(length=8), server_default="", nullable=False))
    op.add_column("report", sa.Column("decision", sa.Text(), server_default="", nullable=False))
    op.add_column("report", sa.Column("count", sa.Integer(), server_default="1", nullable=False))
    op.create_index(op.f("ix_report_finding"), "report", ["finding"])


def _make_tables_of_rules() -> None:
    op.create_table(
        "guard_policy",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("needs", sa.JSON(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("first_contact", sa.String(length=20), nullable=False),
        sa.Column("gateway", sa.String(length=20), nullable=False),
        sa.Column("edge_moves", sa.String(length=20), nullable=False),
        sa.Column("learned_days", sa.Integer(), nullable=False),
        _of_site("guard_policy"),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_guard_policy")),
    )
    op.create_table(
        "guard_window",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("bound_to", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.Column("closed_at", sa.Double(), nullable=True),
        _of_site("guard_window"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_window")),
    )
    op.create_index(op.f("ix_guard_window_site_id"), "guard_window", ["site_id"])
    op.create_index(op.f("ix_guard_window_mac"), "guard_window", ["mac"])
    op.create_table(
        "guard_ban",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=True),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        _of_site("guard_ban"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_ban")),
    )
    op.create_index(op.f("ix_guard_ban_host"), "guard_ban", ["host"])
    op.create_index(op.f("ix_guard_ban_site_id"), "guard_ban", ["site_id"])
    op.create_table(
        "guard_network",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("network", sa.String(length=50), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        _of_site("guard_network"),
        sa.PrimaryKeyConstraint("site_id", "network", name=op.f("pk_guard_network")),
    )
    op.create_table(
        "guard_elsewhere",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("place", sa.String(length=80), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        _of_site("guard_elsewhere"),
        sa.PrimaryKeyConstraint("site_id", "mac", name=op.f("pk_guard_elsewhere")),
    )


def _make_tables_of_what_was_seen() -> None:
    op.create_table(
        "guard_alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=40), nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=False),
        _of_site("guard_alert"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_alert")),
    )
    op.create_index("ix_guard_alert_subject", "guard_alert", ["site_id", "kind", "subject"])
    op.create_table(
        "guard_count",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        _of_site("guard_count"),
        sa.PrimaryKeyConstraint("site_id", "verdict", "level", name=op.f("pk_guard_count")),
    )
    op.create_table(
        "edge_network",
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("network", sa.String(length=50), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edge_id"], ["edge.id"], name=op.f("fk_edge_network_edge_id_edge"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edge_id", "network", name=op.f("pk_edge_network")),
    )


def _of_site(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f(f"fk_{table}_site_id_site"), ondelete="CASCADE")
