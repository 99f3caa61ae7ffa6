"""An OpenID Connect provider on loopback, by HTTPS, which tells the truth or what a test has it tell."""

import base64
import contextlib
import datetime as dt
import hashlib
import hmac
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from support.running_hub import Clock

Json = dict[str, Any]  # Any: JSON
CLIENT, SECRET = "ringfence", "Secret/of+the client"


@dataclass
class OpenIdProvider:
    """A provider; its fields are what it does from the next request on."""

    url: str
    clock: Clock
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    subject: str = "subject-1"
    claims: Json = field(
        default_factory=lambda: {"groups": ["Phones"], "preferred_username": "dora", "name": "Dora D."}
    )
    wrong: Json = field(default_factory=dict)
    """Claims of the token that are other than they must be; of None a claim is left out."""
    signs: str = "RS256"
    signing_key: RSAKey | OctKey | None = None
    userinfo: Json | None = None
    metadata: Json = field(default_factory=dict)
    padding: int = 0
    """How many bytes each answer is longer than it need be."""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, Json] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    proves_anew: bool = True

    def authorise(self, address: str) -> str:
        """Do what a browser and its user do at the provider; return where the browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self.used)}"
        self.used.append(code)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def answer(self, method: str, path: str, form: Json, headers: Any) -> tuple[int, Json]:  # noqa: ANN401 - http.client's
        self.asked.append(path)
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._metadata()
            case "/keys":
                return 200, KeySet([self.key]).as_dict(private=False)  # type: ignore[return-value] # a JSON object
            case "/userinfo" if self.userinfo is not None:
                return 200, self.userinfo
            case "/token" if method == "POST":
                return self._token(form, headers)
        return 404, {}

    def _metadata(self) -> Json:
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys", "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/leave", "authorization_response_iss_parameter_supported": True,
            "padding": "x" * self.padding, **self.metadata,
        }  # fmt: skip

    def _token(self, form: Json, headers: Any) -> tuple[int, Json]:  # noqa: ANN401 - http.client's
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        told = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
        assert told == "ringfence:Secret%2Fof%2Bthe%20client"
        assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert asked["code_challenge_method"] == "S256"
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(self.clock())
        claims = {
            "iss": self.url, "sub": self.subject, "aud": asked["client_id"], "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "auth_time": now if self.proves_anew else now - 7200, **self.claims, **self.wrong,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"id_token": self._signed(claims), "access_token": "access", "token_type": "Bearer"}

    def _signed(self, claims: Json) -> str:
        if self.signs == "none":
            parts = ({"alg": "none"}, claims)
            return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."
        if self.signs == "HS256 with the public key":
            head, body = (
                base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
                for part in ({"alg": "HS256", "kid": self.key.kid}, claims)
            )
            made = hmac.digest(self.key.as_pem(private=False), f"{head}.{body}".encode(), "sha256")
            return f"{head}.{body}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"
        key = self.signing_key or self.key
        return jwt.encode({"alg": self.signs, "kid": key.kid or "x"}, claims, key, algorithms=["RS256", "HS256"])


@contextlib.contextmanager
def openid_provider(folder: Path, clock: Clock) -> Iterator[OpenIdProvider]:
    """Serve a provider; its certificate is its own, in ``folder``/provider.pem."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do("GET", {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._do("POST", {name: values[0] for name, values in parse_qs(body).items()})

        def _do(self, method: str, form: Json) -> None:
            status, told = provider.answer(method, urlsplit(self.path).path, form, self.headers)
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_what: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider = OpenIdProvider(f"https://localhost:{server.server_address[1]}", clock)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


def certificate(folder: Path) -> Path:
    """Make a certificate for localhost with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test's provider")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = folder / "provider.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + made.public_bytes(Encoding.PEM))
    return file
