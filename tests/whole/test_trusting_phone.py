"""`ringfence serve` and a phone with a trust list, over real TFTP: fresh, next list, foreign list, replay, release."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import FileDistrusted
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.steps import Fetched, Missing, Step
from ringfence.sim.trust_steps import Decrypted, ListRefused, ListTaken
from ringfence.sim.trusting_phone import PhoneTrust
from support.phone_identities import old_identity
from support.standalone_server import StandaloneServer
from support.trust_signers import SIGNED_AT, fixed_signer
from support.trusted_files import TrustedFiles

pytestmark = pytest.mark.slow
MAC = Mac("001122334455")
OWN, ITL = f"SEP{MAC.bare}.cnf.xml", f"ITLSEP{MAC.bare}.tlv"
OURS = TrustedFiles()
THEIRS = TrustedFiles(
    sast=fixed_signer("phone", 0x55), backup=fixed_signer("phone", 0x66), tftp=fixed_signer("phone", 0x77)
)


def configuration(label: str) -> bytes:
    line = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
    settings: dict[str, Value] = {"sip_server": "192.0.2.10"}
    return Renderer().render(PhoneToRender(MAC, "9971", "", settings, (line,)))[-1].data


@dataclass
class Room:
    """A folder that is served, and a phone whose flash is another folder: it is made anew for each boot."""

    served: Path
    flash: Path
    address: tuple[str, int]
    mic: PhoneIdentity
    steps: list[Step] = field(default_factory=list)

    def put(self, name: str, data: bytes) -> None:
        """Put a file there, or another in its place, in one step."""
        unfinished = self.served.parent / "unfinished"
        unfinished.write_bytes(data)
        unfinished.replace(self.served / name)

    def power_on(self) -> str:
        """Boot the phone and return the label that it shows."""
        self.steps.clear()
        trust = PhoneTrust(PhoneMemory(self.flash), self.mic)
        phone = VirtualPhone(MAC, "9971", self.address, on_step=self.steps.append, trust=trust)
        return phone.boot().label

    def asked(self) -> list[str]:
        return [step.name for step in self.steps if isinstance(step, Fetched | Missing)]

    def said(self, kind: type[Step]) -> int:
        return sum(isinstance(step, kind) for step in self.steps)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    served = tmp_path / "tftp"
    served.mkdir()
    with StandaloneServer(served) as server:
        yield Room(served, tmp_path / "flash", server.address, old_identity(f"CP-9971-SEP{MAC.bare}"))


def test_a_phone_from_factory_fresh_to_its_release(room: Room) -> None:
    room.put(OWN, configuration("Plain"))
    assert room.power_on() == "Plain"

    room.put(ITL, OURS.list())
    room.put(f"{OWN}.sgn", OURS.signed(configuration("Signed"), OWN))
    assert room.power_on() == "Signed"
    assert OWN not in room.asked()
    assert room.said(ListTaken) == 1

    newer = TrustedFiles(sast=OURS.backup, backup=fixed_signer("phone", 0x88), tftp=OURS.tftp)
    room.put(ITL, newer.list())
    assert room.power_on() == "Signed"
    assert room.said(ListTaken) == 1

    for name, data in newer.encrypted(configuration("Sealed"), OWN, room.mic.certificate).items():
        room.put(name, data)
    assert room.power_on() == "Sealed"
    assert room.said(Decrypted) == 1

    room.put(ITL, newer.list(roles=()))
    assert room.power_on() == "Plain"
    room.put(ITL, THEIRS.list())
    room.put(f"{OWN}.sgn", THEIRS.signed(configuration("Sold"), OWN))
    assert room.power_on() == "Sold"


def test_a_stranger_s_list_and_files_change_nothing(room: Room) -> None:
    room.put(ITL, OURS.list())
    room.put(f"{OWN}.sgn", OURS.signed(configuration("Ours"), OWN))
    assert room.power_on() == "Ours"
    room.put(ITL, THEIRS.list())
    assert room.power_on() == "Ours"
    assert room.said(ListRefused) == 1
    room.put(f"{OWN}.sgn", THEIRS.signed(configuration("Theirs"), OWN))
    room.put(OWN, configuration("Plain"))
    for _ in range(2):
        with pytest.raises(FileDistrusted):
            room.power_on()
        assert OWN not in room.asked()
    room.put(f"{OWN}.sgn", OURS.signed(configuration("Ours again"), OWN))
    assert room.power_on() == "Ours again"


def test_the_first_list_that_a_fresh_phone_meets_wins_the_race(room: Room) -> None:
    room.put(ITL, THEIRS.list())
    room.put(f"{OWN}.sgn", THEIRS.signed(configuration("Neighbour's"), OWN))
    assert room.power_on() == "Neighbour's"
    room.put(ITL, OURS.list())
    room.put(f"{OWN}.sgn", OURS.signed(configuration("Ours"), OWN))
    with pytest.raises(FileDistrusted):
        room.power_on()


def test_an_old_signed_file_is_taken_again_since_its_signature_is_still_good(room: Room) -> None:
    old = OURS.signed(configuration("Old"), OWN)
    room.put(ITL, OURS.list())
    room.put(f"{OWN}.sgn", OURS.signed(configuration("New"), OWN, signed_at=SIGNED_AT + 1000))
    assert room.power_on() == "New"
    room.put(f"{OWN}.sgn", old)
    assert room.power_on() == "Old"
