"""``ringfence hub init``: create a new hub, completely or not at all."""

import time
from pathlib import Path

from ringfence.hub.core import open_hub
from ringfence.hub.data import folder
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import api_tokens
from ringfence.secret import Secret

FIRST_TOKEN = "administrator"  # noqa: S105 - its name


def init(path: Path, config: HubConfig) -> Secret:
    """Create a hub in ``path`` and return its first administrator's API token, of which only a hash is stored.

    DataFolderTaken if anything is there already.
    """
    tokens: list[Secret] = []

    def fill(folder: DataFolder) -> None:
        hub = open_hub(folder, config)
        try:
            with hub.change("hub init") as change:
                tokens.append(api_tokens.create(change, FIRST_TOKEN, is_hubwide=True)[1])
        finally:
            hub.close()

    folder.create(path, config, time.time(), fill)
    return tokens[0]
