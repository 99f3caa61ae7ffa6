"""Rollouts: publish in waves, and look how it goes."""

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.people import rollouts as rollouts_of_api
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.publish import check_may_publish
from ringfence.hub.publishing import rollout_progress, rollouts
from ringfence.hub.publishing.rollouts import NewRollout
from ringfence.hub.web import templates
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.live import LivePart, live_answer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/rollouts")

_LEAST_MINUTES, _MOST_MINUTES = 2, 10_080
_USUAL: Form = {"waves": "\n".join(rollouts.DEFAULT_WAVES), "gate_minutes": "30", "most_failed": "0"}
_WHEN_IDLE: Form = {"waves": "rest", "gate_minutes": "1440", "when_idle": "yes"}


@router.get("")
def list_rollouts(page: TheWebPage) -> PageAnswer:
    """Show the rollouts, the newest first."""
    with page.hub.database.reading() as session:
        found = rollouts.find(session, page.rows)
    return page.show("rollouts/list.html", rows=found.rows, next=found.next)


@router.get("/-/new")
def show_new_rollout(page: TheFormPage) -> PageAnswer:
    """Show the form that begins a rollout; the address may ask for one wave, when phones are idle."""
    idle = page.query.get("when_idle") == "yes"
    return page.form("rollouts/new.html", None, {**_USUAL, **_WHEN_IDLE} if idle else _USUAL)


@router.post("/-/new")
def begin_rollout(page: TheFormPage, form: TheForm) -> Response:
    """Begin to publish what is due, wave after wave."""
    try:
        check_may_publish(page.hub, page.caller)
        new = NewRollout(
            form.get("name", ""),
            form.get("sites", "").split() or None,
            form.get("waves", "").split(),
            page.number(form, "gate_minutes", least=_LEAST_MINUTES, most=_MOST_MINUTES) * 60,
            int(page.number(form, "most_failed", least=0, most=100)),
            form.get("hours", "").strip(),
            form.get("time_zone", "").strip(),
            form.get("when_idle", "") == "yes",
        )
        begun = rollouts.create(page.hub, page.caller.name, new)
    except RingfenceError as fault:
        return page.refused("rollouts/new.html", fault, form)
    return page.go("rollouts", begun.rollout.id, done="rollout-begun")


@router.get("/{rollout}")
def show_rollout(rollout: str, page: TheWebPage) -> PageAnswer:
    """Show how far a rollout is, what keeps it, and what went wrong."""
    return page.form("rollouts/rollout.html", None, {}, **_progress(page.hub, rollout))


@router.get("/{rollout}/live")
async def watch_rollout(rollout: str, page: TheWebPage) -> StreamingResponse:
    """Tell how far a rollout is, as it happens."""

    def look() -> LivePart:
        values = _progress(page.hub, rollout)
        return LivePart(templates.render("rollouts/progress.html", now=page.hub.clock(), **values))

    return await live_answer(page, look)


@router.post("/{rollout}/pause")
def pause_rollout(rollout: str, page: TheFormPage) -> Response:
    """Pause a rollout: no further site is published."""
    return page.change(
        lambda change: rollouts.pause(change, rollout),
        lambda fault: _refused(page, rollout, fault),
        "rollouts", rollout, done="rollout-paused",
    )  # fmt: skip


@router.post("/{rollout}/resume")
def resume_rollout(rollout: str, page: TheFormPage) -> Response:
    """Go on with a rollout; a wave that went wrong counts as accepted."""
    return page.change(
        lambda change: rollouts.resume(change, rollout),
        lambda fault: _refused(page, rollout, fault),
        "rollouts", rollout, done="rollout-resumed",
    )  # fmt: skip


@router.post("/{rollout}/retry")
def retry_rollout(rollout: str, page: TheFormPage) -> Response:
    """Wait once more for the phones that failed, and tell them to load their files."""
    try:
        rollouts_of_api.retry_rollout(rollout, page.hub, page.caller)
    except RingfenceError as fault:
        return _refused(page, rollout, fault)
    return page.go("rollouts", rollout, done="rollout-retried")


@router.get("/{rollout}/cancel")
def ask_to_cancel(rollout: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a rollout is to be ended."""
    return page.show("rollouts/cancel.html", **_progress(page.hub, rollout))


@router.post("/{rollout}/cancel")
def cancel_rollout(rollout: str, page: TheFormPage) -> Response:
    """End a rollout: what is published stays, and sites of later waves are held no more."""
    return page.change(
        lambda change: rollouts.cancel(change, rollout),
        lambda fault: _refused(page, rollout, fault),
        "rollouts", rollout, done="rollout-cancelled",
    )  # fmt: skip


def _progress(hub: Hub, rollout: str) -> dict[str, object]:
    with hub.database.reading() as session:
        return {"found": rollout_progress.summary(session, rollout, hub.clock())}


def _refused(page: WebPage, rollout: str, fault: RingfenceError) -> PageAnswer:
    return page.refused("rollouts/rollout.html", fault, **_progress(page.hub, rollout))
