"""``ringfence guard ban``, ``unban`` and ``bans``: addresses that get no answer."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.durations import seconds
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

app = typer.Typer()


@app.command()
def ban(
    address: Annotated[str, typer.Argument(help="The IP address.")],
    why: Annotated[str, typer.Option(help="The reason, for people and for the log.")],
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="Such as 30m, 12h or 7d.")] = "1d",
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ban an IP address for a time: it gets no answer.

    Example: ringfence guard ban 192.0.2.66 --for 7d --why "asks for other people's files"
    """
    made = hub().post("/guard/bans", {"address": address, "site": site, "lasts_s": seconds(lasts), "why": why})
    if as_json:
        output.show_json(made)
    else:
        where = f"at {made['site']}" if made["site"] else "everywhere"
        output.say(f"Address {made['address']} banned {where} until {output.when(made['until'])}.")


@app.command()
def unban(
    who: Annotated[str, typer.Argument(metavar="MAC|ADDRESS", help="A blocked phone or a banned address.")],
    as_json: AsJson = False,
) -> None:
    """Unblock a phone or unban an IP address.

    Example: ringfence guard unban 192.0.2.66
    """
    try:
        mac = Mac.parse(who)
        path, outcome = f"/phones/{mac.bare}/block", f"Phone {mac} unblocked."
    except BadMac:
        path, outcome = f"/guard/bans/{segment(who)}", f"Address {who} unbanned."
    hub().delete(path)
    output.tell(outcome, {"unbanned": who}, as_json=as_json)


@app.command()
@lists
def bans() -> Listing:
    """List the IP addresses that people have banned.

    Example: ringfence guard bans
    """
    columns = [
        ("ADDRESS", field("address")),
        ("SITE", lambda row: row["site"] or "everywhere"),
        ("UNTIL", moment("until")),
        ("WHO", field("who")),
        ("WHY", field("why")),
    ]
    return Listing("/guard/bans", columns, empty="No addresses are banned.")
