"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "api_token",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_table(
        "organisation_setting",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_organisation_setting")),
    )
    op.create_table(
        "publication_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication_lease")),
    )
    op.create_table(
        "retired_site",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("retired_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retired_site")),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("newest_release", sa.Integer(), nullable=False),
        sa.Column("edits", sa.BigInteger(), nullable=False),
        sa.Column("rendered_edits", sa.BigInteger(), nullable=False),
        sa.Column("rendered_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("name", name=op.f("uq_site_name")),
    )
    op.create_table(
        "edge",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("hostname", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("enrolled_at", sa.Double(), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate_serial", sa.String(length=40), nullable=False),
        sa.Column("certificate_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("previous_fingerprint", sa.String(length=64), nullable=True),
        sa.Column("certificate_ends_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.Column("wipe", sa.Boolean(), nullable=False),
        sa.Column("last_seen_at", sa.Double(), nullable=True),
        sa.Column("connected_until", sa.Double(), nullable=True),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("reports_through", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_edge_site_id_site"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edge")),
        sa.UniqueConstraint("certificate_fingerprint", name=op.f("uq_edge_certificate_fingerprint")),
    )
    op.create_index(op.f("ix_edge_previous_fingerprint"), "edge", ["previous_fingerprint"], unique=False)
    op.create_index(op.f("ix_edge_site_id"), "edge", ["site_id"], unique=False)
    op.create_table(
        "enrolment_token",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.Column("edge_id", sa.String(length=20), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_enrolment_token_site_id_site"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_token")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_enrolment_token_secret_hash")),
    )
    op.create_index(op.f("ix_enrolment_token_site_id"), "enrolment_token", ["site_id"], unique=False)
    op.create_table(
        "phone",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("family", sa.String(length=40), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_phone_site_id_site")),
        sa.PrimaryKeyConstraint("mac", name=op.f("pk_phone")),
    )
    op.create_index(op.f("ix_phone_site_id"), "phone", ["site_id"], unique=False)
    op.create_table(
        "release",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column("rolled_back_to", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_release_site_id_site"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site_id", "number", name=op.f("pk_release")),
    )
    op.create_table(
        "role_metadata",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_role_metadata_site_id_site"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site_id", "role", "version", name=op.f("pk_role_metadata")),
    )
    op.create_table(
        "site_setting",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_site_setting_site_id_site"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site_id", "name", name=op.f("pk_site_setting")),
    )
    op.create_table(
        "line",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("auth_name", sa.String(length=200), nullable=False),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["mac"], ["phone.mac"], name=op.f("fk_line_mac_phone"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mac", "index", name=op.f("pk_line")),
    )
    op.create_table(
        "phone_setting",
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["mac"], ["phone.mac"], name=op.f("fk_phone_setting_mac_phone"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mac", "name", name=op.f("pk_phone_setting")),
    )
    op.create_table(
        "release_target",
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=12), nullable=True),
        sa.Column("reload_port", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id", "number"],
            ["release.site_id", "release.number"],
            name=op.f("fk_release_target_site_id_number_release"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("site_id", "number", "name", name=op.f("pk_release_target")),
    )
    op.create_index("ix_release_target_digest_site", "release_target", ["digest", "site_id"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("edge_id", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=12), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_report_edge_id_edge"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("edge_id", "seq", name=op.f("uq_report_edge_id_seq")),
    )
    op.create_index(op.f("ix_report_owner"), "report", ["owner"], unique=False)
    op.create_index(op.f("ix_report_received_at"), "report", ["received_at"], unique=False)
    op.create_index(op.f("ix_report_site_id"), "report", ["site_id"], unique=False)
