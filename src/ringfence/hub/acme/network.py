"""The way to the CA: its own certificate is checked, and an answer is bounded in size and in time.

``acme``'s network reads whatever a server sends; this adapter of requests reads a part of it, by a deadline, follows no
redirection and asks no proxy or password file of the environment.
"""

import io
import ssl
import time
from collections.abc import Iterator
from typing import Any

import josepy
import requests
from acme.client import ClientNetwork
from requests.adapters import HTTPAdapter

TIMEOUT_S = 20
"""How long the CA may be silent."""
LONGEST_S = 60.0
"""How long a whole answer may take."""
LARGEST_BYTES = 256 * 1024
_AT_ONCE = 16 * 1024
_LONGEST_ASKED_S = 7 * 86_400


class BoundedAdapter(HTTPAdapter):
    """Sends a request and reads no more than ``LARGEST_BYTES`` of its answer.

    Args:
        context: TLS with the CAs that are believed.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.retry_after_s = 0.0
        """How long the last refusal asked to be left alone, in seconds; 0 where none did."""
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Use the context for every connection."""
        super().init_poolmanager(*args, **{**kwargs, "ssl_context": self._context})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as above
        """Verify by the context alone, without the CAs that requests brings."""
        del url, verify, cert
        conn.cert_reqs = "CERT_REQUIRED"

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - as above
        """Send a request; an answer that is too large or too slow is a ``requests.ConnectionError``."""
        until = time.monotonic() + LONGEST_S
        response = super().send(*args, **{**kwargs, "stream": True})
        try:
            body = b"".join(_parts(response, until))
        finally:
            response.raw.close()
        response.raw = io.BytesIO(body)
        asked = response.headers.get("Retry-After", "")
        waits = not response.ok and asked.isascii() and asked.isdigit()
        self.retry_after_s = float(min(int(asked[:9]), _LONGEST_ASKED_S)) if waits else 0.0
        return response


def network(authorities: str, key: josepy.JWKEC) -> tuple[ClientNetwork, BoundedAdapter]:
    """Return a network for ``acme``'s client, and the adapter that it uses.

    Args:
        authorities: A file in PEM with the CAs that are believed of the directory; empty for the machine's.
        key: The account's, which signs requests.

    Raises:
        OSError: The file can't be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=authorities or None)
    adapter = BoundedAdapter(context)
    made = ClientNetwork(user_agent="ringfence", timeout=TIMEOUT_S, key=key, alg=josepy.ES256)
    made.session.trust_env = False
    made.session.max_redirects = 0
    made.session.adapters.clear()  # nothing goes out in clear text
    made.session.mount("https://", adapter)
    return made, adapter


def _parts(response: requests.Response, until: float) -> Iterator[bytes]:
    left = LARGEST_BYTES
    while part := response.raw.read1(_AT_ONCE, decode_content=True):
        left -= len(part)
        if left < 0:
            raise requests.ConnectionError(f"it answers with more than {LARGEST_BYTES // 1024} KB")
        if time.monotonic() > until:
            raise requests.ConnectionError(f"its answer takes longer than {LONGEST_S:.0f} seconds")
        yield part
