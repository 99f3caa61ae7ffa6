"""``ringfence access``: API tokens and the audit log."""

import typer

from ringfence.cli import (
    api_token_cmd,
    audit_cmd,
)

app = typer.Typer(help="Access to the hub: API tokens and the audit log.", no_args_is_help=True)
app.add_typer(api_token_cmd.app)
app.add_typer(audit_cmd.app)
