"""``ringfence audit``: the audit log."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import AuditLogBroken
from ringfence.cli.support.files import new_file
from ringfence.cli.support.listing import Listing, SortOfLog, described, lists_newest, order_of_log
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.counted import counted

app = typer.Typer(help="The audit log: every change at the hub, and who made it.", no_args_is_help=True)

_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
Who = Annotated[str | None, typer.Option(help="Only of this person or token, by name or id.")]
Action = Annotated[str | None, typer.Option(help="Only this action, or all that begin with it up to a dot: phone.")]
What = Annotated[str | None, typer.Option("--object", help="Only of what has this in its name, such as a MAC address.")]
Address = Annotated[str | None, typer.Option(help="Only from this address.")]
Since = Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="Not before this day or time, here.")]
Until = Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="Before this day or time, here.")]


Query = Mapping[str, str | int | None]
T = TypeVar("T")


def _narrowed(command: Callable[..., T]) -> Callable[..., T]:
    """Let a command narrow the log: it is given what its options say as ``query``, as the API has it."""

    def run(
        *, who: Who = None, action: Action = None, what: What = None, address: Address = None, since: Since = None,
        until: Until = None,
        **given: Any,  # noqa: ANN401 - the command's own parameters
    ) -> T:  # fmt: skip
        times = {"since": since, "until": until}
        moments = {name: None if at is None else str(at.timestamp()) for name, at in times.items()}
        query = {"who": who, "action": action, "object": what, "address": address, **moments}
        return command(query=query, **given)

    return described(run, command, "query")


@app.command("list")
@lists_newest
@_narrowed
def list_entries(query: Query) -> Listing:
    """Show the audit log, newest first: every change at the hub, who made it, and what was before and after.

    Example: ringfence audit list --action phone. --since 2026-01-31
    """
    return _listing(query)


def _listing(query: Query) -> Listing:
    columns = [
        ("WHEN", moment("at")),
        ("WHO", field("who")),
        ("TOKEN", field("token")),
        ("FROM", field("address")),
        ("ACTION", field("action")),
        ("WHAT", field("object")),
        ("DETAIL", field("detail")),
        ("CHANGED", _changed),
    ]
    return Listing("/audit", columns, empty="The audit log has no such entry.", query=query)


@lists_newest
def audit() -> Listing:
    """Show the audit log, by the name that it had before it was a group of commands.

    Example: ringfence access audit --limit 20
    """
    return _listing({})


@app.command()
@_narrowed
def export(
    query: Query,
    file: Annotated[Path, typer.Argument(help="Where to write it; - prints it.", metavar="FILE")],
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV; JSON lines by default.")] = False,
    sort: SortOfLog = None,
) -> None:
    """Write the audit log into a file, newest first by default: an entry a line.

    Example: ringfence audit export january.csv --csv --since 2026-01-01 --until 2026-02-01
    """
    order = order_of_log(sort)
    parts = hub().download("/audit/export", format="csv" if as_csv else "jsonl", sort=order, **query)
    if str(file) == "-":
        for part in parts:
            output.show_text(part.decode())
        return
    with new_file(file) as kept:
        for part in parts:
            kept.write(part)
    output.say(f"Audit log written to {file}.")


@app.command()
def verify(
    head: Annotated[
        str, typer.Option(metavar="NUMBER:DIGEST", help="One that was printed before, and is kept elsewhere.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check that no entry of the audit log was altered, taken out or put in; print its head, to be kept elsewhere.

    Entries that are cut from the end, and a log that was written anew, are found only by a head of before.

    Example: ringfence audit verify --head 1042:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """
    found = hub().get("/audit/verify", head=head or None)
    if as_json:
        output.show_json(found)
    else:
        output.say(
            f"{counted(found['entries'], 'entry', 'entries')} of the audit log fit. Head: {found['head'] or 'none'}"
        )
        if found["is_whole"] and found["why"]:
            output.say(f"Of the head of before: {found['why']}")
    if not found["is_whole"]:
        raise AuditLogBroken(
            f"entry {found['first_broken']} of the audit log is not as it should be",
            where=found["why"],
            to_do="Compare with exports or a copy of the hub of before.",
        )


def _changed(row: Row) -> str:
    """Return in one line what was before and after."""
    parts = [text for each in row["rows"] for text in _told(each)]
    if row["more_rows"]:
        parts.append(f"{row['more_rows']} more")
    return "; ".join(parts)


def _told(changed: Row) -> list[str]:
    before, after = changed["before"], changed["after"]
    name = " ".join([changed["table"], *map(str, changed["key"].values())])
    if before is None or after is None:
        return [f"{name} {'added' if before is None else 'removed'}"]
    names = sorted({**before, **after})
    return [f"{name} {column}: {_value(before.get(column))} → {_value(after.get(column))}" for column in names]


def _value(value: object) -> str:
    match value:
        case {"secret": is_there}:
            return "a secret" if is_there else "none"
        case {"length": length}:
            return counted(int(length), "character")
        case None:
            return "none"
        case _:
            return output.shown(value)
