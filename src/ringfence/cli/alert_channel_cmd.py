"""``ringfence alert-channel``: where people are told of alerts."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm, typed_secret

app = typer.Typer(help="Where the hub tells of alerts: mail, a push to telephones, or a webhook.", no_args_is_help=True)

ChannelId = Annotated[str, typer.Argument(metavar="CHANNEL", help="Its id, as ringfence alert-channel list shows it.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name, such as noc.")],
    webhook: Annotated[
        str, typer.Option(metavar="URL", help="Post each alert to this address, signed.", show_default=False)
    ] = "",
    ntfy: Annotated[
        str, typer.Option(metavar="URL", help="Push to this topic of an ntfy server.", show_default=False)
    ] = "",
    token: Annotated[
        bool, typer.Option("--token", help="Ask for an access token of that server, or read it from a pipe.")
    ] = False,
    mail: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Send mail to this address; may be repeated.")
    ] = None,
    server: Annotated[
        str, typer.Option(metavar="URL", help="The mail server: smtps://HOST:465, or smtp://HOST:587 with STARTTLS.")
    ] = "",
    sender: Annotated[str, typer.Option(metavar="ADDRESS", help="The address that mails come from.")] = "",
    user: Annotated[
        str, typer.Option(help="The user at the mail server; the password is asked for, or read from a pipe.")
    ] = "",
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only alerts of this kind; may be repeated.")
    ] = None,
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Only alerts of this site.")] = None,
    quiet: Annotated[
        str, typer.Option(metavar="HOURS", help="Tell it nothing within these, as in 22:00-07:00, but at their end.")
    ] = "",
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Where these hours are meant, as in Europe/Berlin; UTC without it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Add an alert channel: a webhook, mail, or a push to telephones.

    None may be within the hub's own networks, unless `alert_networks` in hub.toml names them; its own mail server may.
    A webhook's secret is shown only once; receivers check signatures by it, as Standard Webhooks says.

    Example: ringfence alert-channel add noc --mail noc@example.org --server smtps://mail.example.org --sender a@b.org
    """
    kinds = [name for name, given in (("webhook", webhook), ("mail", mail), ("ntfy", ntfy)) if given]
    if len(kinds) != 1:
        raise typer.BadParameter("give one of the three", param_hint="--webhook, --mail, --ntfy")
    secret = typed_secret("Token" if token else "Password") if user or token else ""
    row = hub().post(
        "/alert-channels",
        {"name": name, "kind": kinds[0], "url": webhook or ntfy or server, "recipients": mail or [],
         "sender": sender, "user": user, "secret": secret, "alert_kinds": kind or [], "site": site,
         "quiet_hours": quiet, "time_zone": time_zone},
    )  # fmt: skip
    if as_json:
        output.show_json(row)
        return
    output.say(f"Alert channel {row['id']} added. Next: ringfence alert-channel test {row['id']}")
    if row["secret"]:
        output.say(f"Its secret, shown only once:\n\n  {row['secret']}\n")


@app.command("list")
@lists
def list_channels() -> Listing:
    """List the alert channels, and whether they take what they are told.

    Example: ringfence alert-channel list
    """
    columns = [
        ("ID", field("id")),
        ("TO", lambda row: ", ".join(row["recipients"]) or row["url"]),
        ("ALERTS", _alerts),
        ("SENT", field("sent")),
        ("WAITING", field("waiting")),
        ("GIVEN UP", field("dropped")),
        ("FAILING SINCE", moment("failing_since")),
        ("PROBLEM", field("problem")),
    ]
    return Listing(
        "/alert-channels", columns, empty="No alert channels yet. Add one: ringfence alert-channel add NAME …"
    )


@app.command("test")
def try_out(channel: ChannelId, as_json: AsJson = False) -> None:
    """Send a message that is about nothing, and say whether it was taken.

    Example: ringfence alert-channel test noc
    """
    hub().post(f"/alert-channels/{segment(channel)}/test")
    output.tell(f"{channel} has taken the test message.", {"taken": channel}, as_json=as_json)


@app.command()
def remove(channel: ChannelId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove an alert channel, with what waits to be sent there.

    Example: ringfence alert-channel remove noc
    """
    confirm(f"Remove alert channel {channel}", yes=yes)
    hub().delete(f"/alert-channels/{segment(channel)}")
    output.tell(f"Alert channel {channel} removed.", {"removed": channel}, as_json=as_json)


def _alerts(row: Row) -> str:
    kinds = ", ".join(row["alert_kinds"]) or "all"
    there = f"{kinds} at {row['site']}" if row["site"] else kinds
    return f"{there}, not {row['quiet_hours']} {row['time_zone']}".rstrip() if row["quiet_hours"] else there
