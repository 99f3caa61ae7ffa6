"""A hub's rows, moved from SQLite to PostgreSQL or back, while no hub runs on them."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import DatabaseTaken, DataFolderBusy
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.store import copies
from ringfence.hub.store.copies import Show

IN_FOLDER = "sqlite"
"""What stands for the data folder's own database."""
_OVERRIDE = "RINGFENCE_HUB_DATABASE_URL"
_OWN = "hub.sqlite"


@dataclass(frozen=True, slots=True)
class MovedRows:
    """What a copy has done."""

    rows: int
    database: str
    """Where the hub's rows are now, without a password."""
    old_file: Path | None
    """The SQLite file that the hub no longer uses, with all that it held; None if there is none."""


def move(folder: DataFolder, to: str, show: Show) -> MovedRows:
    """Copy a hub's rows into an empty database, check each, and let the hub use that one from its next start on.

    Args:
        folder: The hub's data folder; no hub may run on it.
        to: The database's URL, or ``IN_FOLDER``.
        show: Called as it goes on, with what is done and what there is to do.

    Raises:
        DataFolderBusy: A hub runs, on this folder or on another one with the same database.
        BadConfiguration: The database can't be named so, or is the one that the hub has.
        DatabaseTaken: There is something in the other database.
        DatabaseUnavailable, DataFolderNewer: As ``copies.move_rows``.
    """
    with folder.locked():
        config = folder.config()
        named = "" if to == IN_FOLDER else to
        config.changed(database_url=named)
        if os.environ.get(_OVERRIDE):
            raise BadConfiguration(
                f"{_OVERRIDE} overrides what hub.toml would say", where=_OVERRIDE,
                to_do="Write that address into hub.toml as database_url, take the variable away, and try again.",
            )  # fmt: skip
        url = folder.database_url(config)
        if named == config.database_url or (named and make_url(named) == make_url(url)):
            raise BadConfiguration(
                "the hub uses this database already", where="hub.toml", to_do="Name another one, or do nothing."
            )
        if others := copies.others_connected(url):
            raise DataFolderBusy(
                f"{others} others are connected to the hub's database", where="database_url",
                to_do="Stop each process of this hub first; what one writes meanwhile would be lost.",
            )  # fmt: skip
        rows = copies.move_rows(url, named, show) if named else _move_into_folder(folder, url, show)
        folder.edit_config(database_url=named)
    old = folder.path / _OWN
    shown = make_url(named).render_as_string(hide_password=True) if named else str(old)
    return MovedRows(rows, shown, old if named and not config.database_url else None)


def _move_into_folder(folder: DataFolder, url: str, show: Show) -> int:
    """Fill a file beside the place of the folder's own database, which takes that place once it is checked."""
    place, making = folder.path / _OWN, folder.path / f".{_OWN}.copying"
    if place.exists():
        raise DatabaseTaken(
            "the folder has a database of its own, which the hub does not use", where=str(place),
            to_do="Move it away, with its -wal and -shm, if nobody needs it.",
        )  # fmt: skip
    _remove(making)
    try:
        rows = copies.move_rows(url, f"sqlite:///{making.absolute()}", show)
        making.chmod(0o600)
        making.rename(place)
    finally:
        _remove(making)
    return rows


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
