"""``ringfence session``: the browsers in which people are signed in."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="Browsers in which people are signed in.", no_args_is_help=True)

OfPerson = Annotated[str | None, typer.Option("--person", help="Whose: a name or an id.", show_default=False)]


@app.command("list")
@lists
def list_sessions(person: OfPerson = None) -> Listing:
    """List the open sessions.

    Example: ringfence session list --person anna@example.org
    """
    columns = [
        ("ID", field("id")),
        ("PERSON", field("person")),
        ("SINCE", moment("created_at")),
        ("LAST USED", moment("last_used_at")),
        ("FROM", field("address")),
        ("BROWSER", field("agent")),
    ]
    return Listing("/sessions", columns, empty="Nobody is signed in.", query={"person": person})


@app.command()
def end(
    session: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="From: ringfence session list.", show_default=False)
    ] = None,
    person: OfPerson = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End a session, or all of a person; the next request from there needs a sign-in.

    Example: ringfence session end --person anna@example.org
    """
    if (session is None) is (person is None):
        raise typer.BadParameter("give a session's id, or a person", param_hint="--person")
    if session is not None:
        confirm(f"End session {session}", yes=yes)
        hub().delete(f"/sessions/{segment(session)}")
        output.tell(f"Session {session} ended.", {"ended": session}, as_json=as_json)
    else:
        confirm(f"End all sessions of {person}", yes=yes)
        hub().delete(f"/people/{segment(str(person))}/sessions")
        output.tell(f"All sessions of {person} ended.", {"ended": person}, as_json=as_json)
