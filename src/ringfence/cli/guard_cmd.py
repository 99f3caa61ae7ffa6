"""``ringfence guard``: the guard."""

import typer

from ringfence.cli import (
    guard_alert_cmd,
    guard_ban_cmd,
    guard_block_cmd,
    guard_credential_cmd,
    guard_decision_log_cmd,
    guard_edge_network_cmd,
    guard_first_contact_cmd,
    guard_policy_cmd,
    guard_window_cmd,
)

app = typer.Typer(help="The guard: who gets a phone's files, and why a request was refused.", no_args_is_help=True)
for part in (
    guard_policy_cmd,
    guard_decision_log_cmd,
    guard_alert_cmd,
    guard_first_contact_cmd,
    guard_block_cmd,
    guard_window_cmd,
    guard_ban_cmd,
    guard_edge_network_cmd,
    guard_credential_cmd,
):
    app.add_typer(part.app)
