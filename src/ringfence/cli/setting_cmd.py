"""``ringfence setting``: the catalogue of settings."""

from typing import Annotated

import typer

from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import Row, field

app = typer.Typer(help="The catalogue of settings: what can be set, and what it means.", no_args_is_help=True)

_MOST_CHOICES = 12


@app.callback()
def _group() -> None:
    """Keep ``list`` a command of its own."""


@app.command("list")
@lists
def list_settings(
    family: Annotated[
        str | None, typer.Option(help="Only what this family or model supports, such as cisco-79xx or 9971.")
    ] = None,
) -> Listing:
    """List all settings: type, values, default, scopes, meaning, source.

    Example: ringfence setting list --family 9971
    """
    columns = [
        ("SETTING", field("name")),
        ("TYPE", field("type")),
        ("VALUES", _values),
        ("DEFAULT", field("default")),
        ("SCOPES", lambda row: ", ".join(row["scopes"])),
        ("MEANING", field("help")),
        ("SOURCE", lambda row: f"{row['source']} ({row['mark']})"),
    ]
    return Listing("/settings/catalogue", columns, empty="No settings.", query={"family": family})


def _values(row: Row) -> str:
    if row["type"] == "table":
        return str(row["takes"])
    unit = f" {row['unit']}" if row.get("unit") else ""
    if row.get("choices"):
        shown = " | ".join(str(choice) for choice in row["choices"][:_MOST_CHOICES])
        more = len(row["choices"]) - _MOST_CHOICES
        return f"{shown} and {more} more" if more > 0 else shown
    if row.get("minimum") is not None:
        return f"{row['minimum']} to {row['maximum']}{unit}"
    return unit.strip()
