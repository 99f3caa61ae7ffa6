"""``ringfence set``: set values for the organisation, a site, group, phone or line; the nearest wins."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.group_cmd import GroupId
from ringfence.cli.line_cmd import LineKey
from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress, Site
from ringfence.cli.support.connection import hub, phone_path, segment, site_path
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.files import read_text
from ringfence.cli.support.output import AsJson, field

app = typer.Typer(
    help="Set values for the organisation, a site, group, phone or line.",
    no_args_is_help=True,
)

# The "=" of an attribute in a patch's element, as in line[@button='1'], does not end the name.
_PAIR = re.compile(r"(?P<name>(?:\[[^]]*\]|[^=\[])+)=(?P<value>.*)", re.DOTALL)

Assignments = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=VALUE…", help="What to set; NAME=@FILE reads a file. Without any, list what is set."),
]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Remove this setting.")]


@app.command()
def organisation(assignments: Assignments = None, unset: Unset = None, as_json: AsJson = False) -> None:
    """Set values for every phone.

    Example: ringfence set organisation sip_server=sip.example.org time_zone=Europe/Berlin
    """
    _apply("/settings/organisation", assignments, unset, as_json=as_json)


@app.command()
def site(site: Site, assignments: Assignments = None, unset: Unset = None, as_json: AsJson = False) -> None:
    """Set values for every phone of a site.

    Example: ringfence set site home-office-anna time_zone=Europe/Berlin
    """
    _apply(f"/settings{site_path(site)}", assignments, unset, as_json=as_json)


@app.command()
def phone(mac: MacAddress, assignments: Assignments = None, unset: Unset = None, as_json: AsJson = False) -> None:
    """Set values for one phone.

    Example: ringfence set phone 00:1B:54:C2:9A:10 time_zone=Europe/Berlin
    """
    _apply(f"/settings{phone_path(mac)}", assignments, unset, as_json=as_json)


@app.command()
def group(group: GroupId, assignments: Assignments = None, unset: Unset = None, as_json: AsJson = False) -> None:
    """Set values for every phone of a group, whatever its site.

    Example: ringfence set group reception time_zone=Europe/Berlin
    """
    _apply(f"/settings/groups/{segment(group)}", assignments, unset, as_json=as_json)


@app.command()
def line(
    mac: MacAddress,
    index: LineKey,
    assignments: Assignments = None,
    unset: Unset = None,
    as_json: AsJson = False,
) -> None:
    """Set values for one line of a phone.

    Example: ringfence set line 00:1B:54:C2:9A:10 2 call_waiting=no
    """
    _apply(f"/settings{phone_path(mac)}/lines/{index}", assignments, unset, as_json=as_json)


def _apply(path: str, assignments: list[str] | None, unset: list[str] | None, *, as_json: bool) -> None:
    client = hub()
    pairs = [_pair(text) for text in assignments or []]
    for name, value in pairs:
        client.put(f"{path}/{segment(name)}", {"value": value})
    for name in unset or []:
        client.delete(f"{path}/{segment(name)}")
    rows = client.items(path)
    if as_json:
        output.show_json(rows)
        return
    if pairs or unset:
        output.say("Settings changed. Next, see what changes on phones: ringfence publish --dry-run")
    output.show_table(
        rows,
        [("SETTING", field("name")), ("VALUE", field("value"))],
        empty="Nothing is set here. To set something, add NAME=VALUE.",
    )


def _pair(text: str) -> tuple[str, str]:
    """Return name and value of NAME=VALUE; a value ``@FILE`` stands for the content of the file."""
    found = _PAIR.fullmatch(text)
    if found is None:
        raise BadArgument(f"{text!r} is not NAME=VALUE", to_do="For example: time_zone=Europe/Berlin.")
    value = found["value"]
    return found["name"].strip(), read_text(Path(value[1:])) if value.startswith("@") else value
