"""``ringfence hub init``: create a new hub, completely or not at all."""

import time
from pathlib import Path

from sqlalchemy import select

from ringfence.hub.core import open_hub
from ringfence.hub.data import folder
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import DatabaseTaken
from ringfence.hub.fleet import api_tokens
from ringfence.hub.store.change import Change
from ringfence.hub.store.database import holds_a_hub
from ringfence.hub.store.models import ApiTokenRow
from ringfence.secret import Secret

FIRST_TOKEN = "administrator"  # noqa: S105 - its name


def init(path: Path, config: HubConfig) -> Secret:
    """Create a hub in ``path`` and return its first administrator's API token, of which only a hash is stored.

    Raises:
        DataFolderTaken: Something is there already.
        DatabaseTaken: The database that the configuration names holds a hub; its CA and keys must stay the only ones.
        DatabaseUnavailable: The database can't be reached.
    """
    if config.database_url and holds_a_hub(config.database_url):
        raise _taken()
    tokens: list[Secret] = []

    def fill(folder: DataFolder) -> None:
        hub = open_hub(folder, config)
        try:
            with hub.change("hub init") as change:
                _require_first(change)
                tokens.append(api_tokens.create(change, FIRST_TOKEN, is_hubwide=True)[1])
        finally:
            hub.close()

    folder.create(path, config, time.time(), fill)
    return tokens[0]


def _require_first(change: Change) -> None:
    """Raise DatabaseTaken where another ``hub init`` was quicker; writers queue, so nobody comes in between."""
    if change.session.scalar(select(ApiTokenRow.id).limit(1)) is not None:
        raise _taken()


def _taken() -> DatabaseTaken:
    return DatabaseTaken(
        "the database holds a hub already, which has a CA and keys of its own",
        where="database_url",
        to_do="Name an empty database. Another process of that hub needs a copy of its data folder (docs/scale.md).",
    )
