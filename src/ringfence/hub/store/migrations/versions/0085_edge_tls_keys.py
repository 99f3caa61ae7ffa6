"""Edges' keys for phones by HTTPS, and what is seen of phones that have lists for that."""

import sqlalchemy as sa
from alembic import op

revision = "0085"
down_revision = "0083"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and the columns for what phones take."""
    op.create_table(
        "edge_tls_key",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("renew_asked_at", sa.Double(), nullable=True),
        sa.Column("retired_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "edge_id"], ["edge.organisation_id", "edge.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "fingerprint"),
    )
    op.create_index(
        "ix_edge_tls_key_organisation_id_site_id_state", "edge_tls_key", ["organisation_id", "site_id", "state"]
    )
    op.create_index("ix_edge_tls_key_organisation_id_edge_id", "edge_tls_key", ["organisation_id", "edge_id"])
    for name in ("https_list_at", "https_at", "fell_back_at"):
        op.add_column("phone_trust", sa.Column(name, sa.Double(), nullable=True))
