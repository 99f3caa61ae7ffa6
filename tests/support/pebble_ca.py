"""Debian's pebble as a CA on loopback, with the DNS that it asks, and a hub's folder that names it."""

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.identity.certificates import issue_server_certificate, key_to_pem, make_authority, to_pem
from stack import free_port

WITHIN_S = 60.0
EAB = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")


def is_there() -> bool:
    return shutil.which("pebble") is not None and shutil.which("pebble-challtestsrv") is not None


@dataclass
class PebbleCa:
    """A running CA: where it is, who is believed of it, and where it sends its requests."""

    folder: Path
    port: int
    http_port: int
    dns_port: int
    dns_management: int
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def directory(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    @property
    def authorities(self) -> Path:
        return self.folder / "directory-ca.pem"

    def answer_with(self, name: str, value: str) -> None:
        """Let the DNS have a record, as an operator's program does."""
        self.manage("set-txt", {"host": f"{name}.", "value": value})

    def manage(self, does: str, what: dict[str, str]) -> None:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.dns_management}/{does}", json.dumps(what).encode(), method="POST"
        )
        with urllib.request.urlopen(asked, timeout=WITHIN_S):  # noqa: S310 - as above
            pass

    def program(self, *, body: str = "") -> Path:
        """A program that sets and removes records at the DNS, and writes down what it was called with."""
        made = self.folder / "set-dns-record"
        made.write_text(
            "#!/bin/sh\nset -e\n"
            f'echo "$@" >> {self.folder}/called\n'
            f"env > {self.folder}/environment\n{body}\n"
            f'case "$1" in set) does=set-txt;; remove) does=clear-txt;; esac\n'
            'curl -fsS -d "{\\"host\\": \\"$2.\\", \\"value\\": \\"$3\\"}" '
            f"http://127.0.0.1:{self.dns_management}/$does\n"
        )
        made.chmod(0o755)
        return made

    @property
    def calls(self) -> list[str]:
        file = self.folder / "called"
        return [" ".join(line.split()[:2]) for line in file.read_text().splitlines()] if file.exists() else []

    def start(self) -> None:
        with (self.folder / "pebble.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    ["pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{self.dns_port}"],
                    env={"PATH": os.environ["PATH"], "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0",
                         "PEBBLE_AUTHZREUSE": "0"},
                    stdout=log, stderr=log,
                )
            )  # fmt: skip
        self._await(self.directory)

    def stop(self) -> None:
        """Let the CA be away; its DNS stays."""
        pebble = self.processes.pop()
        pebble.kill()
        pebble.wait()

    def root(self) -> str:
        """The root of what it issues, which it makes anew with each start."""
        with urllib.request.urlopen(
            f"https://127.0.0.1:{self._management}/roots/0", context=self._tls(), timeout=WITHIN_S
        ) as answer:
            return str(answer.read().decode())

    @property
    def _management(self) -> int:
        told = json.loads((self.folder / "pebble.json").read_text())["pebble"]
        return int(told["managementListenAddress"].rpartition(":")[2])

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authorities))

    def _await(self, url: str) -> None:
        end = time.monotonic() + WITHIN_S
        while True:
            try:
                with urllib.request.urlopen(url, context=self._tls(), timeout=5):  # noqa: S310 - on loopback
                    return
            except OSError:
                assert time.monotonic() < end, (self.folder / "pebble.log").read_text()
                assert self.processes[-1].poll() is None, (self.folder / "pebble.log").read_text()
                time.sleep(0.05)


@contextlib.contextmanager
def pebble(folder: Path, **settings: object) -> Iterator[PebbleCa]:
    """A CA whose HTTP-01 requests come to ``http_port``; settings are pebble's own."""
    ca = PebbleCa(folder, free_port(), free_port(), free_port(), free_port())
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = time.time()
    authority = make_authority(authority_key, "directory", serial=x509.random_serial_number(), now=now)
    own = issue_server_certificate(
        authority, authority_key, key.public_key(), ["127.0.0.1"], serial=x509.random_serial_number(), now=now
    )
    ca.authorities.write_text(to_pem(authority))
    (folder / "pebble.pem").write_text(to_pem(own))
    (folder / "pebble.key").write_bytes(key_to_pem(key))
    told = {
        "listenAddress": f"127.0.0.1:{ca.port}", "managementListenAddress": f"127.0.0.1:{free_port()}",
        "certificate": str(folder / "pebble.pem"), "privateKey": str(folder / "pebble.key"),
        "httpPort": ca.http_port, "tlsPort": free_port(), "ocspResponderURL": "",
        "externalAccountBindingRequired": False, **settings,
    }  # fmt: skip
    (folder / "pebble.json").write_text(json.dumps({"pebble": told}))
    with (folder / "dns.log").open("ab") as log:
        dns = subprocess.Popen(
            ["pebble-challtestsrv", "-http01", "", "-https01", "", "-tlsalpn01", "",
             "-dns01", f"127.0.0.1:{ca.dns_port}", "-management", f"127.0.0.1:{ca.dns_management}",
             "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        ca.start()
        yield ca
    finally:
        for each in (*ca.processes, dns):
            each.kill()
            each.wait()
