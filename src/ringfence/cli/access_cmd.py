"""``ringfence access``: who may use the hub."""

import typer

from ringfence.cli import (
    api_token_cmd,
    audit_cmd,
)

app = typer.Typer(help="API tokens and the audit log: who may use the hub, and who did what.", no_args_is_help=True)
app.add_typer(api_token_cmd.app)
app.add_typer(audit_cmd.app)
