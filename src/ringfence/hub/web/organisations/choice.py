"""Which organisation somebody of the hub looks at: it is chosen for a browser, and said on every page."""

from fastapi import APIRouter, Request, Response

from ringfence.hub.fleet import organisations
from ringfence.hub.people.callers import ACCOUNT_PATH, CHOICE_COOKIE, TheProvidersHub
from ringfence.hub.people.forms import TheForm
from ringfence.hub.web import lists
from ringfence.hub.web.account.views import TheOwnPage
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheWebPage

router = APIRouter(prefix=f"{ACCOUNT_PATH}/organisation")


@router.get("")
def show_choice(page: TheWebPage, hub: TheProvidersHub, request: Request) -> PageAnswer:
    """Show the organisations that one may look at."""
    with hub.database.reading() as session:
        found = lists.cut(page, organisations.find(session))
    chosen = request.cookies.get(CHOICE_COOKIE) or page.caller.organisation_id
    return page.show("organisations/choice.html", rows=found.rows, next=found.next, chosen=chosen)


@router.post("")
def choose(page: TheOwnPage, hub: TheProvidersHub, form: TheForm) -> Response:
    """Have all pages be about an organisation; about one's own where that is chosen."""
    with hub.database.reading() as session:
        chosen = organisations.get(session, form.get("organisation", "")).organisation.id
    answer = page.go(done="chosen")
    if chosen == page.caller.organisation_id:  # here it is one's own
        answer.delete_cookie(CHOICE_COOKIE, secure=True, httponly=True, samesite="lax")
    else:
        answer.set_cookie(CHOICE_COOKIE, chosen, secure=True, httponly=True, samesite="lax")
    return answer
