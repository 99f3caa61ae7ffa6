"""``ringfence sip``: SIP accounts."""

import typer

from ringfence.cli import (
    account_cmd,
    rotation_cmd,
)

app = typer.Typer(help="SIP accounts: export them to a PBX, and change secrets on both sides.", no_args_is_help=True)
app.add_typer(account_cmd.app)
app.add_typer(rotation_cmd.app)
