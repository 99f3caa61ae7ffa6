"""Schemas of the people's API: drafts."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, SiteId, UnixSeconds
from ringfence.hub.people.schemas.publish import PublicationView


class NewDraft(Input):
    """A draft to create."""

    name: str = Field(examples=["New dial plan for Berlin"])
    shared: Flag = Field(default=False, description="Whether others see it and may add to it")


class DraftChanges(Input):
    """What is to change of a draft; what is left out stays."""

    name: str | None = None
    shared: Flag | None = None


class DraftOrder(Input):
    """How a draft is to be published."""

    at: UnixSeconds | None = Field(default=None, description="When; null for now")
    when_idle: Flag = Field(default=False, description="Now, but no phone is told in a call, as far as that is known")
    comment: str = ""
    despite_conflicts: Flag = Field(default=False, description="Write over what others have changed meanwhile")


class DraftApproval(Input):
    """What is approved."""

    version: int | None = Field(
        default=None, ge=0, description="The draft's version that was looked at; if it is another by now, 409"
    )


class ApprovalRule(Input):
    """Whether drafts need a second person's approval, and only owners publish without one."""

    needed: Flag


class DraftView(BaseModel):
    """Edits that are not made yet. To look into it, or to edit in it, send its id as `Ringfence-Draft`."""

    id: str
    name: str
    author: str
    shared: bool
    created_at: UnixSeconds
    changed_at: UnixSeconds
    edits: int = Field(description="How many edits it has")
    approved_by: str = Field(description="Who approved its edits as they are; may be empty")
    publish_at: float | None = Field(description="When it is to be published, in Unix seconds; null if nobody said so")
    problem: str = Field(description="Why it could not be published when its time had come; may be empty")
    version: int = Field(description="Grows with every change of its edits")


class DraftEditView(BaseModel):
    """One edit of a draft: the request that makes it."""

    number: int
    at: UnixSeconds
    who: str
    method: str
    path: str
    conflicts: list[str] = Field(description="What it writes that somebody else has changed since")


class DraftDetailsView(DraftView):
    """A draft with its edits."""

    needs_approval: bool = Field(description="Whether a second person has to approve it before it is published")
    list_of_edits: list[DraftEditView]


class DraftPreviewView(BaseModel):
    """What a draft would change, with what is edited and not published at its sites already."""

    sites: list[SiteId] = Field(description="The sites whose files its edits may change")
    publication: PublicationView


class DraftPublishedView(BaseModel):
    """What came of an order to publish a draft."""

    draft: DraftView | None = Field(description="The draft, where it is to be published later; null if it is done")
    publication: PublicationView | None = Field(description="What was published; null where nothing was yet")
    rollout: str | None = Field(default=None, description="The rollout that publishes it when phones are idle")
