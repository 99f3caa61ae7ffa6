"""Which bundles this user has taken, by their highest numbers: all that is kept on the computer."""

import json
import os
import sys
from pathlib import Path

_MOST = 64
_LARGEST_BYTES = 64 * 1024


class TakenNumbers:
    """The highest number of each line of bundles, in one small file. It holds no secret and no file of a bundle."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def highest(self, bundle: str) -> int:
        """Return the highest number that was taken; 0 for none. OSError where it can't be read."""
        return self._read().get(bundle, 0)

    def note(self, bundle: str, number: int) -> None:
        """Remember that a bundle was taken. OSError where that is not possible."""
        numbers = self._read()
        if numbers.get(bundle, 0) >= number:
            return
        numbers.pop(bundle, None)
        numbers[bundle] = number
        kept = dict(list(numbers.items())[-_MOST:])
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_name(f"{self._file.name}.new")
        with new.open("w", encoding="ascii") as file:
            file.write(json.dumps(kept))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)

    def _read(self) -> dict[str, int]:
        try:
            with self._file.open("rb") as file:
                told = json.loads(file.read(_LARGEST_BYTES))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            return {}
        if not isinstance(told, dict):
            return {}
        return {name: number for name, number in told.items() if type(number) is int}


def of_this_user() -> TakenNumbers:
    """Return where this user's numbers are, by the custom of the system."""
    home = Path.home()
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return TakenNumbers(folder / "ringfence-portable" / "taken.json")
