"""Sign-in providers, and the people who come in by one."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables, and add to people where they come from."""
    op.create_table(
        "sign_in_provider",
        *_owned("sign_in_provider", "id", length=20),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("client_id", sa.String(length=200), nullable=False),
        sa.Column("sealed_client_secret", sa.LargeBinary(), nullable=False),
        sa.Column("asked_scopes", sa.String(length=200), nullable=False),
        sa.Column("group_claim", sa.String(length=100), nullable=False),
        sa.Column("mappings", sa.JSON(), nullable=False),
        sa.Column("session_hours", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
    )
    op.create_table(
        "provider_visit",
        *_owned("provider_visit", "state_hash", length=64),
        sa.Column("provider_id", sa.String(length=20), nullable=False),
        sa.Column("asker", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=20), nullable=True),
        sa.Column("session_id", sa.String(length=24), server_default="", nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("verifier", sa.String(length=64), nullable=False),
        sa.Column("onward", sa.String(length=2000), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        _link("provider_visit", "provider_id", "sign_in_provider"),
        _link("provider_visit", "person_id", "person"),
    )
    for column in ("provider_id", "person_id", "ends_at"):
        op.create_index(f"ix_provider_visit_organisation_id_{column}", "provider_visit", ["organisation_id", column])
    op.add_column("person", sa.Column("issuer", sa.String(length=300), nullable=True))
    op.add_column("person", sa.Column("subject", sa.String(length=255), nullable=True))
    # An index, as a constraint would have SQLite make the table anew, and what points to it would go.
    op.create_index(
        "ix_person_organisation_id_issuer_subject", "person", ["organisation_id", "issuer", "subject"], unique=True
    )


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


def _link(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id", column],
        [f"{to}.organisation_id", f"{to}.id"],
        name=op.f(f"fk_{table}_organisation_id_{column}_{to}"),
        ondelete="CASCADE",
    )
