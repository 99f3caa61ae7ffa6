"""``ringfence guard``'s orders: let phones in, shut them out, open windows, ban addresses, accept edges."""

import re
from typing import Annotated
from urllib.parse import quote

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

MacAddress = Annotated[str, typer.Argument(metavar="MAC", help="In any usual notation, or as SEP….")]
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_to(app: typer.Typer) -> None:
    """Give ``app`` these commands."""
    for name, command in (
        ("waiting", waiting),
        ("accept", accept),
        ("block", block),
        ("open", open_window),
        ("close", close_window),
        ("ban", ban),
        ("unban", unban),
        ("bans", bans),
        ("accept-edge", accept_edge),
    ):
        app.command(name)(command)


def waiting(
    site: Annotated[str | None, typer.Option(help="Only this site's.")] = None, as_json: AsJson = False
) -> None:
    """List the phones that ask and wait for a person's nod."""
    rows = hub().items("/guard/waiting", site=site)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("MAC", lambda row: Mac(row["subject"])),
        ("MODEL", field("model")),
        ("SITE", field("site")),
        ("ADDRESS", field("peer")),
        ("SINCE", moment("first_at")),
        ("TIMES", field("count")),
        ("IN WORDS", field("sentence")),
    ]
    output.show_table(rows, columns, empty="No phone waits.")


def accept(
    mac: MacAddress,
    instead_of: Annotated[
        str, typer.Option("--as", metavar="OTHER", help="The phone whose place it takes: MAC address or description.")
    ] = "",
    model: Annotated[str, typer.Option(help="What it is, where no site has it yet.")] = "",
    site: Annotated[str, typer.Option(help="Where it stands, where no site has it yet.")] = "",
    description: Annotated[str, typer.Option(help="For people: whose, or where.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let a phone in: as it is, in the place of another one, or as a new one.

    Example: ringfence guard accept 00:1B:54:C2:9A:10 --as Reception
    """
    body = {"instead_of": instead_of, "model": model, "site": site, "description": description}
    phone = hub().post(f"{phone_path(mac)}/accept", body)
    if as_json:
        output.show_json(phone)
        return
    output.say(f"Phone {phone['mac']} ({phone['model']}) is let in at {phone['site']}.")
    if instead_of:
        output.say(f"It has the lines, settings and group of {instead_of}, whose address is gone.")
    if not phone["lines"]:
        output.say(f"Next: ringfence line set {phone['mac']} 1 --name USER, then ringfence publish.")
    elif instead_of:
        output.say("Next: ringfence publish.")


def block(mac: MacAddress) -> None:
    """Shut a phone out, wherever it asks; what it has taken already it keeps."""
    phone = hub().post(f"{phone_path(mac)}/block")
    output.say(f"Phone {phone['mac']} is shut out. Let it in again: ringfence guard unban {phone['mac']}")


def open_window(
    mac: MacAddress,
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="Such as 10m or 1h.")] = "10m",
    as_json: AsJson = False,
) -> None:
    """Let a phone take its file once, within some minutes, from where no wire proves it.

    Example: ringfence guard open 00:1B:54:C2:9A:10 --for 10m
    """
    window = hub().put(f"{phone_path(mac)}/window", {"lasts_s": seconds(lasts)})
    if as_json:
        output.show_json(window)
        return
    output.say(
        f"The window for phone {window['mac']} at {window['site']} is open until {output.when(window['until'])}."
    )
    output.say("It belongs to the first address that asks and answers; it ends with one whole transfer.")
    output.say("It protects against whoever comes later, or asks for another phone.")
    output.say("It does not protect against somebody who knows the MAC address and asks before the phone does,")
    output.say("or who reads along on the way: TFTP is not encrypted. The log says which address had it.")


def close_window(mac: MacAddress) -> None:
    """End a phone's window before its time."""
    hub().delete(f"{phone_path(mac)}/window")
    output.say(f"The window for phone {Mac.parse(mac)} is closed.")


def ban(
    address: Annotated[str, typer.Argument(help="The IP address.")],
    why: Annotated[str, typer.Option(help="For people, and for the log.")],
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="Such as 30m, 12h or 7d.")] = "1d",
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    as_json: AsJson = False,
) -> None:
    """Leave an address unanswered for a time.

    Example: ringfence guard ban 192.0.2.66 --for 7d --why "asks for other people's files"
    """
    made = hub().post("/guard/bans", {"address": address, "site": site, "lasts_s": seconds(lasts), "why": why})
    if as_json:
        output.show_json(made)
    else:
        where = f"at {made['site']}" if made["site"] else "everywhere"
        output.say(f"{made['address']} gets no answer {where} until {output.when(made['until'])}.")


def unban(
    who: Annotated[str, typer.Argument(metavar="MAC|ADDRESS", help="A blocked phone or a banned address.")],
) -> None:
    """Let a blocked phone or a banned address in again."""
    try:
        path = f"/phones/{Mac.parse(who).bare}/block"
    except BadMac:
        path = f"/guard/bans/{quote(who, safe='')}"
    hub().delete(path)
    output.say(f"{who} is let in again.")


def bans(as_json: AsJson = False) -> None:
    """List the addresses that people have shut out."""
    rows = hub().items("/guard/bans")
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("ADDRESS", field("address")),
        ("SITE", lambda row: row["site"] or "everywhere"),
        ("UNTIL", moment("until")),
        ("WHO", field("who")),
        ("WHY", field("why")),
    ]
    output.show_table(rows, columns, empty="Nobody is shut out.")


def accept_edge(
    edge: Annotated[str, typer.Argument(metavar="EDGE", help="Its id, as ringfence edge list shows it.")],
    as_json: AsJson = False,
) -> None:
    """Let an edge stand where it connects from now; what it held back for that, it gives out again."""
    found = hub().post(f"/edges/{quote(edge, safe='')}/accept")
    if as_json:
        output.show_json(found)
    else:
        output.say(f"Edge {edge} may stand in {', '.join(found['networks']) or 'every network that it came from'}.")


def seconds(text: str) -> int:
    """Return a time such as 10m in seconds."""
    form = _DURATION.fullmatch(text.strip().lower())
    if form is None:
        raise BadArgument(f"{text[:20]!r} is no length of time", to_do="Write it like 30s, 10m, 12h or 7d.")
    return int(form[1]) * _UNITS[form[2]]
