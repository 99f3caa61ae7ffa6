"""An edge joins a site: its token, shown once, and what has become of it."""

from dataclasses import dataclass

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse

from ringfence.hub.fleet import edges, enrolment_tokens, sites
from ringfence.hub.store import models
from ringfence.hub.web import templates
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.live import LivePart, live_answer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.hub.web.qr import qr_code
from ringfence.identity.tokens import EnrolmentToken as TokenText

router = APIRouter(prefix="/sites/{site}/tokens")


@dataclass(frozen=True, slots=True)
class Joining:
    """How far an edge has come with a token."""

    token: models.EnrolmentTokenRow
    site: models.SiteRow
    edge: models.EdgeRow | None
    is_connected: bool
    now: float

    @property
    def is_over(self) -> bool:
        """Whether the token lets nobody in any more."""
        token = self.token
        return token.used_at is None and (token.revoked_at is not None or self.now >= token.expires_at)

    @property
    def serves(self) -> bool:
        """Whether the edge has the site's newest release."""
        return self.edge is not None and 0 < self.site.newest_release <= self.edge.release

    @property
    def is_final(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.is_over or (self.is_connected and (self.serves or not self.site.newest_release))


@router.get("")
def list_tokens(site: str, page: TheWebPage) -> PageAnswer:
    """Show a site's tokens, and the button that makes one."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        found = enrolment_tokens.find(session, row.id)
        return page.show("enrolment_tokens/list.html", site=row, tokens=found[: page.rows.limit])


@router.post("")
def create_token(site: str, page: TheFormPage) -> PageAnswer:
    """Create a token and show it, this once."""
    hub = page.hub
    with hub.change(page.caller.name) as change:
        row, secret = enrolment_tokens.create(change, site)
        site_row = sites.get(change.session, site)
        change.session.flush()
        joining = _joining(change.session, page, row)
    text = TokenText(hub.device_url, hub.authority.fingerprint, secret, int(row.expires_at), site_row.name).to_text()
    return page.show("enrolment_tokens/join.html", joining=joining, text=text, qr=qr_code(text))


@router.get("/{token}")
def show_token(site: str, token: str, page: TheWebPage) -> PageAnswer:
    """Show what has become of a token, which is not shown again itself."""
    with page.hub.database.reading() as session:
        return page.show("enrolment_tokens/join.html", joining=_find(session, page, site, token), text="", qr="")


@router.get("/{token}/live")
async def watch_token(site: str, token: str, page: TheWebPage) -> StreamingResponse:
    """Tell what becomes of a token, as it happens."""

    def look() -> LivePart:
        with page.hub.database.reading() as session:
            joining = _find(session, page, site, token)
            part = templates.render("enrolment_tokens/progress.html", joining=joining, now=page.hub.clock())
            return LivePart(part, joining.is_final)

    return await live_answer(page, look)


@router.get("/{token}/revoke")
def ask_to_revoke(site: str, token: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a token is to be revoked."""
    with page.hub.database.reading() as session:
        return page.show("enrolment_tokens/revoke.html", joining=_find(session, page, site, token))


@router.post("/{token}/revoke")
def revoke_token(site: str, token: str, page: TheFormPage) -> Response:
    """Revoke a token."""
    with page.hub.change(page.caller.name) as change:
        _find(change.session, page, site, token)
        enrolment_tokens.revoke(change, token)
    return page.go("sites", site, "tokens", done="revoked")


def _find(session: Session, page: WebPage, site: str, token: str) -> Joining:
    row = enrolment_tokens.get(session, token)
    if row.site_id != sites.get(session, site).id:
        raise enrolment_tokens.unknown(token)
    return _joining(session, page, row)


def _joining(session: Session, page: WebPage, row: models.EnrolmentTokenRow) -> Joining:
    edge = edges.get(session, row.edge_id) if row.edge_id else None
    now = page.hub.clock()
    site = sites.get(session, row.site_id)
    return Joining(row, site, edge, edge is not None and edges.is_connected(edge, now), now)
