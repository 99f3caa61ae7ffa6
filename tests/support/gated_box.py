"""A box whose port asks for 802.1X, and the phone's end behind it: helper, hostapd and checker as they are."""

import contextlib
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec.structs import replace

from ringfence.edge.errors import HelperGone
from ringfence.edge.network.handle import NetworkHelper
from ringfence.edge.network.messages import PortStanding, TakePortRules
from ringfence.edge.network.plan import PortRules
from ringfence.wire.network_messages import AdmittedBy, BoxProblem, PortAccess
from support.box_network import BOX, GOOD, PHONE_MAC, PORT, BoxNetwork, in_namespace, spelled
from support.box_network import wait_until as wait
from support.makers import Maker
from support.namespaces import entered
from support.supplicant import Supplicant

SECOND_MAC = "001122334466"
NAME = f"CP-9971-SEP{PHONE_MAC}"
RULES = replace(GOOD, phones=(PHONE_MAC, SECOND_MAC))


class GatedBox:
    """A helper at work on a box whose port asks for 802.1X, and the phone behind it."""

    def __init__(self, network: BoxNetwork, folder: Path, place: Path, maker: Maker) -> None:
        self.network, self.folder, self.place, self.maker = network, folder, place, maker
        self.standing = PortStanding()
        self.version = 7
        self.start()

    def start(self) -> None:
        with entered(self.network.box):
            self.helper = NetworkHelper(self.network.interfaces(), self.folder, self.folder / "keys")
        self.helper.prepare()
        self._thread = threading.Thread(target=self._hear, args=(self.helper,), daemon=True)
        self._thread.start()

    def _hear(self, helper: NetworkHelper) -> None:
        with contextlib.suppress(HelperGone):
            while True:
                heard = helper.hear()
                if isinstance(heard, PortStanding):
                    self.standing = heard

    def stop(self) -> None:
        self.helper.close()
        self._thread.join(60)

    def rule(self, access: PortAccess, rules: PortRules = RULES, makers: tuple[Maker, ...] | None = None) -> None:
        """Go by new rules, and wait until they are in force."""
        self.version += 1
        authorities = tuple(each.pem for each in ((self.maker,) if makers is None else makers))
        self.helper.order(
            TakePortRules(replace(rules, version=self.version, port_access=access, authorities=authorities))
        )
        wait(lambda: self.standing.in_force == self.version, f"not in force: {self.standing}")

    def plug(self, mac: str = PHONE_MAC) -> None:
        """Have the phone's end up, with an address."""
        self.network.give("10.9.8.2/29", mac)

    def phone(
        self, name: str = NAME, *, maker: Maker | None = None, is_expired: bool = False
    ) -> AbstractContextManager[Supplicant]:
        """Return the phone's supplicant with a certificate of this name."""
        self.version += 1
        folder = self.place / f"s{self.version}"
        paths = (maker or self.maker).phone(folder, name, is_expired=is_expired)
        return Supplicant(self.network.phone, folder, paths, name)

    def passes(self, device: str = "eth0") -> bool:
        """Whether a packet of the phone's end gets an answer now."""
        words = ("busybox", "ping", "-c", "1", "-W", "1", "-I", device, BOX)
        return in_namespace(self.network.phone, *words).returncode == 0

    def found(self) -> dict[str, str]:
        return {each.kind: each.sentence for each in self.standing.findings}

    def wait_for_refusal(self, words: str) -> None:
        wait(lambda: words in self.found().get(BoxProblem.KEY_REFUSED, ""), f"no {words!r}: {self.found()}")

    def entries(self) -> list[tuple[str, str, str]]:
        return [(each.mac, each.by, each.certificate) for each in self.standing.entries]

    def inside(self) -> bool:
        shown = in_namespace(self.network.box, "bridge", "fdb", "show", "brport", PORT).stdout
        return f"{spelled(PHONE_MAC)} " in shown

    def is_in(self, by: str = AdmittedBy.KEY) -> bool:
        return any(each.mac == PHONE_MAC and each.by == by for each in self.standing.entries)
