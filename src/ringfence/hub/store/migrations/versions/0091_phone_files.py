"""Since which release each phone's own file is as it is, and which release the phone took last."""

import sqlalchemy as sa
from alembic import op

from ringfence.wire.messages import ReportKind

revision = "0091"
down_revision = "0085"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and fill it from the releases and the reports."""
    op.create_table(
        "phone_file",
        sa.Column("organisation_id", sa.String(length=20), nullable=False),
        sa.Column("mac", sa.String(length=12), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=True),
        sa.Column("taken_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["organisation_id", "mac"], ["phone.organisation_id", "phone.mac"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "mac", "site_id"),
    )
    op.create_index("ix_phone_file_organisation_id_site_id", "phone_file", ["organisation_id", "site_id"])
    op.execute(_FILES)
    op.execute(sa.text(_TAKEN).bindparams(served=ReportKind.FILE_SERVED.value))


_FILES = """
INSERT INTO phone_file (organisation_id, mac, site_id, name, digest, since)
SELECT own.organisation_id, own.owner, own.site_id, own.name, own.digest, (
    SELECT min(same.number) FROM release_target AS same
    WHERE same.organisation_id = own.organisation_id AND same.owner = own.owner AND same.site_id = own.site_id
        AND same.name = own.name AND same.number > coalesce((
            SELECT max(other.number) FROM release_target AS other
            WHERE other.organisation_id = own.organisation_id AND other.owner = own.owner
                AND other.site_id = own.site_id AND other.name = own.name AND other.digest <> own.digest
        ), 0)
)
FROM (
    SELECT target.organisation_id, target.owner, target.site_id, target.name, target.digest, row_number() OVER (
        PARTITION BY target.organisation_id, target.owner
        ORDER BY CASE WHEN target.reload_port IS NULL THEN 1 ELSE 0 END, target.name
    ) AS place
    FROM phone
    JOIN site ON site.organisation_id = phone.organisation_id AND site.id = phone.site_id
    JOIN release_target AS target ON target.organisation_id = phone.organisation_id AND target.owner = phone.mac
        AND target.site_id = phone.site_id AND target.number = site.newest_release
    WHERE target.kind = 'configuration'
) AS own
WHERE own.place = 1
"""
_TAKEN = """
UPDATE phone_file SET (taken, taken_at) = (
    SELECT max(report.release), max(report.received_at) FROM report AS report
    WHERE report.organisation_id = phone_file.organisation_id AND report.owner = phone_file.mac
        AND report.site_id = phone_file.site_id AND report.kind = :served
)
"""
