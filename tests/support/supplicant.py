"""A phone's 802.1X: Debian's wpa_supplicant in the phone's namespace, with TLS 1.0 alone as old phones have it."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from support.box_network import in_namespace, wait_until

_ONLY_TLS_1_0 = "tls_disable_tlsv1_0=0 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=1"


class Supplicant:
    """wpa_supplicant on one interface of a namespace, until the block ends."""

    def __init__(
        self, namespace: str, folder: Path, certificate: tuple[Path, Path], identity: str, interface: str = "eth0"
    ) -> None:
        self._namespace, self._folder, self._interface = namespace, folder, interface
        self._log = folder / "supplicant.log"
        folder.mkdir(parents=True, exist_ok=True)
        self._settings = folder / "supplicant.conf"
        self._settings.write_text(
            f"ctrl_interface={folder / 'control'}\nap_scan=0\nopenssl_ciphers=DEFAULT@SECLEVEL=0\n"
            "network={\nkey_mgmt=IEEE8021X\neap=TLS\neapol_flags=0\n"
            f'identity="{identity}"\nclient_cert="{certificate[0]}"\nprivate_key="{certificate[1]}"\n'
            f'phase1="{_ONLY_TLS_1_0}"\n}}\n'
        )

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._child = subprocess.Popen(
                ["ip", "netns", "exec", self._namespace, "wpa_supplicant", "-D", "wired", "-i", self._interface,
                 "-c", str(self._settings)],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()  # unlike its end by itself, this logs off nobody
        self._child.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, words: str, times: int = 1) -> None:
        """Wait until it has said this so many times."""
        wait_until(lambda: self.log.count(words) >= times, f"no {words!r} in {self.log}")

    def ask(self, *words: str) -> str:
        """Give it a command."""
        command = ["wpa_cli", "-p", str(self._folder / "control"), "-i", self._interface, *words]
        return in_namespace(self._namespace, *command).stdout
