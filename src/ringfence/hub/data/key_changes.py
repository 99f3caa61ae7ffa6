"""Changes of the keys in a hub's data folder: each file is the old one or the new one, whatever happens.

A new key is written before anything uses it, and an old one goes only once nothing needs it. When a key that took
another's place was made is in ``keys/made.json``; a key that is not there is as old as the hub.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ringfence.hub.data.authority import FORMER_ROOT, new_metadata_key
from ringfence.hub.data.folder import DataFolder, key_lines, replace_file
from ringfence.hub.data.sealing import Sealer, fingerprint_key, key_id

MOST_SEALING_KEYS = 8
"""How many a hub keeps at once: each is a change that was not brought to its end."""
MOST_FORMER_FINGERPRINT_KEYS = 16


def dates(folder: DataFolder) -> Mapping[str, float]:
    """Return when keys were made, by their names; those that are not there are as old as the hub."""
    try:
        found = json.loads(folder.key_dates.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): float(at) for name, at in found.items() if isinstance(at, int | float)}


def add_sealing_key(folder: DataFolder, now: float) -> str:
    """Put a new sealing key before those that there are; return its name."""
    made = Sealer.new_key()
    _write_lines(folder.sealing_key, [made, *key_lines(folder.sealing_key.read_bytes())])
    _write_date(folder, f"sealing {key_id(made).hex()}", now)
    return key_id(made).hex()


def drop_former_sealing_keys(folder: DataFolder, *, keeps_fingerprints: bool) -> Sequence[str]:
    """Remove all sealing keys but the newest, and return their names.

    Args:
        folder: The hub's.
        keeps_fingerprints: Whether what was looked up by fingerprints of theirs is to be found still.
    """
    newest, *former = key_lines(folder.sealing_key.read_bytes())
    if keeps_fingerprints:
        file = folder.former_fingerprint_keys
        there = key_lines(file.read_bytes()) if file.exists() else []
        kept = dict.fromkeys([*map(fingerprint_key, former), *there])
        _write_lines(file, list(kept)[:MOST_FORMER_FINGERPRINT_KEYS])
    else:
        folder.former_fingerprint_keys.unlink(missing_ok=True)
    _write_lines(folder.sealing_key, [newest])
    return [key_id(each).hex() for each in former]


def replace_metadata_key(folder: DataFolder, role: str, now: float) -> None:
    """Make a new key for a metadata role; of the root's the one before stays, as it signs the next roots too."""
    file = folder.metadata_key(role)
    if role == "root":
        replace_file(folder.metadata_key(FORMER_ROOT), file.read_bytes())
    replace_file(file, new_metadata_key())
    _write_date(folder, role, now)


def forget_former_root(folder: DataFolder) -> None:
    """Remove the root key before the one that there is."""
    folder.metadata_key(FORMER_ROOT).unlink(missing_ok=True)


def _write_lines(file: Path, keys: Sequence[bytes]) -> None:
    replace_file(file, "".join(f"{key.hex()}\n" for key in keys).encode())


def _write_date(folder: DataFolder, name: str, now: float) -> None:
    replace_file(folder.key_dates, json.dumps({**dates(folder), name: now}).encode() + b"\n")
