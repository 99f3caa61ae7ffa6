"""Boxes' networks: what sites ask of them, their subnets and keys, and the other ends of their tunnels."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; no edge is a box yet."""
    op.create_table(
        "concentrator",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("enrolled_at", sa.Double(), nullable=True),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate_fingerprint", sa.String(length=64), nullable=True),
        sa.Column("certificate_ends_at", sa.Double(), nullable=True),
        sa.Column("hostname", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("endpoint", sa.String(length=300), nullable=False),
        sa.Column("public_key", sa.String(length=44), nullable=False),
        sa.Column("next_public_key", sa.String(length=44), nullable=False),
        sa.Column("told_at", sa.Double(), nullable=True),
        sa.Column("handshakes", sa.JSON(), nullable=False),
        sa.Column("connected_until", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_concentrator_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_concentrator")),
        sa.UniqueConstraint("certificate_fingerprint", name=op.f("uq_concentrator_certificate_fingerprint")),
        sa.UniqueConstraint("id", name=op.f("uq_concentrator_id")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_concentrator_organisation_id_name")),
    )
    op.create_table(
        "port_authority",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("added_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_port_authority_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_port_authority")),
    )
    op.create_table(
        "site_network",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("is_box", sa.Boolean(), nullable=False),
        sa.Column("prefix", sa.Integer(), nullable=False),
        sa.Column("mtu", sa.Integer(), nullable=False),
        sa.Column("known_only", sa.Boolean(), nullable=False),
        sa.Column("guests", sa.Boolean(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("ntp_servers", sa.JSON(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("reach", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("direct_media", sa.JSON(), nullable=False),
        sa.Column("port_access", sa.String(length=20), nullable=False),
        sa.Column("wifi_ssid", sa.String(length=32), nullable=False),
        sa.Column("wifi_country", sa.String(length=2), nullable=False),
        sa.Column("sealed_wifi_passphrase", sa.LargeBinary(), nullable=True),
        sa.Column("wifi_changed_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "site_id"],
            ["site.organisation_id", "site.id"],
            name=op.f("fk_site_network_organisation_id_site_id_site"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_site_network_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "site_id", name=op.f("pk_site_network")),
    )
    op.create_table(
        "tunnel_token",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("concentrator_id", sa.String(length=20), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.Column("is_ended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "concentrator_id"],
            ["concentrator.organisation_id", "concentrator.id"],
            name=op.f("fk_tunnel_token_organisation_id_concentrator_id_concentrator"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_tunnel_token_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_tunnel_token")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_tunnel_token_secret_hash")),
    )
    op.create_table(
        "box",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("subnet", sa.String(length=18), nullable=False),
        sa.Column("subnet_since", sa.Double(), nullable=True),
        sa.Column("subnet_problem", sa.String(length=300), nullable=False),
        sa.Column("subnet_tried_at", sa.Double(), nullable=True),
        sa.Column("told_at", sa.Double(), nullable=True),
        sa.Column("standing", sa.JSON(), nullable=False),
        sa.Column("uplink_networks", sa.JSON(), nullable=False),
        sa.Column("public_key", sa.String(length=44), nullable=False),
        sa.Column("next_public_key", sa.String(length=44), nullable=False),
        sa.Column("key_since", sa.Double(), nullable=True),
        sa.Column("day_began_at", sa.Double(), nullable=False),
        sa.Column("renumberings", sa.Integer(), nullable=False),
        sa.Column("key_changes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "edge_id"],
            ["edge.organisation_id", "edge.id"],
            name=op.f("fk_box_organisation_id_edge_id_edge"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_box_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "edge_id", name=op.f("pk_box")),
    )
    op.create_index(op.f("ix_box_organisation_id_site_id"), "box", ["organisation_id", "site_id"], unique=False)
    op.create_table(
        "box_subnet",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=True),
        sa.Column("freed_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_box_subnet_edge_id_edge"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("first", name=op.f("pk_box_subnet")),
    )
    op.create_index(op.f("ix_box_subnet_edge_id"), "box_subnet", ["edge_id"], unique=False)
    op.create_index(op.f("ix_box_subnet_last"), "box_subnet", ["last"], unique=False)
    op.create_table(
        "tunnel_key",
        sa.Column("public_key", sa.String(length=44), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=True),
        sa.Column("concentrator_id", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["concentrator_id"],
            ["concentrator.id"],
            name=op.f("fk_tunnel_key_concentrator_id_concentrator"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_tunnel_key_edge_id_edge"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("public_key", name=op.f("pk_tunnel_key")),
    )
    op.create_index(op.f("ix_tunnel_key_concentrator_id"), "tunnel_key", ["concentrator_id"], unique=False)
    op.create_index(op.f("ix_tunnel_key_edge_id"), "tunnel_key", ["edge_id"], unique=False)
    op.add_column("site", sa.Column("peers_number", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(
        op.f("ix_site_organisation_id_peers_number"), "site", ["organisation_id", "peers_number"], unique=False
    )
