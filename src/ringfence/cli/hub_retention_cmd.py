"""``ringfence hub retention``: what the hub keeps how long."""

from typing import Annotated

import typer

from ringfence.cli.hub_backup_cmd import Folder
from ringfence.cli.support import output
from ringfence.cli.support.output import AsJson

app = typer.Typer()


@app.command()
def retention(
    folder: Folder,
    releases: Annotated[
        int | None, typer.Option(metavar="COUNT", min=2, help="Keep so many releases of each site, the newest.")
    ] = None,
    days: Annotated[int | None, typer.Option(metavar="DAYS", min=1, help="Keep all releases for so long.")] = None,
    audit_days: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, help="Keep the audit log for so long; 0: for ever.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the hub keeps how long, or change it; a release goes only if it is neither new nor young.

    What edges have, and what is held or in a rollout, stays. The hub looks every hour. Files that nothing refers to any
    more go a day later.

    Example: ringfence hub retention /var/lib/ringfence/hub --releases 5 --days 30
    """
    from ringfence.counted import counted
    from ringfence.hub.data.folder import DataFolder, acting_as_owner

    given = {"releases_kept": releases, "releases_kept_days": days, "audit_kept_days": audit_days}
    changed = {name: value for name, value in given.items() if value is not None}
    with acting_as_owner(folder):
        hub_folder = DataFolder(folder)
        if changed:
            hub_folder.edit_config(**changed)
        config = hub_folder.config()
    if as_json:
        output.show_json({name: getattr(config, name) for name in given})
        return
    output.say(
        f"Of each site the newest {config.releases_kept} releases are kept, and all of the last "
        f"{counted(config.releases_kept_days, 'day')}."
    )
    log = counted(config.audit_kept_days, "day") if config.audit_kept_days else "ever"
    output.say(f"The audit log is kept for {log}.")
    if changed:
        output.say("It takes effect when the hub starts again: systemctl restart ringfence-hub")
