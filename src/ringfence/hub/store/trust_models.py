"""The tables of organisations' trust: the certificates of its keys, and the lists that phones were to take.

No private key is in here (``hub/trust/key_stores.py``). Times are Unix seconds.
"""

from sqlalchemy import JSON, BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import Numbered, OrganisationOwned, indexed


class TrustKeyRow(OrganisationOwned, Base):
    """A key of an organisation's trust: its certificate, and where it is kept.

    ``state`` is one of ``trust_keys.KeyState``. What was proved is that of a recovery key: that its file opens.
    """

    __tablename__ = "trust_key"
    __table_args__ = (indexed("role", "state"),)

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    role: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    certificate: Mapped[str] = mapped_column(Text)
    """In PEM."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """The certificate's SHA-256."""
    ends_at: Mapped[float]
    kept_in: Mapped[str] = mapped_column(String(10))
    made_at: Mapped[float]
    made_by: Mapped[str] = mapped_column(String(80))
    proved_at: Mapped[float | None]
    proved_by: Mapped[str] = mapped_column(String(80), default="", server_default="")


class TrustListRow(Numbered, Base):
    """A trust list as all phones of an organisation are to have it, with its signatures.

    With them the list can be written again at any time, though the key that has signed it may be gone.
    """

    __tablename__ = "trust_list"

    signed_at: Mapped[int] = mapped_column(BigInteger)
    """The time in its header."""
    signed_by: Mapped[str] = mapped_column(String(20))
    """The key, by id."""
    records: Mapped[list[str]] = mapped_column(JSON)
    """The keys in it, by id, in its order."""
    signatures: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """By signer version and digest, in base64."""
    why: Mapped[str] = mapped_column(String(80))
    made_by: Mapped[str] = mapped_column(String(80))


class PbxTlsExportRow(OrganisationOwned, Base):
    """What a PBX was given last for SIP over TLS (``hub/trust/pbx_export.py``)."""

    __tablename__ = "pbx_tls_export"

    pbx: Mapped[str] = mapped_column(String(10), primary_key=True)
    """A ``TlsPbx``."""
    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    """Whose phones it was for; empty for those of all sites."""
    key_id: Mapped[str] = mapped_column(String(20))
    """The key of the role CCM, by id."""
    takes_old: Mapped[bool]
    demands: Mapped[bool]
    """Whether it was told to demand phones' certificates."""
    known: Mapped[str] = mapped_column(String(64))
    """A digest of what it knows of phones' certificates; empty where it demands none."""
    made_at: Mapped[float]
    made_by: Mapped[str] = mapped_column(String(80))
