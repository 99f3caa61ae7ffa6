"""``ringfence sign-in-provider``: OpenID Connect providers by which people come in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field
from ringfence.cli.support.questions import Yes, confirm, typed_secret

app = typer.Typer(help="OpenID Connect providers by which people sign in.", no_args_is_help=True)

_OF_GROUP = "group:"
ProviderId = Annotated[str, typer.Argument(metavar="ID", help="Its id, as ringfence sign-in-provider list shows it.")]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="GROUP=ROLE",
        help="What a group may do, such as Phones=operator, or only for some sites and groups of phones: "
        "Phones=operator@office,shop,group:reception. "
        "Repeat it; of several groups that somebody is in, the first counts.",
        show_default=False,
    ),
]
SecretFile = Annotated[
    Path | None,
    typer.Option("--client-secret-file", help="The file with the client's secret.", show_default=False),
]
GroupClaim = Annotated[
    str | None, typer.Option(help="The claim that holds the groups; `groups` if none is given.", show_default=False)
]
Scopes = Annotated[
    str | None, typer.Option(help='What is asked for beside openid; "profile email" otherwise.', show_default=False)
]
SessionHours = Annotated[
    int | None, typer.Option(help="After how long sessions end in any case; 12 hours otherwise.", show_default=False)
]


@app.command("list")
@lists
def list_sign_in_providers() -> Listing:
    """List the sign-in providers.

    Example: ringfence sign-in-provider list
    """
    columns = [
        ("ID", field("id")),
        ("NAME", field("name")),
        ("ISSUER", field("issuer")),
        ("GROUPS", _groups_in_words),
    ]
    return Listing(
        "/sign-in-providers",
        columns,
        empty="None yet. Add one: ringfence sign-in-provider add ID --issuer … --client-id …",
    )


@app.command()
def add(
    provider: Annotated[str, typer.Argument(metavar="ID", help="What commands will call it, such as company.")],
    issuer: Annotated[str, typer.Option(help="Its address, exactly as it names itself.")],
    client_id: Annotated[str, typer.Option(help="By what it knows the hub.")],
    name: Annotated[str, typer.Option(help="What the button says; the id otherwise.", show_default=False)] = "",
    client_secret_file: SecretFile = None,
    group: Groups = None,
    group_claim: GroupClaim = None,
    scopes: Scopes = None,
    session_hours: SessionHours = None,
    as_json: AsJson = False,
) -> None:
    """Add a provider; the client's secret is asked for, or read from a pipe or a file.

    Example: ringfence sign-in-provider add company --issuer https://login.example.org --client-id hub
    """
    body = _given(group_claim, scopes, session_hours, group)
    body |= {"id": provider, "name": name or provider, "issuer": issuer, "client_id": client_id}
    body["client_secret"] = _secret(client_secret_file)
    made = hub().post("/sign-in-providers", body)
    if as_json:
        output.show_json(made)
        return
    output.say(f"Sign-in provider {provider} added. It must send people back to:\n\n  {made['redirect_uri']}\n")
    output.say(f"See whether it answers: ringfence sign-in-provider check {provider}")


@app.command("set")
def set_provider(
    provider: ProviderId,
    name: Annotated[str | None, typer.Option(help="What the button says.", show_default=False)] = None,
    issuer: Annotated[
        str | None, typer.Option(help="Its address; people of another one are all new here.", show_default=False)
    ] = None,
    client_id: Annotated[str | None, typer.Option(help="By what it knows the hub.", show_default=False)] = None,
    new_secret: Annotated[bool, typer.Option("--client-secret", help="Ask for another client secret.")] = False,
    client_secret_file: SecretFile = None,
    group: Groups = None,
    no_groups: Annotated[bool, typer.Option("--no-groups", help="Let nobody in by it.")] = False,
    group_claim: GroupClaim = None,
    scopes: Scopes = None,
    session_hours: SessionHours = None,
    as_json: AsJson = False,
) -> None:
    """Change a provider. Groups that are given take the place of all others; roles hold from the next sign-in on.

    Example: ringfence sign-in-provider set company --group Phones=operator --group Help=support@office
    """
    if no_groups and group:
        raise typer.BadParameter("name groups, or give this", param_hint="--no-groups")
    changes = _given(group_claim, scopes, session_hours, [] if no_groups else group)
    given = {"name": name, "issuer": issuer, "client_id": client_id}
    changes |= {key: value for key, value in given.items() if value is not None}
    if new_secret or client_secret_file is not None:
        changes["client_secret"] = _secret(client_secret_file)
    if not changes:
        raise typer.BadParameter("say what to change, such as --group, --name, --issuer or --client-secret")
    changed = hub().patch(f"/sign-in-providers/{segment(provider)}", changes)
    output.tell(f"Sign-in provider {provider} changed.", changed, as_json=as_json)


@app.command()
def check(provider: ProviderId, as_json: AsJson = False) -> None:
    """Ask a provider for its addresses and keys.

    Example: ringfence sign-in-provider check company
    """
    found = hub().post(f"/sign-in-providers/{segment(provider)}/check")
    output.tell(f"{provider} answers; people sign in at {found['authorization_endpoint']}", found, as_json=as_json)


@app.command()
def remove(provider: ProviderId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a provider; its people's sessions end, and they come in no more.

    Example: ringfence sign-in-provider remove company
    """
    confirm(f"Remove sign-in provider {provider}", yes=yes)
    hub().delete(f"/sign-in-providers/{segment(provider)}")
    output.tell(f"Sign-in provider {provider} removed.", {"removed": provider}, as_json=as_json)


def _given(
    group_claim: str | None, scopes: str | None, session_hours: int | None, groups: list[str] | None
) -> dict[str, Any]:  # Any: JSON
    given = {
        "group_claim": group_claim, "scopes": scopes, "session_hours": session_hours,
        "groups": None if groups is None else [_mapping(each) for each in groups],
    }  # fmt: skip
    return {key: value for key, value in given.items() if value is not None}


def _mapping(text: str) -> dict[str, Any]:  # Any: JSON
    group, equals, told = text.rpartition("=")
    role, at, places = told.partition("@")
    if not equals or not group or not role:
        raise typer.BadParameter(f"{text!r} is not GROUP=ROLE", param_hint="--group")
    named = [place for place in places.split(",") if place]
    sites = [place for place in named if not place.startswith(_OF_GROUP)]
    groups = [place.removeprefix(_OF_GROUP) for place in named if place.startswith(_OF_GROUP)]
    return {"group": group, "role": role, "limited_to": {"sites": sites, "groups": groups} if at else None}


def _secret(file: Path | None) -> str:
    if file is None:
        return typed_secret("Client secret")
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError as fault:
        raise typer.BadParameter(f"{fault.filename}: {fault.strerror}", param_hint="--client-secret-file") from None


def _groups_in_words(row: Row) -> str:
    return ", ".join(f"{each['group']}: {each['role']}" for each in row["groups"]) or "nobody comes in"
