"""``ringfence access``: API tokens."""

import typer

from ringfence.cli import (
    api_token_cmd,
    audit_cmd,
)

app = typer.Typer(help="Access to the hub: API tokens.", no_args_is_help=True)
app.add_typer(api_token_cmd.app)
app.command("audit", hidden=True)(audit_cmd.audit)
