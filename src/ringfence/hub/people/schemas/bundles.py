"""Schemas of the people's API: portable bundles."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, MacText, SiteId, UnixSeconds


class NewBundle(Input):
    """A line of portable bundles, for a site or for one phone of it."""

    site: str = Field(default="", description="The site; that of the phone by default")
    mac: str | None = Field(default=None, description="The only phone that it is for; all of the site by default")
    name: str = Field(default="", max_length=80, description="What people call it")
    passphrase: str = Field(default="", description="What opens it, 12 characters or more; a new one by default")
    recipient: str = Field(default="", description="An age recipient (`age1…`) instead of a passphrase")
    days: int = Field(default=30, description="How long each bundle is good, up to 366")
    leave_out_firmware: Flag = False


class BundleView(BaseModel):
    """A line of portable bundles."""

    id: str
    site: SiteId
    mac: MacText | None
    name: str
    opened_by: str = Field(description="`passphrase`, or the age recipient")
    days: int
    leaves_out_firmware: bool
    number: int = Field(description="Of the newest bundle")
    release: int = Field(description="The release that the newest one has")
    made_at: UnixSeconds
    made_by: str
    expires_at: UnixSeconds = Field(description="When the newest one ends")
    last_fetched_at: UnixSeconds | None = Field(description="When a portable last asked for a newer one")
    revoked_at: UnixSeconds | None
    url: str = Field(description="Where its portable looks for newer ones")


class MadeBundleView(BundleView):
    """A new line, with what is shown only once."""

    download_password: str = Field(description="With it, a portable fetches newer bundles; it opens none")
    passphrase: str | None = Field(description="The new one, if none was given; it is kept nowhere")


class BundleKeyView(BaseModel):
    """By what bundles of this hub are known."""

    signing_key: str = Field(description="The public Ed25519 key, in hexadecimal")
