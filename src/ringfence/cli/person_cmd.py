"""``ringfence person``: people who sign in to the hub's pages."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from ringfence.cli import passkey_cmd
from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.cli.support.scope_options import ToGroups, ToSites, scope_in_json, scope_in_words
from ringfence.counted import counted

app = typer.Typer(help="People who sign in to the hub's pages.", no_args_is_help=True)
app.add_typer(passkey_cmd.app, name="passkeys")

Name = Annotated[str, typer.Argument(help="What they sign in with, or their id.")]
RoleName = Annotated[
    str | None,
    typer.Option("--role", help="owner, administrator, operator, support, installer, auditor; or read, metrics."),
]
DisplayName = Annotated[str | None, typer.Option(help="What they are called.", show_default=False)]


@app.command("list")
@lists
def list_people() -> Listing:
    """List the people who sign in.

    Example: ringfence person list --filter role=owner
    """
    columns = [
        ("NAME", field("name")),
        ("CALLED", field("display_name")),
        ("ROLE", field("role")),
        ("FOR", scope_in_words),
        ("STATE", _state),
        ("LAST SIGNED IN", moment("last_signed_in_at")),
    ]
    return Listing("/people", columns, empty="Nobody signs in yet. Invite somebody: ringfence person invite NAME.")


@app.command()
def invite(
    name: Annotated[str, typer.Argument(help="What they will sign in with, such as an e-mail address.")],
    role: RoleName = None,
    display_name: DisplayName = None,
    site: ToSites = None,
    group: ToGroups = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make another link for somebody who has lost theirs, or their password.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Invite somebody: print a link with which they choose a password, once, within a week.

    Example: ringfence person invite anna@example.org --role operator --display-name "Anna A."
    """
    if again:
        if role is not None or display_name is not None or site or group:
            raise typer.BadParameter("it goes with nothing else", param_hint="--again")
        made = hub().post(f"/people/{segment(name)}/invitation")
    else:
        body: dict[str, Any] = {
            "name": name,
            "display_name": display_name or "",
            "role": role or "operator",
            **scope_in_json(site, group),
        }
        made = hub().post("/people", body)
    if as_json:
        output.show_json(made)
        return
    output.say(f"A link for {made['name']}, role {made['role']}, shown only once:\n\n  {made['link']}\n")
    output.say(f"It ends {output.when(made['link_ends_at'])}. Pass it on where nobody else reads it.")


@app.command("set")
def set_person(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="What they sign in with from now on.")] = None,
    display_name: DisplayName = None,
    role: RoleName = None,
    site: ToSites = None,
    group: ToGroups = None,
    whole_organisation: Annotated[
        bool, typer.Option("--whole-organisation", help="Limit them to no sites and groups any more.")
    ] = False,
    no_second_step: Annotated[
        bool, typer.Option("--no-second-step", help="Take their second step away, as they have lost it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change what somebody is called, or may do and where; another role ends their sessions.

    Example: ringfence person set anna@example.org --role operator --site office --site shop
    """
    given: dict[str, Any] = {"name": new_name, "display_name": display_name, "role": role}  # Any: JSON
    changes = {key: value for key, value in given.items() if value is not None}
    if whole_organisation and (site or group):
        raise typer.BadParameter("name sites and groups, or give this", param_hint="--whole-organisation")
    changes |= {"limited_to": None} if whole_organisation else scope_in_json(site, group)
    if no_second_step:
        changes["second_step"] = False
    if not changes:
        raise typer.BadParameter(
            "say what to change, such as --name, --display-name, --role, --site, --group or --no-second-step"
        )
    _change(name, changes, "{} changed.", as_json=as_json)


@app.command()
def disable(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Let somebody sign in no more, and end their sessions.

    Example: ringfence person disable anna@example.org
    """
    confirm(f"Let {name} sign in no more", yes=yes)
    changed = _change(name, {"disabled": True}, "{} can't sign in any more.", as_json=as_json)
    if not as_json:
        _tell_tokens(changed["tokens"])


@app.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Let somebody sign in again.

    Example: ringfence person enable anna@example.org
    """
    _change(name, {"disabled": False}, "{} can sign in again.", as_json=as_json)


@app.command()
def remove(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove somebody; what they did stays in the audit log, and API tokens that they made work on.

    Example: ringfence person remove anna@example.org
    """
    confirm(f"Remove {name}", yes=yes)
    tokens = hub().get(f"/people/{segment(name)}")["tokens"]
    hub().delete(f"/people/{segment(name)}")
    output.tell(f"{name} removed.", {"removed": name, "tokens": tokens}, as_json=as_json)
    if not as_json:
        _tell_tokens(tokens)


def _change(name: str, changes: Mapping[str, Any], told: str, *, as_json: bool) -> Row:
    changed = hub().patch(f"/people/{segment(name)}", dict(changes))
    output.tell(told.format(changed["name"]), changed, as_json=as_json)
    return changed


def _tell_tokens(tokens: Sequence[Row]) -> None:
    """Name the tokens that go on working without who made them, and how each is ended."""
    if tokens:
        output.say(f"{counted(len(tokens), 'API token')} of theirs, for programs, work on. To end one:")
    for token in tokens:
        output.say(f"  {token['name']} ({token['role']}): ringfence access revoke {token['id']}")


def _state(row: Row) -> str:
    if row["disabled_at"] is not None:
        return "disabled"
    if row["is_of_provider"]:
        return "by provider"
    if not row["has_password"]:
        return "invited"
    return "two steps" if row["has_second_step"] else "password alone"
