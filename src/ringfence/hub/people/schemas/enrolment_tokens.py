"""Schemas of the people's API: enrolment tokens."""

from pydantic import BaseModel, Field

from ringfence.hub.fleet import enrolment_tokens
from ringfence.hub.people.schemas import SiteId, UnixSeconds


class NewEnrolmentToken(BaseModel):
    """What is asked of a new token."""

    days: int = Field(default=1, ge=1, le=enrolment_tokens.LONGEST_DAYS, description="How long it is valid")


class EnrolmentTokenView(BaseModel):
    """A one-time token for one edge, without its secret."""

    id: str
    site: SiteId
    created_at: UnixSeconds
    created_by: str
    expires_at: UnixSeconds
    used_at: UnixSeconds | None
    edge: str | None = Field(description="The edge that used it")
    revoked_at: UnixSeconds | None


class NewEnrolmentTokenView(EnrolmentTokenView):
    """A new enrolment token."""

    token: str = Field(description="The token itself, shown only once, for `ringfence edge enrol`")
