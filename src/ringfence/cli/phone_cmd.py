"""``ringfence phone``: the inventory of phones."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from ringfence.cli import phone_certificate_cmd, phone_https_cmd, phone_web_cmd
from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress, OnlySite
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.listing import Limit, Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.counted import counted

app = typer.Typer(help="Phones: where they are, what they are doing, and reloading them.", no_args_is_help=True)
app.command("web")(phone_web_cmd.web)
app.command("certificate")(phone_certificate_cmd.certificate)
app.command("https")(phone_https_cmd.https)


Search = Annotated[
    str | None, typer.Option(help="Only phones with this in their address, description, model, site or lines.")
]
_LONGEST_VALUE = 60


def _lines(row: Row) -> str:
    return ", ".join(f"{line['index']}: {line['label'] or line['name']}" for line in row["lines"])


_COLUMNS = [
    ("MAC", field("mac")),
    ("SITE", field("site")),
    ("MODEL", field("model")),
    ("GROUP", field("group")),
    ("STATE", lambda row: "blocked" if row["blocked"] else ""),
    ("DESCRIPTION", field("description")),
    ("LINES", _lines),
]


@app.command()
def add(
    mac: MacAddress,
    site: Annotated[str, typer.Option(help="The site where it is.")],
    model: Annotated[
        str, typer.Option(help="Its model, such as 9971, CP-8841 or SPA504G; ringfence phone models lists all.")
    ],
    description: Annotated[str, typer.Option(help="For people: whose phone, or where it is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a phone to a site.

    Example: ringfence phone add 00:1B:54:C2:9A:10 --site home-office-anna --model 9971
    """
    phone = hub().post("/phones", {"mac": mac, "site": site, "model": model, "description": description})
    if as_json:
        output.show_json(phone)
    else:
        output.say(
            f"Phone {phone['mac']} added to {phone['site']}. Next: ringfence line set {phone['mac']} 1 --name USER"
        )


@app.command("list")
@lists
def list_phones(
    site: OnlySite = None,
    group: Annotated[str | None, typer.Option(help="Only this group.")] = None,
    search: Search = None,
) -> Listing:
    """List the phones.

    Example: ringfence phone list --search anna
    """
    return Listing(
        "/phones",
        _COLUMNS,
        empty=_none(search or site or group),
        query={"site": site, "group": group, "search": search},
    )


def _none(asked: str | None) -> str:
    return "No phone fits." if asked else "No phones yet. Add one: ringfence phone add MAC --site … --model …."


@app.command()
def show(mac: MacAddress, as_json: AsJson = False) -> None:
    """Show a phone with its lines, and its settings with their scopes.

    Example: ringfence phone show 00:1B:54:C2:9A:10
    """
    client = hub()
    phone = client.get(phone_path(mac))
    settings = client.items(f"{phone_path(mac)}/settings")
    if as_json:
        output.show_json({**phone, "settings": settings})
        return
    output.show_table([phone], _COLUMNS, empty="")
    output.say("")
    output.show_table(
        settings,
        [("SETTING", field("name")), ("VALUE", field("value")), ("UNIT", field("unit")), ("FROM", field("scope"))],
        empty="No settings.",
    )


@app.command()
def change(
    mac: MacAddress,
    site: Annotated[str | None, typer.Option(help="Move it to this site.")] = None,
    model: Annotated[str | None, typer.Option(help="Correct its model, such as 9971.")] = None,
    description: Annotated[str | None, typer.Option(help="For people: whose phone, or where it is.")] = None,
    group: Annotated[str | None, typer.Option(help="Put it into this group; '' takes it out of its group.")] = None,
    running: Annotated[
        str | None, typer.Option(help="The firmware that it runs now, as its screen shows it, such as SIP42.8-2-1S.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a phone's site, group, model, description or known firmware.

    Example: ringfence phone change 00:1B:54:C2:9A:10 --group reception
    """
    asked = {"site": site, "model": model, "description": description, "group": group, "running_load": running}
    phone = hub().patch(phone_path(mac), {name: value for name, value in asked.items() if value is not None})
    described = f" ({phone['description']})" if phone["description"] else ""
    output.tell(f"Phone {phone['mac']}{described} changed; it is at {phone['site']}.", phone, as_json=as_json)


@app.command()
@lists
def models(family: Annotated[str | None, typer.Option(help="Only this family, such as cisco-79xx.")] = None) -> Listing:
    """List the known models: family, line keys, transports, features.

    Example: ringfence phone models --family cisco-79xx
    """
    columns = [
        ("MODEL", field("name")),
        ("FAMILY", field("family")),
        ("KEYS", field("line_keys")),
        ("SIP OVER", lambda row: ", ".join(row["transports"])),
        ("TLS UP TO", lambda row: row["tls_ceiling"] or "none"),
        ("HTTP FIRST", lambda row: "not known" if row["http_first"] is None else row["http_first"]),
        ("HAS", lambda row: ", ".join(row["features"])),
    ]
    return Listing("/models", columns, empty="No models.", query={"family": family})


@app.command()
def status(
    mac: Annotated[str | None, typer.Argument(metavar="MAC", help="One phone; all by default.")] = None,
    site: OnlySite = None,
    search: Search = None,
    problems: Annotated[bool, typer.Option("--problems", help="Only phones that something is wrong with.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Only how many phones are in which state.")] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Show in words what phones are doing, the worst first.

    It shows which version they took, what they are missing, and what is wrong.

    Example: ringfence phone status --problems
    """
    client = hub()
    if mac is not None:
        rows = [client.get(f"{phone_path(mac)}/status")]
    else:
        only = "true" if problems else None
        rows = sorted(client.items("/phones/status", site=site, search=search, problems=only), key=_urgency)[:limit]
    if summary:
        _show_summary(rows, as_json=as_json)
        return
    if as_json:
        output.show_json(rows)
        return
    with output.paged():
        for row in rows:
            described = f" ({row['description']})" if row["description"] else ""
            output.say(f"{row['mac']}{described}, model {row['model']} at {row['site']}:")
            for sentence in row["sentences"]:
                output.say(f"  {_MARKS[sentence['urgency']]} {sentence['text']}")
    if not rows:
        output.say("Nothing is wrong with any phone." if problems else _none(search or site))


@app.command()
@lists
def orders(
    site: OnlySite = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only phones that are still to be told.")] = False,
) -> Listing:
    """List the phones without an edge, and whether their PBX has told them of their newest release.

    After a publish the hub has each phone told whose file changed, as its setting reload says; not during a call.

    Example: ringfence phone orders --waiting
    """
    columns = [
        ("MAC", field("mac")),
        ("SITE", field("site")),
        ("RELEASE", field("release")),
        ("STATE", field("state")),
        ("DUE", moment("due_at")),
        ("TOLD", moment("told_at")),
        ("FETCHED", moment("fetched_at")),
        ("DETAIL", field("detail")),
    ]
    query = {"site": site, "waiting": "true" if waiting else None}
    return Listing("/phones/orders", columns, empty="No phone is told through its PBX.", query=query)


_MARKS = {"broken": "✗", "wrong": "!", "news": "·", "fine": "✓"}
_URGENCIES = tuple(_MARKS)


def _urgency(row: Row) -> int:
    return _URGENCIES.index(row["sentences"][0]["urgency"])


def _show_summary(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print how many phones are in which state: each counts with its most urgent sentence."""
    counts = Counter((_urgency(row), row["sentences"][0]["word"]) for row in rows)
    listed = [
        {"urgency": _URGENCIES[urgency], "state": word, "phones": count}
        for (urgency, word), count in sorted(counts.items())
    ]
    if as_json:
        output.show_json(listed)
        return
    columns = [("", lambda row: _MARKS[row["urgency"]]), ("STATE", field("state")), ("PHONES", field("phones"))]
    output.show_table(listed, columns, empty="No phone fits.")


class Action(StrEnum):
    """What a phone is told to do."""

    RESTART = "restart"
    RESET = "reset"
    CHECK_VERSION = "check-version"


@app.command("reload")
def reload_phone(
    mac: MacAddress,
    action: Annotated[
        Action,
        typer.Option(
            help="restart: fetch its files and register again; reset: boot; check-version: fetch what differs. SPA, "
            "MPP, 7940 and 7960 know only one such order, and get that."
        ),
    ] = Action.RESTART,
    as_json: AsJson = False,
) -> None:
    """Send a phone an order, through its PBX, to fetch its configuration now.

    A phone that is behind NAT there gets it from its edge. Whether it obeys is seen by what it fetches. This ignores
    the phone's setting reload. After a publish it happens automatically: the edge tells the phone, and if the phone
    does not obey, the hub sends it an order.

    Example: ringfence phone reload 00:1B:54:C2:9A:10 --action reset
    """
    told = hub().post(f"{phone_path(mac)}/reload", {"action": action.value})
    if as_json:
        output.show_json(told)
    else:
        where = ", ".join(told["contacts"])
        way = f"its edge, as {told['pbx']} sees it behind NAT," if told["in_room"] else told["pbx"]
        output.say(
            f"Order for phone {mac} sent through {way} to {where}. Whether it obeys: ringfence phone status {mac}"
        )


@app.command()
def explain(
    mac: MacAddress,
    setting: Annotated[str | None, typer.Argument(help="Only this setting, with every scope that sets it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain which value of each setting applies to a phone, and why.

    Example: ringfence phone explain 00:1B:54:C2:9A:10 time_zone
    """
    rows = hub().items(f"{phone_path(mac)}/explain", name=setting)
    if as_json:
        output.show_json(rows)
        return
    if setting is None:
        columns = [
            ("SETTING", field("name")),
            ("VALUE", lambda row: _value(row, row["given"][-1])),
            ("FROM", lambda row: row["given"][-1]["place"]),
            ("INSTEAD OF", lambda row: "; ".join(_said(row, given) for given in row["given"][:-1][::-1])),
        ]
        output.show_table(
            [row for row in rows if len(row["given"]) > 1], columns, empty="Nothing is set for this phone."
        )
        defaults = sum(len(row["given"]) == 1 for row in rows)
        output.say(
            f"{counted(defaults, 'other setting')} {'has its default' if defaults == 1 else 'have their defaults'}."
        )
        output.say(" ".join(note for row in rows for note in row["notes"]))
        return
    for row in rows:
        *others, winner = row["given"]
        output.say(f"{row['name']} is {_said(row, winner)}.")
        for given in reversed(others):
            output.say(f"  It overrides {_said(row, given)}.")
        output.say(f"{_in_file(row)} {row['help']}")
        output.say(f"Source: {row['source']} ({row['mark']}).")
        for note in row["notes"]:
            output.say(note)


def _in_file(row: Row) -> str:
    """Return what the phone's published file says, and what the next publish writes if that is something else."""
    element, there, written = row["element"], row["in_file"], row["written"]
    if written is None:
        return f"In the phone's file: {element}."
    if there is None:
        return f"The phone's published file does not say {element} once; a publish writes {written!r}."
    if there == written:
        return f"In the phone's published file: {element} is {there!r}."
    return f"In the phone's published file: {element} is {there!r}; the next publish writes {written!r}."


def _value(row: Row, given: Row) -> str:
    if row["secret"] and given["scope"] != "built-in":
        return "(a secret)"
    value = given["value"]
    text = ("yes" if value else "no") if isinstance(value, bool) else str("" if value is None else value)
    unfolded = text.replace("\n", "; ")
    return unfolded if len(unfolded) <= _LONGEST_VALUE else unfolded[:_LONGEST_VALUE] + "…"


def _said(row: Row, given: Row) -> str:
    return f"{_value(row, given) or 'empty'} ({given['place']})"


@app.command()
def remove(
    mac: MacAddress,
    keeps_list: Annotated[
        bool,
        typer.Option(
            "--keeps-list", help="Also if it may hold a list or a profile's key, as it is lost, broken or reset."
        ),
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove a phone; the next publish removes its files.

    A phone that holds a trust list of this organisation, or asks for its encrypted profile, takes nobody else's files:
    let it go first.

    Example: ringfence phone remove 00:1B:54:C2:9A:10
    """
    confirm(f"Remove phone {mac}, with its lines and settings", yes=yes)
    hub().delete(phone_path(mac) + ("?keeps_list=true" if keeps_list else ""))
    said = f"Phone {mac} removed. Next, to remove its files from the site: ringfence publish"
    output.tell(said, {"removed": mac}, as_json=as_json)
