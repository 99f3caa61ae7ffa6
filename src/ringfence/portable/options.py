"""The portable's command line, and where it gets secrets from: never from an argument or the environment."""

import argparse
import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from ringfence.portable import words
from ringfence.portable.age_identity import LARGEST_FILE_BYTES, Identity
from ringfence.portable.bundle import Ask
from ringfence.portable.errors import UnreadableBundle
from ringfence.portable.transfers import TFTP_PORT
from ringfence.portable.words import Language
from ringfence.secret import Secret

_LONGEST_SECRET_BYTES = 4096
_HIGHEST_PORT = 65535
_MOST_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Options:
    """What somebody asked for."""

    file: Path
    language: Language
    watch: str | None
    every_s: float
    user: str
    identity: Path | None
    passphrase_file: Path | None
    passphrase_fd: int | None
    download_password_file: Path | None
    address: str
    port: int
    phone_addresses: tuple[str, ...]
    shows_page: bool
    opens_browser: bool
    keeps_on: bool
    only_inspects: bool

    def opener(self) -> Identity | Ask:
        """Return what opens the bundle: an identity, or what asks for the passphrase once it is needed."""
        if self.identity is not None:
            return Identity.parse(_read(self.identity, LARGEST_FILE_BYTES).decode("utf-8", "replace"))
        return self._ask_passphrase

    def download_password(self) -> Secret:
        """Return the password for downloads."""
        if self.download_password_file is not None:
            return Secret(_line(_read(self.download_password_file, _LONGEST_SECRET_BYTES)).decode("utf-8", "replace"))
        return Secret(getpass.getpass(words.say(self.language, "ask-download-password")))

    def _ask_passphrase(self) -> bytes:
        if self.passphrase_file is not None:
            return _line(_read(self.passphrase_file, _LONGEST_SECRET_BYTES))
        if self.passphrase_fd is not None:
            try:
                with os.fdopen(self.passphrase_fd, "rb") as file:
                    return _line(file.read(_LONGEST_SECRET_BYTES))
            except OSError as fault:
                raise UnreadableBundle("unreadable", why=fault.strerror or "") from None
        return getpass.getpass(words.say(self.language, "ask-passphrase")).encode()


def _line(data: bytes) -> bytes:
    """Return the first line, as `cat` and editors end one."""
    return data.split(b"\n", 1)[0].removesuffix(b"\r")


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as fault:
        raise UnreadableBundle("unreadable", where=str(path), why=fault.strerror or "") from None


def parse(arguments: list[str]) -> Options:
    """Read a command line; it ends the process with 2 where it can't."""
    parser = argparse.ArgumentParser(
        prog="ringfence-portable",
        description=(
            "Serves one home's phones from an encrypted bundle. "
            "Versorgt die Telefone eines Haushalts aus einem verschlüsselten Bündel."
        ),
        epilog="Example: python3 ringfence-portable.pyz anna.rfb",
    )
    parser.add_argument("file", type=Path, help="the bundle (.rfb)")
    parser.add_argument("--language", choices=words.LANGUAGES, help="the language; this computer's by default")
    parser.add_argument("--watch", metavar="URL", help="where to look for newer bundles (https://…)")
    parser.add_argument("--every", type=_number(1, _MOST_MINUTES), default=60, metavar="MINUTES", help="how often; 60")
    parser.add_argument("--identity", type=Path, metavar="FILE", help="the age identity, if it is made for one")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="read the passphrase from a file")
    parser.add_argument("--passphrase-fd", type=_number(0, 1 << 20), metavar="N", help="read it from a descriptor")
    parser.add_argument("--download-password-file", type=Path, metavar="FILE", help="the password for --watch")
    parser.add_argument("--address", default="0.0.0.0", help="serve at this address of the computer only")  # noqa: S104 - a phone finds it at any; the desk decides who gets something
    parser.add_argument("--port", type=_number(0, _HIGHEST_PORT), default=TFTP_PORT, help="another port than 69")
    parser.add_argument(
        "--phone-address", action="append", default=[], metavar="ADDRESS",
        help="this address is the phone, whatever the network says (a repeater stands between)",
    )  # fmt: skip
    parser.add_argument("--no-page", action="store_true", help="show no page")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    parser.add_argument("--keep", action="store_true", help="go on when every phone has its file")
    parser.add_argument("--inspect", action="store_true", help="say what is in the bundle, and end")
    found = parser.parse_args(arguments)
    return Options(
        file=found.file, language=words.language_of(found.language), watch=found.watch, every_s=found.every * 60.0,
        user="portable", identity=found.identity, passphrase_file=found.passphrase_file,
        passphrase_fd=found.passphrase_fd, download_password_file=found.download_password_file, address=found.address,
        port=found.port, phone_addresses=tuple(found.phone_address), shows_page=not found.no_page,
        opens_browser=not found.no_browser, keeps_on=found.keep or found.watch is not None,
        only_inspects=found.inspect,
    )  # fmt: skip


class _number:  # noqa: N801 - a type to argparse, which prints its name in errors
    """A whole number between two others."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def __call__(self, text: str) -> int:
        number = int(text)
        if not self._least <= number <= self._most:
            raise argparse.ArgumentTypeError(f"give a number from {self._least} to {self._most}")
        return number
