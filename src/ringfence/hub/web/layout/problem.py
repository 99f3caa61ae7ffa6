"""Problems as pages: what is wrong, where, and what to do."""

from fastapi import Request, Response

from ringfence.hub.people.callers import caller_of
from ringfence.hub.people.schemas import ProblemView
from ringfence.hub.web import navigation, templates
from ringfence.hub.web.answers import PageAnswer

_TITLES = {
    401: "Please sign in",
    403: "This is not for your role",
    404: "There is nothing here",
    409: "Somebody was here before",
    422: "That can't be used",
    503: "That can't be done at the moment",
}
_TITLES_OF_KINDS = {"other-organisation": "This is about another organisation"}


def problem_page(request: Request, status: int, problem: ProblemView) -> Response:
    """Return the page of a problem; it asks no database, which may be the problem."""
    caller = caller_of(request)
    entries = navigation.entries_for(caller) if caller is not None else []
    title = _TITLES_OF_KINDS.get(problem.kind) or _TITLES.get(status, "The hub has a problem")
    shown = templates.render(
        "layout/problem.html", problem=problem, title=title, status=status, entries=entries,
        path=request.url.path,
    )  # fmt: skip
    return PageAnswer(shown, status)
