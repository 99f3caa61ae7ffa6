"""Attacks on a phone that has a trust list, by whoever it takes for its server: a neighbour, or an edge gone bad.

Each phone asks the attacker over TFTP, and nobody else. What counts is what it believes of the attacker's, and what it
gives away of its own.
"""

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from attacks.box_attacks import BoxOutcome
from ringfence.errors import RingfenceError
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.steps import Step
from ringfence.sim.trust_services import TrustServices
from ringfence.sim.trust_steps import CapfEnded, CapfFailed, Distrusted, ListRefused, trust_in_words
from ringfence.sim.trusting_phone import PhoneTrust, as_pem
from support.phone_identities import identity, service
from support.small_tftp import SmallTftp
from support.trust_signers import SIGNED_AT, fixed_signer
from support.trusted_files import TrustedFiles

ANNA = Mac.parse("00:1b:54:c2:9a:10")
DEVICE = f"SEP{ANNA.bare}"
OWN, ITL = f"{DEVICE}.cnf.xml", f"ITL{DEVICE}.tlv"
PASSWORD = "s3cr3tOfAnna"
OURS = TrustedFiles()
EVIL = TrustedFiles(
    sast=fixed_signer("phone", 0x55), backup=fixed_signer("phone", 0x66), tftp=fixed_signer("phone", 0x77)
)
SAME_NUMBERS = TrustedFiles(
    sast=fixed_signer("phone", 0x0102), backup=fixed_signer("phone", 0x0A0B), tftp=fixed_signer("phone", 0x0102)
)
_EVIL_LABEL = "Evil"
_LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """One attack; ``attack`` returns what of the attacker's the phone believed, or gave away, and what happened."""

    name: str
    attack: Callable[["PhoneAtAttacker"], tuple[list[bytes], str]]
    leaks: str = ""
    """Why a phone can't tell, or when it is too late: it is stated. Empty: nothing may be believed or given away."""
    slows: str = ""
    """Whom it slows down, which the table tells; nobody here."""


@dataclass
class PhoneAtAttacker:
    """Anna's phone, whose server the attacker is: ``files`` are what he serves."""

    server: SmallTftp
    trust: PhoneTrust
    steps: list[Step] = field(default_factory=list)

    @property
    def files(self) -> dict[str, bytes]:
        return self.server.files

    def meet_us(self) -> None:
        """Let the phone boot at its own edge first: it has our list and our file."""
        self.serve(itl=OURS.list(), signed=OURS.signed(configuration("Anna"), OWN))
        assert self.boot() == "Anna"
        self.files.clear()

    def serve(self, *, itl: bytes | None = None, signed: bytes | None = None, plain: bytes | None = None) -> None:
        """Serve these from now on, and nothing else of their names."""
        for name, data in ((ITL, itl), (f"{OWN}.sgn", signed), (OWN, plain)):
            if data is not None:
                self.files[name] = data

    def boot(self) -> str:
        """Boot, and return the label that the phone shows then."""
        self.steps.clear()
        address = ("127.0.0.1", self.server.port)
        phone = VirtualPhone(ANNA, "9971", address, on_step=self.steps.append, trust=self.trust)
        with contextlib.suppress(RingfenceError):
            phone.boot()
        return phone.held.label if phone.held is not None else ""

    def outcome(self) -> tuple[list[bytes], str]:
        """Boot, and return whether the attacker's configuration was taken, and what the phone said of it."""
        label = self.boot()
        said = [trust_in_words(step) for step in self.steps if isinstance(step, Distrusted | ListRefused)]
        return [label.encode()] if label != "Anna" else [], said[-1] if said else f"it shows {label!r}"


def configuration(label: str) -> bytes:
    """Return the phone's file."""
    line = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret(PASSWORD))
    settings: dict[str, Value] = {"sip_server": "192.0.2.10"}
    return Renderer().render(PhoneToRender(ANNA, "9971", "", settings, (line,)))[-1].data


def comes_first(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Serve one's own list to a phone that is new, before its edge does."""
    place.serve(itl=EVIL.list(), signed=EVIL.signed(configuration(_EVIL_LABEL), OWN))
    return place.outcome()


def serves_own_list(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Serve one's own list, and files for it, to a phone that has its list."""
    place.meet_us()
    return comes_first(place)


def copies_the_numbers(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Make keys with the serial numbers and the names that the phone's list has."""
    place.meet_us()
    signed = SAME_NUMBERS.signed(configuration(_EVIL_LABEL), OWN)
    place.serve(itl=SAME_NUMBERS.list(), signed=signed)
    return place.outcome()


def serves_plain(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Serve the file without a signature, under both names, and no list."""
    place.meet_us()
    place.serve(plain=configuration(_EVIL_LABEL), signed=configuration(_EVIL_LABEL))
    return place.outcome()


def swaps_files(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Serve another phone's file, which our key has signed, under this phone's name."""
    place.meet_us()
    place.serve(itl=OURS.list(), signed=OURS.signed(configuration(_EVIL_LABEL), "SEP00AABBCCDDEE.cnf.xml"))
    return place.outcome()


def changes_a_word(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Serve our signed file with another SIP server in it."""
    place.meet_us()
    signed = OURS.signed(configuration("Anna"), OWN).replace(b"192.0.2.10", b"192.0.2.66")
    place.serve(itl=OURS.list(), signed=signed.replace(b"Anna</featureLabel>", b"Evil</featureLabel>"))
    return place.outcome()


def replays_a_file(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Serve a file that our key has signed for this phone, long ago."""
    place.meet_us()
    old = OURS.signed(configuration(_EVIL_LABEL), OWN, signed_at=SIGNED_AT - 1_000_000)
    place.serve(itl=OURS.list(), signed=old)
    return place.outcome()


def _replays_a_list(place: PhoneAtAttacker, newer: TrustedFiles) -> tuple[list[bytes], str]:
    place.meet_us()
    place.serve(itl=newer.list(), signed=newer.signed(configuration("Anna"), OWN))
    place.boot()
    place.serve(itl=OURS.list(), signed=OURS.signed(configuration(_EVIL_LABEL), OWN))
    return place.outcome()


def has_a_lost_tftp_key(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Have a TFTP key that was replaced, and serve the list in which it still was."""
    return _replays_a_list(place, TrustedFiles(tftp=fixed_signer("phone", 0x99)))


def has_a_lost_tftp_key_after_sast(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """The same where the SAST key that signed that list was replaced, too."""
    newer = TrustedFiles(sast=OURS.backup, backup=fixed_signer("phone", 0x88), tftp=fixed_signer("phone", 0x99))
    return _replays_a_list(place, newer)


def seals_for_the_phone(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Encrypt a file of one's own to the phone's certificate, which is no secret."""
    place.meet_us()
    assert place.trust.mic is not None
    place.files.update(EVIL.encrypted(configuration(_EVIL_LABEL), OWN, place.trust.mic.certificate))
    return place.outcome()


def takes_the_sealed_one_away(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Be the edge, drop the encrypted file, and serve the stub with a plain file beside it."""
    place.meet_us()
    assert place.trust.mic is not None
    sealed = OURS.encrypted(configuration("Anna"), OWN, place.trust.mic.certificate)
    place.files[f"{OWN}.sgn"] = sealed[f"{OWN}.sgn"]
    place.files[f"{OWN}.enc.sgn"] = OURS.signed(configuration(_EVIL_LABEL), OWN)
    place.serve(plain=configuration(_EVIL_LABEL))
    return place.outcome()


def reads_the_edges_disk(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Look for the phone's password in all that an edge has of a phone with an encrypted file."""
    assert place.trust.mic is not None
    sealed = OURS.encrypted(configuration("Anna"), OWN, place.trust.mic.certificate)
    disk = {ITL: OURS.list(), **sealed}
    got = [PASSWORD.encode() for data in disk.values() if PASSWORD.encode() in data]
    return got, f"{sum(map(len, disk.values()))} bytes in {len(disk)} files"


def plays_capf(place: PhoneAtAttacker) -> tuple[list[bytes], str]:
    """Be the CAPF that the configuration names, with a certificate of one's own and our CAPF's name."""
    place.meet_us()
    heard: list[bytes] = []
    impostor = service("CAPF", 60)
    with _tls_server(impostor, heard) as port:
        told = (
            f"<device><capfAuthMode>4</capfAuthMode><capfList><capf><phonePort>{port}</phonePort>"
            "<processNodeName>127.0.0.1</processNodeName></capf></capfList></device>"
        )
        steps: list[Step] = []
        TrustServices(place.trust, DEVICE, f"CP-9971-{DEVICE}").run(told.encode(), steps.append)
    said = [trust_in_words(step) for step in steps if isinstance(step, CapfFailed | CapfEnded)]
    return heard, said[-1]


@contextlib.contextmanager
def _tls_server(shown: PhoneIdentity, heard: list[bytes]) -> Iterator[int]:
    """Wait for one phone, begin as CAPF does, and note what it says."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_LONG_S)
        pem = Path(folder) / "capf.pem"
        pem.write_bytes(as_pem(shown))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)

        def serve() -> None:
            with contextlib.suppress(OSError):
                line, _peer = listener.accept()
                line.settimeout(_LONG_S)
                with line, context.wrap_socket(line, server_side=True) as secured:
                    while data := secured.recv(65536):
                        heard.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


_FIRST = "a phone without a list believes the first; only a wire of its own rules others out"
_NOT_WHEN = "a signature says who and not when; where a file is served to the phone alone, nobody can replay one"
_STILL_SAST = "its SAST key is still in the list: after the loss of a TFTP key, that one is replaced, too"

TRUST: tuple[TrustEntry, ...] = (
    TrustEntry("a neighbour's list reaches a new phone first", comes_first, leaks=_FIRST),
    TrustEntry("… a phone that has its list; a list of another hub", serves_own_list),
    TrustEntry("keys with our names and serial numbers", copies_the_numbers),
    TrustEntry("files without a signature", serves_plain),
    TrustEntry("another phone's signed file", swaps_files),
    TrustEntry("a changed word in our signed file", changes_a_word),
    TrustEntry("replay: an old signed file", replays_a_file, leaks=_NOT_WHEN),
    TrustEntry("replay: an old list, by a lost TFTP key", has_a_lost_tftp_key, leaks=_STILL_SAST),
    TrustEntry("… after its SAST key was replaced, too", has_a_lost_tftp_key_after_sast),
    TrustEntry("a hostile edge encrypts a file of its own to the phone", seals_for_the_phone),
    TrustEntry("a hostile edge keeps the encrypted file back", takes_the_sealed_one_away),
    TrustEntry("a stolen edge's disk, phone on encrypted files", reads_the_edges_disk),
    TrustEntry("a CAPF that is none of ours", plays_capf),
)


def carry_out_on_phone(entry: TrustEntry) -> BoxOutcome:
    """Attack a phone of its own."""
    with SmallTftp({}) as server:
        place = PhoneAtAttacker(server, PhoneTrust(PhoneMemory(), identity(f"CP-9971-{DEVICE}")))
        got, did = entry.attack(place)
    return BoxOutcome(entry.name, got, did)
