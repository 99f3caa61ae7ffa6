"""People, their sessions, and the links and codes that let them in."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "person",
        *_owned("person", "id"),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=240), nullable=False),
        sa.Column("display_name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("is_hubwide", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), server_default="", nullable=False),
        sa.Column("sealed_totp_key", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("last_signed_in_at", sa.Double(), nullable=True),
        sa.Column("disabled_at", sa.Double(), nullable=True),
        sa.UniqueConstraint("organisation_id", "name_key", name=op.f("uq_person_organisation_id_name_key")),
    )
    op.create_table(
        "person_session",
        *_owned("person_session", "id", length=24),
        sa.Column("person_id", sa.String(length=20), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_used_at", sa.Double(), nullable=False),
        sa.Column("confirmed_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=120), nullable=False),
        sa.Column("awaits_second_step", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _of_person("person_session"),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_person_session_secret_hash")),
    )
    op.create_table(
        "recovery_code",
        *_owned("recovery_code", "person_id", "code_hash"),
        _of_person("recovery_code"),
    )
    op.create_table(
        "sign_in_link",
        *_owned("sign_in_link", "id", length=24),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=20), nullable=True),
        sa.Column("asks_password", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        _of_person("sign_in_link"),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sign_in_link_secret_hash")),
    )
    for table, *columns in (
        ("person_session", "person_id", "created_at"),
        ("person_session", "ends_at"),
        ("sign_in_link", "person_id"),
        ("sign_in_link", "ends_at"),
    ):
        op.create_index(f"ix_{table}_{'_'.join(['organisation_id', *columns])}", table, ["organisation_id", *columns])


def _owned(table: str, *keys: str, length: int = 20) -> list[sa.schema.SchemaItem]:
    """Return what every table of an organisation begins with."""
    lengths = {"code_hash": 64}
    return [
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        *(sa.Column(key, sa.String(length=lengths.get(key, length)), nullable=False) for key in keys),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f(f"fk_{table}_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", *keys, name=op.f(f"pk_{table}")),
    ]


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id", "person_id"],
        ["person.organisation_id", "person.id"],
        name=op.f(f"fk_{table}_organisation_id_person_id_person"),
        ondelete="CASCADE",
    )
