"""Schemas of the people's API: sign-in providers."""

from pydantic import BaseModel, Field

from ringfence.hub.fleet.sign_in_providers import USUAL_GROUP_CLAIM, USUAL_SCOPES, USUAL_SESSION_HOURS
from ringfence.hub.people.rights import Role
from ringfence.hub.people.schemas import AccessScopeView, Input, NewAccessScope, UnixSeconds

ISSUER = "https://login.example.org/realms/company"


class NewGroupMapping(Input):
    """What those of a provider's group may do here."""

    group: str = Field(description="The group, as the provider calls it")
    role: Role
    limited_to: NewAccessScope | None = Field(
        default=None, description="The part of the organisation that they are for; null for all of it"
    )


class NewSignInProvider(Input):
    """A sign-in provider to add."""

    id: str = Field(description="What commands call it", examples=["company"])
    name: str = Field(description="What the button on the sign-in page says")
    issuer: str = Field(description="Its address, exactly as it names itself", examples=[ISSUER])
    client_id: str = Field(description="By what it knows the hub")
    client_secret: str = Field(description="The secret that it gave the hub; it is sealed, and never shown")
    groups: list[NewGroupMapping] = Field(
        default=[], description="What its groups may do here; of several that somebody is in, the first counts"
    )
    group_claim: str = Field(default=USUAL_GROUP_CLAIM, description="The claim that holds the groups")
    scopes: str = Field(default=USUAL_SCOPES, description="What is asked for beside `openid`")
    session_hours: int = Field(default=USUAL_SESSION_HOURS, description="After how long a session ends in any case")


class SignInProviderChanges(Input):
    """What to change of a sign-in provider; what is left out stays."""

    name: str | None = None
    issuer: str | None = Field(default=None, description="Another one has other people, who are all new here")
    client_id: str | None = None
    client_secret: str | None = None
    groups: list[NewGroupMapping] | None = Field(default=None, description="All of them: they take the others' place")
    group_claim: str | None = None
    scopes: str | None = None
    session_hours: int | None = None


class GroupMappingView(BaseModel):
    """What those of a provider's group may do here."""

    group: str
    role: Role
    limited_to: AccessScopeView | None


class SignInProviderView(BaseModel):
    """A sign-in provider, without its secret."""

    id: str
    name: str
    issuer: str
    client_id: str
    groups: list[GroupMappingView]
    group_claim: str
    scopes: str
    session_hours: int
    redirect_uri: str = Field(description="Where it sends people back to: it must be told of that")
    created_at: UnixSeconds
    created_by: str


class SignInProviderCheckView(BaseModel):
    """What a provider says of itself."""

    authorization_endpoint: str
    keys: int = Field(description="With how many keys it may sign")
