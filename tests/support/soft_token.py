"""Tokens of Debian's SoftHSM, each test process's own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
_PIN = "1234-pin"


@dataclass(frozen=True, slots=True)
class SoftToken:
    """A token, and the file with its PIN."""

    label: str
    pin_file: Path

    def take_away(self) -> None:
        """Make it forget everything, as a token that is gone."""
        _run("--delete-token", "--token", self.label)


def soft_token(folder: Path, label: str) -> SoftToken:
    """Make a token. SoftHSM finds its tokens by a variable of the whole process, so all are in one folder."""
    if "SOFTHSM2_CONF" not in os.environ:
        (folder / "tokens").mkdir()
        config = folder / "softhsm2.conf"
        config.write_text(
            f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        os.environ["SOFTHSM2_CONF"] = str(config)
    _run("--init-token", "--free", "--label", label, "--pin", _PIN, "--so-pin", "so-" + _PIN)
    pin_file = folder / f"{label}.pin"
    pin_file.write_text(_PIN + "\n")
    return SoftToken(label, pin_file)


def _run(*words: str) -> None:
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
