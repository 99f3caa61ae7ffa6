"""Schemas of the people's API: people who sign in."""

from pydantic import BaseModel, Field

from ringfence.hub.people.rights import Role
from ringfence.hub.people.schemas import AccessScopeView, Flag, Input, NewAccessScope, UnixSeconds


class NewPerson(Input):
    """Somebody to invite."""

    name: str = Field(description="What they will sign in with, such as an e-mail address")
    display_name: str = Field(default="", description="What they are called; their name if none is given")
    role: Role = Field(description="What they may do")
    limited_to: NewAccessScope | None = Field(
        default=None, description="The part of the organisation that they are for; null for all of it"
    )


class PersonChanges(Input):
    """What to change about somebody; what is left out stays."""

    name: str | None = Field(default=None, description="What they sign in with")
    display_name: str | None = Field(default=None, description="What they are called")
    role: Role | None = Field(default=None, description="What they may do; it ends their sessions")
    limited_to: NewAccessScope | None = Field(
        default=None, description="The part of the organisation that they are for; null, if it is given, for all of it"
    )
    disabled: Flag | None = Field(default=None, description="Whether they may not sign in; it ends their sessions")
    second_step: bool | None = Field(
        default=None, description="false: they sign in by password alone, until they set up another second step"
    )


class PersonView(BaseModel):
    """Somebody who signs in."""

    id: str
    name: str
    display_name: str
    role: Role
    is_hubwide: bool = Field(description="Whether they are one of those who run the hub")
    limited_to: AccessScopeView | None = Field(
        description="The part of the organisation that they are for; null for all"
    )
    has_password: bool = Field(description="Whether they have used their invitation")
    has_second_step: bool = Field(description="Whether their password needs an authenticator app's code beside it")
    passkeys: int = Field(description="How many passkeys they have, each of which lets them in alone")
    is_of_provider: bool = Field(description="Whether they come in by a sign-in provider, and have no password here")
    created_at: UnixSeconds
    created_by: str
    last_signed_in_at: UnixSeconds | None
    disabled_at: UnixSeconds | None


class PersonsTokenView(BaseModel):
    """An API token that somebody made."""

    id: str
    name: str
    role: Role


class OnePersonView(PersonView):
    """Somebody, and what goes on without them."""

    tokens: list[PersonsTokenView] = Field(
        description="The API tokens that they made, or a token of theirs, and that work still: also once they are gone"
    )


class InvitationView(PersonView):
    """Somebody, and the link that lets them choose a password."""

    link: str = Field(description="The link, shown only once; whoever has it first is that person")
    link_ends_at: UnixSeconds
