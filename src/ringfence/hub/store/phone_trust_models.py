"""The tables of phones whose files are signed or encrypted. Times are Unix seconds."""

from sqlalchemy import BigInteger, Boolean, Double, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, link


class PhoneTrustRow(OrganisationOwned, Base):
    """What was offered to a phone, and what it was seen to take."""

    __tablename__ = "phone_trust"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    list_kind: Mapped[str] = mapped_column(String(10))
    """The list that it finds now, of ``ListOffer``."""
    list_number: Mapped[int] = mapped_column(BigInteger)
    """The organisation's list that this one is, or is made from."""
    list_digest: Mapped[str] = mapped_column(String(64))
    list_release: Mapped[int] = mapped_column(Integer)
    """The first release of its site that has this list."""
    list_since: Mapped[float] = mapped_column(Double)
    taken_kind: Mapped[str] = mapped_column(String(10), default="")
    taken_digest: Mapped[str] = mapped_column(String(64), default="")
    """The last list that was served to it whole; empty until one was."""
    taken_at: Mapped[float | None] = mapped_column(Double)
    https_list_at: Mapped[float | None] = mapped_column(Double)
    """When a list of signer version 1.1 was last served to it; None until then."""
    https_at: Mapped[float | None] = mapped_column(Double)
    """When it last took its configuration by HTTPS."""
    fell_back_at: Mapped[float | None] = mapped_column(Double)
    """When it last took its signed configuration as a file though its list says HTTPS; None since it came by HTTPS."""
    signed_at: Mapped[float | None] = mapped_column(Double)
    """When it first took its signed file with a list of ours; None until then."""
    signed_peer: Mapped[str] = mapped_column(String(64), default="")
    """The address from which it took its signed file last."""
    encrypted_at: Mapped[float | None] = mapped_column(Double)
    release_asked_at: Mapped[float | None] = mapped_column(Double)
    """When somebody ordered that it be let go."""
    release_asked_by: Mapped[str] = mapped_column(String(80), default="")
    released_at: Mapped[float | None] = mapped_column(Double)
    """When it took a plain file after the list that lets it go."""


class PhoneContentKeyRow(OrganisationOwned, Base):
    """The key that a phone's configuration is encrypted with, for as long as its certificate is the same."""

    __tablename__ = "phone_content_key"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Of the certificate that it is encrypted to."""
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    encrypted_key: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[float] = mapped_column(Double)


class PhoneProfileKeyRow(OrganisationOwned, Base):
    """The key with which a phone opens its profiles, and the one before it until the phone has the new one."""

    __tablename__ = "phone_profile_key"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    """Which of the phone's keys it is, from 1."""
    folder: Mapped[str] = mapped_column(String(12))
    sealed_phrase: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[float] = mapped_column(Double)
    taken_at: Mapped[float | None] = mapped_column(Double)
    """When the phone was seen to take a profile by this key; None until then."""
    previous_folder: Mapped[str] = mapped_column(String(12), default="")
    """Of the key before, as long as the phone may hold that one; empty otherwise."""
    sealed_previous: Mapped[bytes | None] = mapped_column(LargeBinary)
    needs_first: Mapped[bool] = mapped_column(Boolean, default=True)
    """Whether the phone has no key that is known to it, so that it needs the first profile."""
    own_form: Mapped[str] = mapped_column(String(10), default="")
    """What its site's newest release has under the name of its own profile, of ``OwnProfile``."""
    own_form_release: Mapped[int] = mapped_column(Integer, default=0)
    """The first release that has that."""
    first_taken_at: Mapped[float | None] = mapped_column(Double)
    """When the first profile was last served to it."""
    asked_in_vain_at: Mapped[float | None] = mapped_column(Double)
    """When somebody last asked for its first profile and did not find it: a phone that was reset does."""
