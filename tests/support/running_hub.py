"""A running hub and an enrolled edge, as tests hold them."""

import contextlib
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.hub.core import Hub
from ringfence.hub.data.folder import DataFolder
from ringfence.identity.certificates import key_to_pem, make_request
from ringfence.identity.tokens import EnrolmentToken
from ringfence.secret import Secret
from ringfence.wire import codec, paths
from ringfence.wire.messages import (
    EnrolRequest,
    EnrolResponse,
    Event,
    Problem,
    RenewRequest,
    RenewResponse,
)

Json = dict[str, Any]  # Any: JSON

TIMEOUT = urllib3.Timeout(total=60)
"""A bound for what hangs; a machine that is busy with other tests is none."""


class Clock:
    """The hub's clock, which a test may put forward or stop."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        return (time.time() if self._stopped_at is None else self._stopped_at) + self.ahead_s

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Whatever happens in here happens at one moment, so that two answers can't differ by their times."""
        self._stopped_at = time.time()
        try:
            yield
        finally:
            self._stopped_at = None

    @contextlib.contextmanager
    def forward(self, seconds: float) -> Iterator[None]:
        self.ahead_s += seconds
        try:
            yield
        finally:
            self.ahead_s -= seconds


@dataclass(frozen=True)
class Answer:
    status: int
    data: bytes
    headers: Any

    @property
    def is_json(self) -> bool:
        return str(self.headers.get("content-type", "")).startswith("application/json")

    @property
    def json(self) -> Json:
        return dict(json.loads(self.data)) if self.data else {}

    @property
    def problem(self) -> Problem:
        return codec.from_json(Problem, self.data)


@dataclass
class EdgeInHand:
    """An enrolled edge as a test holds it: a key, a certificate, and what enrolling answered."""

    hub: "RunningHub"
    key: ec.EllipticCurvePrivateKey
    response: EnrolResponse
    folder: Path
    pool: urllib3.HTTPSConnectionPool = field(init=False)

    def __post_init__(self) -> None:
        self.use(self.response.certificate_pem)

    def use(self, certificate_pem: str) -> None:
        self.pool = self.hub.device_pool(self.folder, self.key, certificate_pem)

    def renewed(self) -> str:
        """Return the next certificate, for the one in use; it must be given."""
        answer = self.post(paths.RENEW, RenewRequest(make_request(self.key, "edge")))
        assert answer.status == 200, answer.data
        return codec.from_json(RenewResponse, answer.data).certificate_pem

    def get(self, path: str, **headers: str) -> Answer:
        return answer_of(self.pool.request("GET", path, headers=headers))

    def post(self, path: str, message: object) -> Answer:
        return answer_of(self.pool.request("POST", path, body=codec.to_json(message)))

    @contextlib.contextmanager
    def events(self) -> Iterator[Iterator[Event]]:
        response = self.pool.request("GET", paths.EVENTS, preload_content=False)
        assert response.status == 200, response.read()
        try:
            yield events_of(response)
        finally:
            response.close()


class RunningHub:
    """A hub that serves, and the people who use it."""

    def __init__(self, folder: DataFolder, hub: Hub, token: Secret, clock: Clock) -> None:
        self.folder, self.hub, self.token, self.clock = folder, hub, token, clock
        facts = json.loads((folder.path / "run.json").read_text())
        self.people_url, self.device_url = facts["people"], facts["device"]
        context = ssl.create_default_context(cafile=str(folder.authority_certificate))
        self._people = self._pool(self.people_url, context)
        self._stranger = self._pool(self.device_url, self.device_context())

    @staticmethod
    def _pool(url: str, context: ssl.SSLContext) -> urllib3.HTTPSConnectionPool:
        address = urlsplit(url)
        return urllib3.HTTPSConnectionPool(
            str(address.hostname), address.port, ssl_context=context, retries=False, timeout=TIMEOUT, maxsize=8
        )

    def device_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder.authority_certificate))

    def device_pool(
        self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate_pem: str
    ) -> urllib3.HTTPSConnectionPool:
        for name, pem in (("key.pem", key_to_pem(key)), ("certificate.pem", certificate_pem.encode())):
            new = folder / f"{name}.new"
            new.write_bytes(pem)
            new.replace(folder / name)  # at once: another process of the test may be reading it
        context = self.device_context()
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        return self._pool(self.device_url, context)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request of the people's API below /api/v1, as the administrator or with another token ("" for none)."""
        text = self.token.reveal() if token is None else token
        of_caller = {"Authorization": f"Bearer {text}"} if text else {}
        sent = {**of_caller, **(headers or {})}
        return answer_of(self._people.request(method, "/api/v1" + path, json=body, headers=sent, redirect=False))

    def ask_at(self, method: str, url: str, body: object, token: str) -> Answer:
        """A request of any path, with a token."""
        headers = {"Authorization": f"Bearer {token}"}
        return answer_of(self._people.request(method, url, json=body, headers=headers, redirect=False))

    def do(self, method: str, path: str, body: object = None) -> Json:
        """A request that must succeed."""
        answer = self.ask(method, path, body)
        assert answer.status < 300, answer.json
        return answer.json

    def at(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """A request of any path, with nothing but these headers; it follows no redirect."""
        return answer_of(self._people.request(method, url, body=body, headers=headers, redirect=False))

    def raw(self, method: str, url: str, body: bytes = b"") -> Answer:
        """A request as it stands."""
        headers = {"Authorization": f"Bearer {self.token.reveal()}", "Content-Type": "application/json"}
        return answer_of(self._people.request(method, url, body=body, headers=headers))

    def stranger(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """A request of the device API without a client certificate."""
        return answer_of(self._stranger.request(method, path, body=body))

    def newest_action(self) -> tuple[str, str]:
        """What the audit log tells last: the action, and of what."""
        (newest,) = self.do("GET", "/audit?limit=1")["items"]
        return newest["action"], newest["object"]

    def site(self, name: str) -> str:
        return str(self.do("POST", "/sites", {"name": name})["id"])

    def phone(self, site: str, mac: str, family: str = "9971", label: str = "Anna") -> None:
        self.do("POST", "/phones", {"mac": mac, "site": site, "model": family})
        self.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "label": label})

    def token_for(self, site: str) -> EnrolmentToken:
        return EnrolmentToken.from_text(self.do("POST", f"/sites/{site}/tokens")["token"])

    def ask_to_enrol(self, secret: Secret, key: ec.EllipticCurvePrivateKey | None = None) -> Answer:
        csr = make_request(key or ec.generate_private_key(ec.SECP256R1()), "edge")
        return self.stranger("POST", paths.ENROL, codec.to_json(EnrolRequest(secret, csr, "0.1.0", "pi-in-the-hall")))

    def enrol(self, site: str, folder: Path) -> EdgeInHand:
        key = ec.generate_private_key(ec.SECP256R1())
        answer = self.ask_to_enrol(self.token_for(site).secret, key)
        assert answer.status == 200, answer.data
        folder.mkdir(exist_ok=True)
        return EdgeInHand(self, key, codec.from_json(EnrolResponse, answer.data), folder)

    def publish(self, **order: object) -> Json:
        return self.do("POST", "/publish", {"dry_run": False, **order})


def answer_of(response: urllib3.BaseHTTPResponse) -> Answer:
    return Answer(response.status, response.data, response.headers)


def events_of(response: urllib3.BaseHTTPResponse) -> Iterator[Event]:
    rest = b""
    for chunk in response.stream(4096):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                yield codec.from_json(Event, line.removeprefix(b"data: "))
