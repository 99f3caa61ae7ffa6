"""A room with five phones of five series and an edge on one network, and a hub elsewhere.

```
 8941 ─┐
 9971 ─┤
 7965 ─┼─ switch ─ edge ──── hub
 7841 ─┤
 8861 ─┘
```

Each phone is a machine of its own with its MAC address, so the edge sees on the wire who asks, and its guard keeps
the levels that it has by default.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ringfence.edge.reporting.status import read as status_of
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.server.confinement.accounts import account_for, hand_over
from stack import RINGFENCE, StoryBroken, wait_for
from support.readable_by_all import readable_by_all
from world.at_hub import AtHub
from world.desk_phone import DeskPhone
from world.edge_disk import EdgeDisk
from world.hostile_edge import make_folder
from world.machines import Machine, end, ip

HUB, EDGES_WAN, EDGE = "203.0.113.2", "203.0.113.11", "192.168.1.2"
USER = "daemon"
NEEDED = {"ip": "iproute2", "nsenter": "util-linux", "openssl": "openssl"}
"""Programs and Debian's packages of them."""
MODELS = ("8941", "9971", "7965", "7841", "8861")
_SITE = "Front office"


class PhoneRoom(AtHub):
    """All of it, below one folder. ``build`` plugs the machines together; nothing of ours runs yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HUB)
        self.switch, self.edge = Machine("switch"), Machine("edge")
        self.phones = [
            DeskPhone(model, f"00:1B:54:C2:9A:{16 + n:02X}", f"192.168.1.{11 + n}", EDGE, folder / f"flash-{model}", n)
            for n, model in enumerate(MODELS)
        ]
        self.disk = EdgeDisk(folder / "edge.image", folder / "edge-disk")
        """The edge's: all that a thief gets."""
        self.site = ""
        self._running: subprocess.Popen[str] | None = None

    def build(self, stack: ExitStack) -> None:
        """Make the machines, which end with the stack."""
        stack.enter_context(self.disk)
        for machine in (self.hub, self.switch, self.edge, *(phone.machine for phone in self.phones)):
            stack.enter_context(machine)
        self.hub.cable("wan", self.edge, "wan", f"{HUB}/24")
        ip("-n", self.edge.namespace, "address", "add", f"{EDGES_WAN}/24", "dev", "wan")
        self.switch.switch("lan")
        self._plug(self.edge, "edge", EDGE)
        for phone in self.phones:
            self._plug(phone.machine, f"phone-{phone.model}", phone.address)
            ip("-n", phone.machine.namespace, "link", "set", "eth0", "address", str(phone.mac))

    def _plug(self, machine: Machine, port: str, address: str) -> None:
        machine.cable("eth0", self.switch, port, f"{address}/24")
        self.switch.plug(port, "lan")

    @property
    def edge_folder(self) -> Path:
        """The edge's."""
        return self.disk.folder / "edge"

    @property
    def recovery(self) -> Path:
        """The recovery file."""
        return self.folder / "phones.recovery"

    @property
    def second_recovery(self) -> Path:
        """The one that takes its place."""
        return self.folder / "phones.recovery-2"

    def lose_key(self, role: str) -> None:
        """Destroy a key of the hub's, as a broken disk does."""
        with self.people() as api:
            keys = api.get("/trust")["keys"]
        (key,) = [each for each in keys if each["role"] == role and each["state"] == "current"]
        (file,) = self.hub_folder.glob(f"keys/*{key['id']}*")
        file.unlink()

    def make_site(self) -> None:
        """Create the site with its phones, each with a line."""
        self.site = self.ask("site", "add", _SITE)["id"]
        with self.people() as api:
            for number, phone in enumerate(self.phones, 201):
                mac = str(phone.mac)
                api.post("/phones", {"mac": mac, "site": self.site, "model": phone.model})
                api.put(f"/phones/{mac}/lines/1", {"name": str(number), "label": f"Desk {phone.model}"})

    def enrol_edge(self) -> None:
        """Enrol the edge by a one-time token."""
        token = self.ask("site", "token", self.site)["token"]
        self.edge.must(*RINGFENCE, "edge", "enrol", token, "--folder", str(self.edge_folder))
        account = account_for(USER)
        if account is None:
            raise StoryBroken(f"this machine has no user {USER}")
        hand_over(self.edge_folder, account)

    def start_edge(self) -> None:
        """Start the edge, and wait until it serves."""
        path = self.folder / "edge.log"
        seen = path.stat().st_size if path.exists() else 0
        with path.open("a") as log:
            edge = self._running = self.edge.start(
                *readable_by_all(), sys.executable, "-m", "ringfence.edge", "--folder", str(self.edge_folder),
                "--listen", f"{EDGE}:69", "--user", USER, "--phone-services", EDGE,
                log=log,
            )  # fmt: skip
        wait_for("the edge", lambda: self.is_up(edge, "edge.log") and "serving phones on" in path.read_text()[seen:])

    def stop_edge(self) -> None:
        """Pull the edge's plug, more or less: what it has on its disk stays."""
        if self._running is not None:
            end(self._running)

    @contextmanager
    def hostile_edge(self) -> Iterator[None]:
        """Have another server in the edge's place, which serves what its own keys have signed."""
        folder = self.folder / "hostile"
        if not folder.exists():
            make_folder(folder, self.phones)
        with (self.folder / "hostile.log").open("w") as log:
            words = ["serve", str(folder), "--listen", f"{EDGE}:69", "--http", f"{EDGE}:6970"]
            process = self.edge.start(*RINGFENCE, *words, log=log, environment=self.environment)
        somebody = self.phones[0]
        wait_for("the hostile edge", lambda: self.is_up(process, "hostile.log") and somebody.fetch(somebody.own_file))
        try:
            yield
        finally:
            end(process)

    def publish(self) -> int:
        """Publish, and wait until the edge serves what came of it; return the site's release."""
        with self.people() as api:
            done = api.post("/publish", {"sites": [self.site]})
            if done["left_out"]:
                raise StoryBroken(f"phones are left out: {done['left_out']}")
            release = int(api.get(f"/sites/{self.site}")["release"])
        wait_for(f"release {release} at the edge", lambda: self._served() == release)
        return release

    def _served(self) -> int:
        status, _is_running = status_of(EdgeFolder(self.edge_folder, Disk()))
        return 0 if status is None else status.release

    def boot(self, phones: Sequence[DeskPhone] | None = None) -> Mapping[str, str]:
        """Boot phones at the same time, all by default; return what kept each from its configuration, by model."""
        chosen = self.phones if phones is None else phones
        with ThreadPoolExecutor(len(chosen)) as pool:
            said = pool.map(DeskPhone.boot, chosen)
        return {phone.model: fault for phone, fault in zip(chosen, said, strict=True)}

    def post(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Order something at the hub's API, as a page or a command does."""
        with self.people() as api:
            return api.post(path, dict(body))

    def status(self) -> dict[str, dict[str, Any]]:  # Any: JSON
        """Return what the hub says of each phone's trust, by model."""
        with self.people() as api:
            return {row["model"]: row for row in api.items("/phone-trust", site=self.site)}

    def wait_until(self, what: str, holds: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait until the hub says of each phone what it should; StoryBroken with what it says."""
        try:
            wait_for(what, lambda: all(holds(row) for row in self.status().values()), pause_s=0.1)
        except StoryBroken as broken:
            raise StoryBroken(f"{broken}; the hub says {self.status()}") from None

    def reported(self, words: str) -> str:
        """Return what the edge reported last in such words; empty if nothing."""
        with self.people() as api:
            rows = api.items("/reports", site=self.site)
        return next((str(row["sentence"]) for row in rows if words in row["sentence"]), "")

    def change_secrets(self) -> None:
        """Give every phone's line another SIP secret."""
        for phone in self.phones:
            self.post(f"/phones/{phone.mac}/lines/1/password/rotate", {})

    def secrets(self) -> dict[str, str]:
        """Return the SIP secret of each phone, by model."""
        with self.people() as api:
            return {
                phone.model: api.post(f"/phones/{phone.mac}/lines/1/password/reveal")["password"]
                for phone in self.phones
            }
