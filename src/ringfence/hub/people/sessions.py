"""Sessions: the browsers in which people are signed in; list and end."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringfence.hub.fleet import people, sessions
from ringfence.hub.people.callers import Caller, TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.rights import Role, check_no_more
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.sessions import SessionView
from ringfence.hub.store.people_models import PersonRow, SessionRow

router = APIRouter(tags=["access"])

OfPerson = Annotated[str, Query(max_length=80, description="Whose; an id or a name")]


@router.get("/sessions")
def list_sessions(hub: TheHub, caller: TheCaller, page: ThePage, person: OfPerson = "") -> Items[SessionView]:
    """List the open sessions, of all people or of one."""
    with hub.database.reading() as session:
        whose = people.get(session, person, hubwide_too=caller.is_hubwide).id if person else ""
        found = sessions.find(session, page, hub.clock(), person_id=whose, hubwide_too=caller.is_hubwide)
        return Items.of(found.each(lambda row: _session(row, caller)))


@router.delete("/sessions/{session}", status_code=204)
def end_session(session: str, hub: TheHub, caller: TheCaller) -> None:
    """End a session; its next request is a stranger's."""
    with hub.change(caller.name) as change:
        row = sessions.get(change.session, session, hubwide_too=caller.is_hubwide)
        owner: PersonRow = change.session.get_one(PersonRow, row.person_id)
        check_no_more(caller.role, Role(owner.role))
        sessions.end(change, row)


@router.delete("/people/{person}/sessions", status_code=204)
def end_sessions_of_person(person: str, hub: TheHub, caller: TheCaller) -> None:
    """End all sessions of somebody."""
    with hub.change(caller.name) as change:
        row = people.get(change.session, person, hubwide_too=caller.is_hubwide)
        check_no_more(caller.role, Role(row.role))
        sessions.end_all(change, row)


def _session(row: SessionRow, caller: Caller) -> SessionView:
    return SessionView(
        id=row.id, person=row.person_id, is_current=row.id == caller.session_id, created_at=row.created_at,
        last_used_at=row.last_used_at, ends_at=row.ends_at, address=row.address, agent=row.agent,
    )  # fmt: skip
