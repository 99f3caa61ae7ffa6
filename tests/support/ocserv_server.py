"""A real ocserv as an export configures it, and real openconnect as the phones, in two namespaces."""

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ringfence.cli.support.vpn_follower import Occtl, OcservAwayError
from ringfence.identity.certificates import to_pem
from support.namespaces import Wire

SERVER, CLIENT = "192.0.2.1", "192.0.2.2"
INSIDE = "10.99.0.1"
"""The head end's own address in the tunnel."""
_SOON_S = 60.0
_SCRIPT = """\
#!/bin/sh
# what openconnect has done with the tunnel's interface
if [ "$reason" = connect ]; then
    ip link set dev "$TUNDEV" up mtu "$INTERNAL_IP4_MTU"
    ip address add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"
fi
"""


def is_there() -> bool:
    return shutil.which("openconnect") is not None and shutil.which("ocserv", path="/usr/sbin:/usr/bin") is not None


def wait_until(condition: "object", what: str) -> None:
    until = time.monotonic() + _SOON_S
    assert callable(condition)
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.1)


@dataclass
class OcservServer:
    """ocserv in a namespace."""

    wire: Wire
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    clients: "list[OpenConnect]" = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.folder / "occtl.socket"

    @property
    def log(self) -> str:
        path = self.folder / "ocserv.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def write(self, files: dict[str, str]) -> None:
        """Write an export; its sockets are below the folder, as another test may run an ocserv, too."""
        for name, text in files.items():
            (self.folder / name).write_text(re.sub(r"= /run/([a-z.]+)", rf"= {self.folder}/\1", text))
        (self.folder / "ringfence-connect").chmod(0o755)

    def start(self) -> None:
        """Start it with the files that are there, and wait until it answers."""
        with (self.folder / "ocserv.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.wire.server, "/usr/sbin/ocserv", "-f", "-d", "2",
                 "-c", str(self.folder / "ocserv.conf")],
                stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self._answers, self.log)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with contextlib.suppress(OcservAwayError):
            self.occtl.connected()
            return True
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(_SOON_S)
            self.process = None

    @property
    def occtl(self) -> Occtl:
        return Occtl(self.socket)

    def users(self) -> set[str]:
        return set(self.occtl.connected())

    def statuses(self) -> list[dict[str, str]]:
        done = subprocess.run(
            ["occtl", "--json", "--socket-file", str(self.socket), "show", "users"], capture_output=True, check=True
        )
        return list(json.loads(done.stdout or "[]"))


@contextlib.contextmanager
def ocserv_on(wire: Wire, folder: Path) -> Iterator[OcservServer]:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for above in folder.parents:
        if str(above).startswith("/tmp/"):  # noqa: S108 - pytest's own folder, which ocserv's workers have to pass
            above.chmod(0o755)
    server = OcservServer(wire, folder)
    try:
        yield server
    finally:
        for client in server.clients:
            client.stop()
        server.stop()


@dataclass
class OpenConnect:
    """openconnect as one phone: it takes certificates by the pins of its file alone."""

    wire: Wire
    folder: Path
    pins: Sequence[str]
    """The SHA-1 of certificates in hexadecimal, as openconnect writes them."""
    name: str = "phone"
    user: str = ""
    password: str = ""
    certificate: tuple[object, x509.Certificate] | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        script = self.folder / "vpnc"
        script.write_text(_SCRIPT)
        script.chmod(0o755)

    @property
    def log(self) -> str:
        path = self.folder / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        command = [
            "ip",
            "netns",
            "exec",
            self.wire.client,
            "openconnect",
            "--non-inter",
            "-s",
            str(self.folder / "vpnc"),
        ]
        command += [word for pin in self.pins for word in ("--servercert", pin)]
        if self.certificate is not None:
            key, certificate = self.certificate
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]  # a private key of any kind
            (self.folder / f"{self.name}.key").write_bytes(pem)
            (self.folder / f"{self.name}.pem").write_text(to_pem(certificate))
            command += ["-c", str(self.folder / f"{self.name}.pem"), "-k", str(self.folder / f"{self.name}.key")]
        else:
            command += ["-u", self.user, "--passwd-on-stdin"]
        typed = self.folder / f"{self.name}.typed"  # a file waits until it is read; who is put out early reads nothing
        typed.write_text(self.password + "\n")
        with typed.open() as standard_input, (self.folder / f"{self.name}.log").open("w") as log:
            self.process = subprocess.Popen(
                [*command, f"https://{SERVER}"], stdin=standard_input, stdout=log, stderr=log
            )

    def comes_in(self) -> None:
        """Start, and wait until packets pass through the tunnel."""
        self.start()
        wait_until(self._passes, f"{self.name} does not come in")

    def _passes(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        command = ["ip", "netns", "exec", self.wire.client, "ping", "-c", "1", "-W", "1", INSIDE]
        return "Configured as" in self.log and subprocess.run(command, capture_output=True, check=False).returncode == 0

    def stays_out(self) -> str:
        """Start, and wait until it gives up; return what it said."""
        self.start()
        return self.is_put_out()

    def is_put_out(self) -> str:
        """Wait until it ends; return what it said."""
        assert self.process is not None
        self.process.wait(_SOON_S)
        return self.log

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(_SOON_S)
