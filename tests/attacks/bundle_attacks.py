"""Attacks on a home that is served from a portable bundle: by whoever finds the file, and by whoever is in the network.

What counts is which secret bytes the attacker gets, and what the portable serves that the hub did not make.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyrage

from attacks.box_attacks import BoxOutcome
from ringfence.content.release import TargetKind
from ringfence.errors import RingfenceError
from ringfence.hub.publishing import bundle_file
from ringfence.hub.publishing.bundle_file import BundleLock
from ringfence.portable import primitives
from ringfence.portable.bundle import open_bundle
from ringfence.secret import Secret
from ringfence.server.tftp.client import fetch
from support.namespaces import Wire, entered
from support.portable_home import (
    CONFIGURATION,
    MAC,
    NAME,
    SECRET,
    BundlingHub,
    Portable,
    new_identity,
    refused,
    started,
)

PASSPHRASE = "correct horse battery staple"
GUESSES = ("password", PASSPHRASE + " ", PASSPHRASE.upper())
HOME, NEIGHBOUR, PHONE = "192.168.77.1", "192.168.77.20", "192.168.77.21"
PHONES_HARDWARE = ":".join(MAC[at : at + 2] for at in range(0, 12, 2))
_EVIL = b"<device><authPassword>of-the-attacker</authPassword></device>"


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """One attack; ``attack`` returns the secrets that the attacker got, or what was served for him, and what he saw."""

    name: str
    attack: Callable[["HomeWithBundle"], tuple[list[bytes], str]]
    leaks: str = ""
    """Why it can't be kept from him: it is stated. Empty: nothing may get through."""
    slows: str = ""
    """Whom it slows down; nobody here."""
    needs_network: bool = False
    """Whether it takes network namespaces."""


@dataclass
class HomeWithBundle:
    """What there is at a home: the bundle, the program, and a folder for the attacker."""

    hub: BundlingHub
    bundle: Path
    program: Path
    folder: Path
    identity: Path
    lock: BundleLock

    def serve(self, bundle: Path | None = None) -> contextlib.AbstractContextManager[Portable]:
        """Start the portable as Anna does, who has what opens it."""
        words = ("--identity", str(self.identity), "--no-page")
        return started(self.program, str(bundle or self.bundle), *words, home=self.folder / "home")

    def refusal(self, bundle: Path) -> str:
        """What the portable says of a bundle that it does not serve."""
        words = ("--identity", str(self.identity), "--no-page", "--port", "0")
        return refused(self.program, str(bundle), *words, home=self.folder / "home")[1].strip()


@contextlib.contextmanager
def home_with_bundle() -> Iterator[HomeWithBundle]:
    """A home of its own."""
    hub = BundlingHub()
    _identity, lock, text = new_identity()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (identity := folder / "key.txt").write_text(text)
        bundle = hub.write(folder / "anna.rfb", lock)
        yield HomeWithBundle(hub, bundle, hub.program(folder / "portable.pyz"), folder, identity, lock)


def finds_the_file(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Search a stolen file for what is in it, and guess its passphrase."""
    lock = bundle_file.lock_for_passphrase(Secret(PASSPHRASE))
    stolen = home.hub.write(home.folder / "stolen.rfb", lock)
    data = stolen.read_bytes()
    got = [word for word in (SECRET.encode(), NAME.encode(), MAC.encode(), b"Anna", b"CP-7945G") if word in data]
    got += [guess.encode() for guess in GUESSES if _opens(home, stolen, guess)]
    return got, f"{len(data):,} bytes show nothing; {len(GUESSES)} guesses open nothing"


def _opens(home: HomeWithBundle, bundle: Path, passphrase: str) -> bool:
    try:
        open_bundle(bundle, passphrase.encode, home.hub.key, primitives.best()).close()
    except RingfenceError:
        return False
    return True


def has_the_hub(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Have all that the hub keeps of a line, and try to open a bundle of it."""
    lock = bundle_file.lock_for_passphrase(Secret(PASSPHRASE))
    stolen = home.hub.write(home.folder / "stolen.rfb", lock)
    kept = lock.wrapped_identity + lock.recipient.encode()
    got = [word for word in (PASSPHRASE.encode(), b"AGE-SECRET-KEY") if word in kept]
    got += [lock.recipient.encode()] if _opens(home, stolen, lock.recipient) else []
    return got, "the hub keeps a recipient and an identity that is encrypted with the passphrase"


def makes_one_himself(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Encrypt files of one's own to the recipient, signed by a key of one's own."""
    evil = BundlingHub()
    files = [evil.target(NAME, _EVIL, TargetKind.CONFIGURATION, MAC)]
    said = home.refusal(evil.write(home.folder / "evil.rfb", home.lock, evil.content(files=files)))
    return ([] if "from another hub" in said else [_EVIL]), said


def swaps_a_file_inside(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Know what opens it, keep the hub's signed list, and put another file behind it."""
    data = home.bundle.read_bytes()
    start = data.index(b"age-encryption")
    mine = pyrage.x25519.Identity.from_str(home.identity.read_text().strip())
    plain = pyrage.decrypt(data[start:], [mine])
    altered = plain.replace(SECRET.encode(), b"x" * len(SECRET))
    again = data[:start] + pyrage.encrypt(altered, [pyrage.x25519.Recipient.from_str(home.lock.recipient)])
    (swapped := home.folder / "swapped.rfb").write_bytes(again)
    with home.serve(swapped) as portable:
        try:
            got = [fetch(("127.0.0.1", portable.port), NAME)]
        except RingfenceError as fault:
            return [], f"the phone gets: {fault.what}"
    return got, "the phone takes it"


def brings_an_old_one(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Give Anna the bundle of before her secret was changed."""
    newer = home.hub.write(home.folder / "newer.rfb", home.lock, home.hub.content(2))
    with home.serve(newer) as portable:
        assert portable.port
    said = home.refusal(home.bundle)
    return ([] if "has had number 2" in said else [CONFIGURATION]), said


def comes_second(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Ask for the phone's file from another address, where this computer knows no hardware addresses."""
    got = []
    with home.serve() as portable:
        server = ("127.0.0.1", portable.port)
        assert fetch(server, NAME, source_host="127.0.0.2") == CONFIGURATION
        for name in (NAME, f"./{NAME}", f"/{NAME}"):
            with contextlib.suppress(RingfenceError):
                got.append(fetch(server, name, source_host="127.0.0.3"))
        said = portable.until(lambda said: "second device" in said).splitlines()
    return got, next(line for line in said if "second device" in line)


def comes_first(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Be quicker than the phone, where this computer knows no hardware addresses."""
    with home.serve() as portable:
        got = [fetch(("127.0.0.1", portable.port), NAME, source_host="127.0.0.3")]
        portable.until(lambda said: "took its file" in said)
    return got, "the first that asks gets it, and the person reads that the phone took its file"


def comes_first_in_the_room(home: HomeWithBundle) -> tuple[list[bytes], str]:
    """Be quicker than the phone in a network: the computer's own table says whose the address is."""
    got = []
    with (
        Wire([f"{HOME}/24"], [f"{NEIGHBOUR}/24", f"{PHONE}/24"]) as wire,
        entered(wire.server),
        home.serve() as portable,
    ):
        server = (HOME, portable.port)
        with entered(wire.client), contextlib.suppress(RingfenceError):
            got.append(fetch(server, NAME, source_host=NEIGHBOUR, timeout_s=2.0))
        said = portable.until(lambda said: "it is another device" in said).splitlines()
        for word in (("down",), ("address", PHONES_HARDWARE), ("up",)):
            subprocess.run(["ip", "-n", wire.client, "link", "set", "wire", *word], check=True)
        with entered(wire.client):
            assert fetch(server, NAME, source_host=PHONE, timeout_s=10.0) == CONFIGURATION
    return got, next(line for line in said if "another device" in line)


_NO_TABLE = "where a computer's table of neighbours says nothing, the first is taken for the phone"

BUNDLES: tuple[BundleEntry, ...] = (
    BundleEntry("finds the file, and guesses", finds_the_file),
    BundleEntry("has all that the hub keeps of it", has_the_hub),
    BundleEntry("makes a bundle himself", makes_one_himself),
    BundleEntry("knows the passphrase, and swaps a file inside", swaps_a_file_inside),
    BundleEntry("brings an older bundle", brings_an_old_one),
    BundleEntry("a neighbour asks after the phone", comes_second),
    BundleEntry("a neighbour asks before the phone", comes_first_in_the_room, needs_network=True),
    BundleEntry("… on a computer without a table of neighbours", comes_first, leaks=_NO_TABLE),
)


def carry_out_at_home(entry: BundleEntry) -> BoxOutcome:
    """Attack a home of its own."""
    with home_with_bundle() as home:
        got, did = entry.attack(home)
    return BoxOutcome(entry.name, got, did)
