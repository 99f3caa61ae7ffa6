"""VPN head ends, their certificates, and what phones know of them."""

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

_OWNER = "organisation_id"


def _owner() -> sa.Column[str]:
    return sa.Column(_OWNER, sa.String(length=20), nullable=False)


def _of(columns: str, to: str, keys: str) -> sa.ForeignKeyConstraint:
    names = [_OWNER, *columns.split(",")]
    return sa.ForeignKeyConstraint(names, [f"{to}.{key}" for key in (_OWNER, *keys.split(","))], ondelete="CASCADE")


def upgrade() -> None:
    """Create the tables."""
    organisation = sa.ForeignKeyConstraint([_OWNER], ["organisation.id"])
    op.create_table(
        "vpn_head_end",
        _owner(),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("login", sa.String(length=20), nullable=False),
        sa.Column("network", sa.String(length=18), nullable=False),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("exported_at", sa.Double(), nullable=True),
        sa.Column("exported_by", sa.String(length=80), nullable=False),
        sa.Column("exported", sa.String(length=64), nullable=False),
        sa.Column("shown_at", sa.Double(), nullable=True),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("followed_at", sa.Double(), nullable=True),
        organisation,
        sa.PrimaryKeyConstraint(_OWNER, "name"),
    )
    op.create_table(
        "vpn_certificate",
        _owner(),
        sa.Column("head_end", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("pin", sa.String(length=28), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("announced_at", sa.Double(), nullable=False),
        sa.Column("announced_by", sa.String(length=80), nullable=False),
        sa.Column("used_since", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint([_OWNER], ["organisation.id"]),
        _of("head_end", "vpn_head_end", "name"),
        sa.PrimaryKeyConstraint(_OWNER, "head_end", "fingerprint"),
    )
    op.create_index(
        "ix_vpn_certificate_organisation_id_head_end_state", "vpn_certificate", [_OWNER, "head_end", "state"]
    )
    op.create_table(
        "vpn_offer",
        _owner(),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("head_end", sa.String(length=40), nullable=False),
        sa.Column("pins", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint([_OWNER], ["organisation.id"]),
        _of("site_id", "site", "id"),
        _of("mac", "phone", "mac"),
        sa.PrimaryKeyConstraint(_OWNER, "site_id", "mac", "release"),
    )
    op.create_index("ix_vpn_offer_organisation_id_mac", "vpn_offer", [_OWNER, "mac"])
    op.create_table(
        "vpn_phone",
        _owner(),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("offered_to", sa.String(length=40), nullable=False),
        sa.Column("offered", sa.JSON(), nullable=False),
        sa.Column("taken_of", sa.String(length=40), nullable=False),
        sa.Column("taken", sa.JSON(), nullable=False),
        sa.Column("taken_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint([_OWNER], ["organisation.id"]),
        _of("mac", "phone", "mac"),
        sa.PrimaryKeyConstraint(_OWNER, "mac"),
    )
    op.create_index("ix_vpn_phone_organisation_id_offered_to_mac", "vpn_phone", [_OWNER, "offered_to", "mac"])
    op.create_index("ix_vpn_phone_organisation_id_taken_of_mac", "vpn_phone", [_OWNER, "taken_of", "mac"])
    op.create_table(
        "vpn_password",
        _owner(),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("password_hash", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint([_OWNER], ["organisation.id"]),
        _of("mac", "phone", "mac"),
        sa.PrimaryKeyConstraint(_OWNER, "mac"),
    )
