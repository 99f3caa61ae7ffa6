"""Enrolment tokens: one printable string that lets one edge join one site, once.

Form: ``RFE1`` and the URL-safe base64 of a JSON object followed by the first four bytes of its SHA-256, so that an
incomplete or mistyped token can be told from one that the hub refuses.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import ClassVar, Self
from urllib.parse import urlsplit

from ringfence.identity.errors import BadToken, ExpiredToken
from ringfence.secret import Secret

PREFIX = "RFE1"
TUNNEL_PREFIX = "RFT1"
_CHECK_BYTES = 4
_NEW_ONE = "Ask for a new one: ringfence site token SITE."
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """Where the hub is, how to recognise it, and the secret that it accepts once.

    ``hub_url`` is the device listener's ``https://host:port``; ``authority_fingerprint`` the SHA-256 of the hub's CA
    certificate in hexadecimal; ``expires_at`` in Unix seconds; ``site`` its name, for people.
    """

    PREFIX: ClassVar[str] = PREFIX
    NEW_ONE: ClassVar[str] = _NEW_ONE
    CALLED: ClassVar[str] = "site"

    hub_url: str
    authority_fingerprint: str
    secret: Secret
    expires_at: int
    site: str

    def to_text(self) -> str:
        """Return the token as one printable string; it holds the secret."""
        fields = {
            "u": self.hub_url,
            "f": self.authority_fingerprint,
            "s": self.secret.reveal(),
            "e": self.expires_at,
            "n": self.site,
        }
        body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
        return self.PREFIX + base64.urlsafe_b64encode(body + _check(body)).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a token that a person pasted; blanks and line breaks are ignored.

        Raises:
            BadToken: It is not a token, is incomplete or mistyped, or has another form.
        """
        packed = "".join(text.split())
        if not packed.startswith(cls.PREFIX):
            raise BadToken(
                f"this is not an enrolment token: enrolment tokens begin with {cls.PREFIX}", to_do=cls.NEW_ONE
            )
        try:
            raw = base64.b64decode(
                packed[len(cls.PREFIX) :] + "=" * (-len(packed[len(cls.PREFIX) :]) % 4), b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            raise BadToken(
                "this token contains a character that is never used in tokens", to_do="Copy the whole token again."
            ) from None
        body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
        if not body or _check(body) != check:
            raise BadToken(
                "this token is incomplete or mistyped: its check digits do not match",
                to_do="Copy the whole token again.",
            )
        try:
            fields = json.loads(body)
            token = cls(
                str(fields["u"]), str(fields["f"]), Secret(str(fields["s"])), int(fields["e"]), str(fields["n"])
            )
        except (ValueError, KeyError, TypeError):
            raise BadToken("this version does not know this form of token", to_do="Upgrade ringfence.") from None
        address = urlsplit(token.hub_url)
        if (
            address.scheme != "https"
            or not address.hostname
            or _FINGERPRINT.fullmatch(token.authority_fingerprint) is None
        ):
            raise BadToken("this token does not name a usable hub", where=token.hub_url[:80], to_do=cls.NEW_ONE)
        return token

    def check_time(self, now: float) -> None:
        """Raise ExpiredToken where ``now`` (Unix seconds) is past the token's end."""
        if now >= self.expires_at:
            raise ExpiredToken(f"the enrolment token for {self.CALLED} {self.site} has expired", to_do=self.NEW_ONE)


class TunnelToken(EnrolmentToken):
    """The same for one concentrator; ``site`` is its name. Neither of the two commands takes the other's token."""

    PREFIX = TUNNEL_PREFIX
    NEW_ONE = "Ask for a new one: ringfence tunnel token NAME."
    CALLED = "concentrator"


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]
