"""A store that speaks S3, as a process of its own on loopback (moto); what it holds is gone with it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import urllib3

from ringfence.hub.data.s3_blobs import S3Place
from ringfence.secret import Secret
from stack import free_port

_STARTS_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running store."""

    endpoint: str

    def bucket(self, name: str) -> str:
        """Make a bucket."""
        answer = urllib3.request("PUT", f"{self.endpoint}/{name}", timeout=60)
        assert answer.status == 200, answer.data
        return name

    def place(self, bucket: str, prefix: str = "") -> S3Place:
        """Where blobs are in a bucket."""
        return S3Place(bucket, prefix, self.endpoint, "us-east-1", "AKIATEST", Secret("secret-of-the-test"))


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a store."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _STARTS_WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "moto's server ended"
                assert time.monotonic() < until, "moto's server does not start"
                time.sleep(0.1)
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(60)
