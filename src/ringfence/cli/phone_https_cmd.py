"""``ringfence phone https``: how a phone gets its files by HTTPS, and the key in its URL."""

from enum import StrEnum
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress, Site
from ringfence.cli.support.connection import hub, phone_path, site_path
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field
from ringfence.cli.support.questions import Yes, confirm


class HttpsAction(StrEnum):
    """What is done about a phone's way to its files by HTTPS."""

    SHOW = "show"
    MAKE_KEY = "make-key"
    FORGET_KEY = "forget-key"


def https(
    mac: MacAddress,
    action: Annotated[HttpsAction, typer.Argument(help="What to do.")] = HttpsAction.SHOW,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", help="With make-key: a network from which the key may be used, again for another one."),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show the URL by which a phone gets its files by HTTPS, and what the hub knows it by there.

    The URL is for the phone's profile rule, or for its maker's redirection service. A phone without a certificate
    gets a key in its URL with make-key: the first device that uses it has it from then on, from the network where that
    was, or from those that --from names. That proves little: whoever sees the URL has the key.

    Example: ringfence phone https 00:1B:54:C2:9A:10
    """
    path = f"{phone_path(mac)}/https"
    match action:
        case HttpsAction.SHOW:
            _show(hub().get(path), as_json=as_json)
        case HttpsAction.MAKE_KEY:
            made = hub().post(f"{path}/key", {"networks": from_ or []})
            if as_json:
                output.show_json(made)
                return
            output.say(f"Give this to phone {made['mac']}: {made['secret_url']}")
            output.say("It is shown this once. Whoever sees it and comes first has the phone's files (level L1).")
            output.say("Next: ringfence publish, so that the phone's profile leaves its URL as it is.")
        case HttpsAction.FORGET_KEY:
            confirm(f"Take away the key in the URL of phone {mac}", yes=yes)
            hub().delete(f"{path}/key")
            output.tell("The URL with the key opens nothing any more.", {"forgotten": mac}, as_json=as_json)


@lists
def of_site(site: Site) -> Listing:
    """Show how all phones of a site come to the hub by HTTPS: what to type at each, and what is seen when it worked.

    The URL is what is typed, what a maker's redirection service gets, or DHCP option 66.

    Example: ringfence site https home-office-anna
    """
    columns = [
        ("PHONE", field("mac")),
        ("MODEL", field("model")),
        ("URL", field("url")),
        ("KNOWN BY", field("proof")),
        ("LEVEL", field("level")),
        ("NEXT", field("next_step")),
    ]
    return Listing(f"{site_path(site)}/https", columns, empty="This site has no phones.", note=_note)


def _note(row: Row) -> str:
    if not row["url"]:
        return ""
    return f"{row['mac']}: {row['what_to_type']} {row['first_contact']} {row['works_when']}"


def _show(found: Row, *, as_json: bool) -> None:
    if as_json:
        output.show_json(found)
        return
    if found["url"]:
        output.say(f"Its URL: {found['url']}")
    if found["rule"]:
        output.say(f"Its profile rule: {found['rule']}")
    output.say(f"What is known of it there: {found['level']}, {found['meaning']}.")
    if (key := found["key"]) is not None:
        bound = (
            f"bound to {key['bound_agent'] or 'a device'} at {key['bound_network']}"
            if key["bound_at"]
            else "not used yet"
        )
        output.say(f"It has a key in its URL, {bound}.")
    output.say(found["next_step"])
