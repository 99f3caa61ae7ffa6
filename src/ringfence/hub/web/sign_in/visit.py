"""A browser that nobody is signed in at: what its requests say of it, and what it is given."""

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import known_browsers, sessions
from ringfence.hub.people import problems
from ringfence.hub.people.callers import CHOICE_COOKIE, COOKIE
from ringfence.hub.people.forms import Form
from ringfence.hub.people.provider_sign_ins import ProviderSignIns
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.people.visitors import SignedIn, Visitor
from ringfence.hub.sign_in_errors import PasswordRefused
from ringfence.hub.store.organisation_owned import LONGEST_ORGANISATION_ID
from ringfence.hub.web import templates
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.passkeys import PasskeyPlace
from ringfence.hub.web.sign_in import typed
from ringfence.secret import Secret

FIELDS = ("next", "typed", "organisation", "name", "display_name")
"""What a form brings back when it is shown again; no password, and no code."""


class Visit:
    """A visit of somebody whom the hub does not know yet."""

    def __init__(self, request: Request) -> None:
        self.sign_ins: SignIns = request.app.state.sign_ins
        self.hub: Hub = request.app.state.hub
        self._state = request.app.state
        self.cookie = request.cookies.get(COOKIE, "")
        self.keeps_cookies = known_browsers.COOKIE in request.cookies
        self.visitor = Visitor(
            request.client.host if request.client else "",
            request.headers.get("user-agent", ""),
            self.sign_ins.browser(request.cookies.get(known_browsers.COOKIE, "")),
        )
        self.path = request.url.path
        self.passkey_place = PasskeyPlace.of(request, self.hub)

    def show(self, template: str, form: Form, fault: RingfenceError | None = None, **values: object) -> PageAnswer:
        """Return a page for strangers, with what was typed but secrets; the browser gets a cookie to bring back."""
        shown = templates.render(
            template, path=self.path, entries=[], form={name: form[name] for name in FIELDS if name in form},
            fault=fault, hub_name=self.hub.config.name, providers=self._providers(form), place=self.passkey_place,
            **values,
        )  # fmt: skip
        answer = PageAnswer(shown, 200 if fault is None else problems.status_of(fault))
        if not self.keeps_cookies:
            self._tell_browser(answer)
        return answer

    def _providers(self, form: Form) -> list[tuple[str, str]]:
        """Return the providers that a page offers: those of the organisation that its address, or the form, names."""
        sign_ins: ProviderSignIns = self._state.provider_sign_ins
        return sign_ins.offered(form.get("organisation", "").strip()[:LONGEST_ORGANISATION_ID])

    def come_in(self, signed_in: SignedIn, form: Form) -> Response:
        """Return the answer that has somebody signed in, or asks for the second step."""
        answer: Response
        path, told = typed.own_path(form.get("next", "/")), form.get("typed", "")
        if signed_in.awaits_second_step:
            answer = self.show("sign_in/second_step.html", form)
        elif told and path != "/":
            token = sessions.form_token(signed_in.session.reveal())
            answer = self.show("sign_in/typed.html", {}, fields=typed.fields(told), action=path, token=token)
        else:
            answer = RedirectResponse(path, 303)
        answer.set_cookie(
            COOKIE, signed_in.session.reveal(), int(sessions.LONGEST_S), secure=True, httponly=True, samesite="lax"
        )
        if not signed_in.awaits_second_step:
            self.visitor = Visitor(self.visitor.address, self.visitor.agent, signed_in.browser)
            self._tell_browser(answer)
        return answer

    def _tell_browser(self, answer: Response) -> None:
        told = self.sign_ins.browser_cookie(self.visitor.browser)
        answer.set_cookie(
            known_browsers.COOKIE, told, known_browsers.KEPT_S, secure=True, httponly=True, samesite="lax"
        )


def check_cookies(visit: Visit) -> None:
    """Raise BadSelection where a browser keeps no cookies: it would not be signed in, and its link would be used up."""
    if not visit.keeps_cookies:
        raise BadSelection(
            "this browser does not send our cookie back",
            to_do="Allow cookies for this address: without one, no page can know who you are. Then try again.",
        )


def leave(answer: Response) -> Response:
    """Return an answer that has the browser forget its session, and what was chosen in it."""
    for name in (COOKIE, CHOICE_COOKIE):
        answer.delete_cookie(name, secure=True, httponly=True, samesite="lax")
    return answer


def new_password(form: Form) -> Secret:
    """Return the new password of a form in which it is typed twice; PasswordRefused if the two differ."""
    password = Secret(form.get("password", ""))
    if password != Secret(form.get("again", "")):
        raise PasswordRefused("the two passwords differ", to_do="Type the same one in both fields.")
    return password


TheVisit = Annotated[Visit, Depends(Visit)]
