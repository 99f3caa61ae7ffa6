"""Passkeys, and what they have to sign next."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "passkey",
        *_owned("passkey", "id", length=24),
        sa.Column("person_id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("rp_id", sa.String(length=253), nullable=False),
        sa.Column("credential_digest", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_synced", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        _of_person("passkey"),
        sa.UniqueConstraint("credential_digest", name=op.f("uq_passkey_credential_digest")),
    )
    op.create_table(
        "passkey_challenge",
        *_owned("passkey_challenge", "asker", length=64),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("person_id", sa.String(length=20), nullable=True),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        _of_person("passkey_challenge"),
    )
    for table, column in (
        ("passkey", "person_id"),
        ("passkey", "rp_id"),
        ("passkey_challenge", "person_id"),
        ("passkey_challenge", "ends_at"),
    ):
        op.create_index(f"ix_{table}_organisation_id_{column}", table, ["organisation_id", column])


def _owned(table: str, key: str, length: int) -> list[sa.schema.SchemaItem]:
    """Return what every table of an organisation begins with."""
    return [
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column(key, sa.String(length=length), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f(f"fk_{table}_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", key, name=op.f(f"pk_{table}")),
    ]


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id", "person_id"],
        ["person.organisation_id", "person.id"],
        name=op.f(f"fk_{table}_organisation_id_person_id_person"),
        ondelete="CASCADE",
    )
