"""The tables of sign-in providers: OpenID Connect, by which an organisation's people come in."""

from typing import Any

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class SignInProviderRow(OrganisationOwned, Base):
    """A provider that says who somebody is, and in which groups; the groups say what they may do."""

    __tablename__ = "sign_in_provider"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    """What the button says that leads there."""
    issuer: Mapped[str] = mapped_column(String(300))
    client_id: Mapped[str] = mapped_column(String(200))
    sealed_client_secret: Mapped[bytes]
    asked_scopes: Mapped[str] = mapped_column(String(200))
    """What is asked for beside ``openid``, with blanks between them."""
    group_claim: Mapped[str] = mapped_column(String(100))
    # Any: JSON, whose form fleet/sign_in_providers.py has checked.
    mappings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Group, role and scope; the first that somebody is in counts."""
    session_hours: Mapped[int] = mapped_column(BigInteger)
    """After how long a session ends in any case, so that who has left the groups is out."""
    created_at: Mapped[float]
    created_by: Mapped[str] = mapped_column(String(80))


class ProviderVisitRow(OrganisationOwned, Base):
    """Somebody who was sent to a provider and is to come back once, in the same browser."""

    __tablename__ = "provider_visit"
    __table_args__ = (
        link("provider_id", to="sign_in_provider.id"),
        link("person_id", to="person.id"),
        indexed("provider_id"),
        indexed("person_id"),
        indexed("ends_at"),
    )

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(20))
    asker: Mapped[str] = mapped_column(String(64))
    """The id of the browser."""
    person_id: Mapped[str | None] = mapped_column(String(20), default=None)
    """Who proves once more who they are; None for somebody who signs in."""
    session_id: Mapped[str] = mapped_column(String(24), default="", server_default="")
    nonce: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str] = mapped_column(String(64))
    """What the code's exchange has to show (RFC 7636)."""
    onward: Mapped[str] = mapped_column(String(2000))
    ends_at: Mapped[float]
