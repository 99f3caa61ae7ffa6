"""``ringfence hub copy``: a hub's rows from SQLite to PostgreSQL, and back."""

from typing import Annotated

import typer

from ringfence.cli.hub_backup_cmd import Folder
from ringfence.cli.support import output
from ringfence.cli.support.output import AsJson

app = typer.Typer()


@app.command()
def copy(
    folder: Folder,
    to: Annotated[
        str,
        typer.Option(
            envvar="RINGFENCE_HUB_COPY_TO",
            help="An empty PostgreSQL database, postgresql://USER@HOST/NAME; or `sqlite`, for a file in DIR.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Move a stopped hub's rows into another database, all or none, and use that one from the next start on.

    Each table is read again there and compared before hub.toml is changed. The old database stays as it is.

    Example: ringfence hub copy /var/lib/ringfence/hub --to postgresql://ringfence@db.example.org/ringfence
    """
    from ringfence.cli.support import uploads
    from ringfence.counted import counted
    from ringfence.hub.data.folder import DataFolder, acting_as_owner
    from ringfence.hub.recovery import other_database

    with acting_as_owner(folder), uploads.progress("Copying and comparing") as (show, _advance):
        done = other_database.move(DataFolder(folder), to, show)
    if as_json:
        old = str(done.old_file) if done.old_file else None
        output.show_json({"rows": done.rows, "database": done.database, "old_file": old})
        return
    output.say(f"{counted(done.rows, 'row')} copied and compared. The hub uses {done.database} from its next start on.")
    if done.old_file is not None:
        output.say(f"The old database is still in {done.old_file}: delete it once the hub runs well.")
    output.say(f"Start it:  ringfence hub run {folder}")
