"""What every view needs: who asks, of which hub, and how a page is shown to them."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.people import callers, problems, rights
from ringfence.hub.people.callers import Caller, TheCaller, TheHub
from ringfence.hub.people.draft_requests import DRAFT_SHOWN
from ringfence.hub.people.forms import NO_FORM, Form
from ringfence.hub.store.change import Change
from ringfence.hub.store.draft_models import DraftRow
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.hub.store.pages import Page
from ringfence.hub.web import navigation, templates
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.done import DONE
from ringfence.hub.web.live_streams import LiveStreams


class FieldRefused(BadInput):
    """What was typed into one field can't be used."""

    def __init__(self, field: str, what: str, *, to_do: str = "") -> None:
        super().__init__(what, where=field, to_do=to_do)
        self.field = field


ROWS = 50
"""How many rows a table shows at a time."""


class WebPage:
    """A page that is being made for somebody."""

    def __init__(self, request: Request, hub: Hub, caller: Caller) -> None:
        self.hub, self.caller = hub, caller
        self.path = request.url.path
        self.now = hub.clock()
        self.query: Mapping[str, str] = dict(request.query_params)
        self.streams: LiveStreams = request.app.state.live_streams
        self._request = request

    @property
    def organisation(self) -> str:
        """The name of the organisation that the page is about."""
        with self.hub.database.reading() as session:
            return session.get_one(OrganisationRow, self.caller.organisation_id).name

    @property
    def draft(self) -> DraftRow | None:
        """The draft that the page shows and edits; None where it is about what there is."""
        shown: DraftRow | None = self._request.scope["state"].get(DRAFT_SHOWN)
        return shown

    @property
    def done(self) -> str:
        """What was done just now, as a sentence."""
        return DONE.get(self.query.get("done", ""), "")

    @property
    def rows(self) -> Page:
        """The part of a list that this page shows."""
        return Page(ROWS, self.query.get("cursor", "")[:1000])

    def check_still(self) -> None:
        """Raise NotSignedIn where its reader is signed out by now, or has other rights; it blocks."""
        callers.check_still(self._request)

    def may(self, method: str, path: str) -> bool:
        """Return whether this person may use a path."""
        return rights.may(self.caller.role, method, path, is_limited=self.caller.is_limited)

    def show(self, template: str, status: int = 200, /, **values: object) -> PageAnswer:
        """Return a page."""
        entries = navigation.entries_for(self.caller)
        shown = templates.render(template, page=self, now=self.now, path=self.path, entries=entries, **values)
        return PageAnswer(shown, status)

    def form(self, template: str, fault: RingfenceError | None, form: Form, /, **values: object) -> PageAnswer:
        """Return a page with a form, or that again with all that was typed, and what is wrong with it."""
        if fault is not None:
            return self.refused(template, fault, form, **values)
        return self.show(template, fault=None, form=form, **values)

    def refused(self, template: str, fault: RingfenceError, form: Form = NO_FORM, /, **values: object) -> PageAnswer:
        """Return a form again, with all that was typed, and what is wrong with it."""
        status = problems.status_of(fault)
        return self.show(template, status, fault=fault, form=form, **values)

    def change(
        self, do: Callable[[Change], object], refused: Callable[[RingfenceError], Response], *segments: str, done: str
    ) -> Response:
        """Make a change and lead on to the page of these segments; what is refused is shown, and nothing is changed."""
        try:
            with self.hub.change(self.caller.name) as change:
                do(change)
        except RingfenceError as fault:
            return refused(fault)
        return self.go(*segments, done=done)

    def link(self, **changes: str) -> str:
        """Return this page's address with other filters; an empty one is left out."""
        return quote(self.path) + self.filters(**changes)

    def filters(self, **changes: str) -> str:
        """Return the end of an address with this page's filters, or others; empty without any."""
        query = {**{name: text for name, text in self.query.items() if name not in {"cursor", "done"}}, **changes}
        told = urlencode({name: text for name, text in query.items() if text})
        return f"?{told}" if told else ""

    @property
    def is_filtered(self) -> bool:
        """Whether the address asks for some of a list only."""
        return bool(self.filters(sort=""))

    @staticmethod
    def number(form: Form, name: str, *, least: float, most: float) -> float:
        """Return the number in a field.

        Raises:
            FieldRefused: It is none, or not between these.
        """
        try:
            found = float(form.get(name, ""))
        except ValueError:
            found = math.nan
        if not least <= found <= most:
            raise FieldRefused(name, f"this takes a number from {least:g} to {most:g}", to_do="Correct it.")
        return found

    @staticmethod
    def moment(form: Form, name: str) -> float | None:
        """Return the moment in a field, which is typed in UTC, in Unix seconds; None where it is empty.

        Raises:
            FieldRefused: It is none.
        """
        text = form.get(name, "").strip()
        try:
            if not text:
                return None
            typed = datetime.fromisoformat(text)
            return (typed if typed.tzinfo else typed.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise FieldRefused(name, "this is no day and time", to_do="Write it like 2026-01-31T22:00.") from None

    @staticmethod
    def go(*segments: str, done: str = "") -> Response:
        """Return an answer that leads on to the page of these segments, which then says what was done."""
        path = "/" + "/".join(quote(segment, safe="") for segment in segments)
        if done and done not in DONE:
            raise ValueError(done)
        return RedirectResponse(path + (f"?done={done}" if done else ""), 303)


def _page(request: Request, hub: TheHub, caller: TheCaller) -> WebPage:
    return WebPage(request, hub, caller)


def _form_page(request: Request, hub: TheHub, caller: TheCaller) -> WebPage:
    rights.check(caller.role, "POST", request.scope["path"], is_limited=caller.is_limited)
    return WebPage(request, hub, caller)


TheWebPage = Annotated[WebPage, Depends(_page)]
TheFormPage = Annotated[WebPage, Depends(_form_page)]
"""A page whose only use is its form: it is for those who may send that."""
