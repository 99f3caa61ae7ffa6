"""``ringfence import``: import what exists already."""

import typer

from ringfence.cli import (
    import_csv_cmd,
    import_tftp_cmd,
)

app = typer.Typer(help="Import what you have: a TFTP folder, or a table of phones and lines.", no_args_is_help=True)
app.add_typer(import_tftp_cmd.app)
app.add_typer(import_csv_cmd.app)
