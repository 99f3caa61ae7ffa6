"""The tables of people and of how they come in. Times are Unix seconds; of secrets only hashes are kept."""

from sqlalchemy import JSON, BigInteger, Boolean, Double, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from ringfence.hub.store.base import Base
from ringfence.hub.store.models import name_key
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link, unique


class PersonRow(OrganisationOwned, Base):
    """Somebody who signs in, by a password or at a provider.

    Where there is neither, they never have: a link is on its way to them.
    """

    __tablename__ = "person"
    __table_args__ = (unique("name_key"), Index(None, "organisation_id", "issuer", "subject", unique=True))

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    """What they sign in with, such as an e-mail address."""
    name_key: Mapped[str] = mapped_column(String(240))
    """What its name has in common with those that differ in case only (``models.name_key``)."""
    display_name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(20))
    """``hub/people/rights.py`` says what each may do."""
    is_hubwide: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether it is one of those who run the hub: for every organisation, and this one where a request names none."""
    limited_to: Mapped[dict[str, list[str]] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """The sites and groups that they may see; None for the whole organisation (``store/access_scope.py``)."""
    password_hash: Mapped[str] = mapped_column(String(200), default="", server_default="")
    sealed_totp_key: Mapped[bytes | None] = mapped_column(default=None)
    """The key of their second step, sealed; None without one."""
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """The last time step whose code was used; it and those before are not accepted again."""
    issuer: Mapped[str | None] = mapped_column(String(300), default=None)
    """The provider that says who they are; they come in by it alone, and have no password here."""
    subject: Mapped[str | None] = mapped_column(String(255), default=None)
    """By what that provider knows them, for good; names and mail addresses change."""
    created_at: Mapped[float]
    created_by: Mapped[str] = mapped_column(String(80))
    last_signed_in_at: Mapped[float | None] = mapped_column(Double, default=None)
    disabled_at: Mapped[float | None] = mapped_column(Double, default=None)

    @validates("name")
    def _name_changes(self, _attribute: str, name: str) -> str:
        self.name_key = name_key(name)
        return name

    @property
    def can_sign_in(self) -> bool:
        """Whether they could sign in now."""
        return self.disabled_at is None and (bool(self.password_hash) or self.is_of_provider)

    @property
    def is_of_provider(self) -> bool:
        """Whether a provider says who they are."""
        return self.subject is not None


class SessionRow(OrganisationOwned, Base):
    """A browser in which somebody is signed in, known by the secret in its cookie."""

    __tablename__ = "person_session"
    __table_args__ = (
        link("person_id", to="person.id"),
        indexed("person_id", "created_at"),
        indexed("ends_at"),
    )

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(20))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float]
    last_used_at: Mapped[float]
    confirmed_at: Mapped[float]
    """When they last proved who they are."""
    ends_at: Mapped[float]
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(120))
    awaits_second_step: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether only the password was right so far; such a session is good for nothing but the second step."""
    tries: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """How many second steps were wrong."""


class RecoveryCodeRow(OrganisationOwned, Base):
    """A code that stands in for the second step once."""

    __tablename__ = "recovery_code"
    __table_args__ = (link("person_id", to="person.id"),)

    person_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


class SignInLinkRow(OrganisationOwned, Base):
    """A link that lets somebody in once: one who was invited, or has lost the way in, or is the hub's first."""

    __tablename__ = "sign_in_link"
    __table_args__ = (
        link("person_id", to="person.id"),
        indexed("person_id"),
        indexed("ends_at"),
    )

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[str | None] = mapped_column(String(20), default=None)
    """None for the first person, whom it makes."""
    asks_password: Mapped[bool] = mapped_column(Boolean)
    """Whether it lets them choose a password; otherwise it signs them in at once."""
    created_at: Mapped[float]
    created_by: Mapped[str] = mapped_column(String(80))
    ends_at: Mapped[float]


class PasskeyRow(OrganisationOwned, Base):
    """A passkey: a key pair of which somebody's device, or their password manager, keeps the private half."""

    __tablename__ = "passkey"
    __table_args__ = (
        link("person_id", to="person.id"),
        indexed("person_id"),
        indexed("rp_id"),
    )

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(60))
    """What its owner calls it."""
    rp_id: Mapped[str] = mapped_column(String(253))
    """The hub's host name for people when it was made; browsers use it at no other."""
    credential_digest: Mapped[str] = mapped_column(String(64), unique=True)
    """The SHA-256 of ``credential_id``, by which it is found."""
    credential_id: Mapped[bytes]
    public_key: Mapped[bytes]
    """As the authenticator gave it (COSE)."""
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    """The authenticator's counter when it was last used; 0 from one that does not count."""
    is_synced: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether a password manager keeps copies of it elsewhere."""
    created_at: Mapped[float]
    last_used_at: Mapped[float | None] = mapped_column(Double, default=None)


class PasskeyChallengeRow(OrganisationOwned, Base):
    """What a passkey has to sign next, for one browser or session: a newer one takes its place, and use ends it."""

    __tablename__ = "passkey_challenge"
    __table_args__ = (link("person_id", to="person.id"), indexed("person_id"), indexed("ends_at"))

    asker: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The session that asked, or the browser of somebody who signs in."""
    purpose: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[str | None] = mapped_column(String(20), default=None)
    """Whose session it is; None for somebody who signs in."""
    challenge: Mapped[bytes]
    ends_at: Mapped[float]
