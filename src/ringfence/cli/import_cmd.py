"""``ringfence import``: import what exists already."""

import typer

from ringfence.cli import (
    import_csv_cmd,
    import_cucm_cmd,
    import_freepbx_cmd,
    import_fusionpbx_cmd,
    import_tftp_cmd,
    import_wazo_cmd,
)

app = typer.Typer(
    help="Import what you have: a TFTP folder, a table of phones and lines, or another system's export.",
    no_args_is_help=True,
)
app.add_typer(import_tftp_cmd.app)
app.add_typer(import_csv_cmd.app)
app.add_typer(import_cucm_cmd.app)
app.add_typer(import_freepbx_cmd.app)
app.add_typer(import_fusionpbx_cmd.app)
app.add_typer(import_wazo_cmd.app)
