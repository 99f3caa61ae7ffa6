"""An edge that has gone bad: at the true one's address, with lists and files that its own keys have signed."""

from collections.abc import Sequence
from pathlib import Path

from ringfence.phones.filenames import configuration_name, trust_list_name
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.trust.signed_file import SIGNED_SUFFIX
from ringfence.secret import Secret
from support.trust_signers import fixed_signer
from support.trusted_files import TrustedFiles
from world.desk_phone import DeskPhone

LABEL = "Stranger"
_SERVER = "192.168.1.66"


def make_folder(folder: Path, phones: Sequence[DeskPhone]) -> None:
    """Make the folder that it serves: for each phone a list, and its file with and without a signature."""
    keys = TrustedFiles(
        sast=fixed_signer("sast", 0x55), backup=fixed_signer("other", 0x66), tftp=fixed_signer("tftp", 0x77)
    )
    folder.mkdir()
    for phone in phones:
        line = LineAccount(1, LABEL, "666", LABEL, "666", Secret("takenByAStranger"))
        told = PhoneToRender(phone.mac, phone.model, "", {"sip_server": _SERVER}, (line,))
        name, plain = configuration_name(phone.mac), Renderer().render(told)[-1].data
        (folder / trust_list_name(phone.mac)).write_bytes(keys.list())
        (folder / name).write_bytes(plain)
        (folder / f"{name}{SIGNED_SUFFIX}").write_bytes(keys.signed(plain, name))
