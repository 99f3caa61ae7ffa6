"""Schemas of the people's API: edges' keys for phones that come by HTTPS."""

from pydantic import BaseModel, Field

from ringfence.hub.fleet.edge_tls_keys import EdgeKeyState
from ringfence.hub.people.schemas import UnixSeconds


class EdgeTlsKeyView(BaseModel):
    """A key of an edge, by its certificate; the key itself never leaves the edge."""

    fingerprint: str = Field(description="The certificate's SHA-256")
    state: EdgeKeyState = Field(description="current: the edge uses it; next: its phones learn it first")
    made_at: UnixSeconds
    ends_at: UnixSeconds
    renew_asked_at: UnixSeconds | None = Field(description="When another key was asked for in its place")


class EdgeTlsView(BaseModel):
    """The keys of one edge that its site's phones' lists name."""

    edge: str
    site: str
    keys: list[EdgeTlsKeyView]
    sentence: str
