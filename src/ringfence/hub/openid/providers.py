"""What is known of a provider: its addresses (OpenID Connect Discovery 1.0) and its keys, asked for anew at times.

It is remembered for an hour, in each process by itself. A token signed with a key that is not known has the keys asked
for again, once a minute at most; so a provider may change them at any time.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from authlib.oidc.discovery import get_well_known_url
from cachetools import TTLCache
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ringfence.hub.openid.fetching import JsonObject, fetch
from ringfence.hub.sign_in_errors import SignInProviderUnavailable

KEPT_S = 3600.0
FAILURE_KEPT_S = 10.0
"""For how long a provider that could not be reached is not asked again."""
ASKED_AGAIN_AFTER_S = 60.0
_MOST_KEPT = 1000
_MOST_KEYS = 100
LONGEST_URL = 1000


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """A provider's addresses, and what it can do."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    takes_secret_in_form: bool
    """Whether it takes the client's secret among the posted fields alone, and not as a header."""
    names_itself: bool
    """Whether it says by ``iss`` who has answered (RFC 9207)."""


class Providers:
    """All providers that this process knows; several threads may use it at once."""

    def __init__(self, networks: Sequence[str], timer: Callable[[], float] = time.monotonic) -> None:
        self._networks, self._timer = networks, timer
        self._metadata: TTLCache[str, ProviderMetadata] = TTLCache(_MOST_KEPT, KEPT_S, timer)
        self._keys: TTLCache[str, KeySet] = TTLCache(_MOST_KEPT, KEPT_S, timer)
        self._asked: TTLCache[str, bool] = TTLCache(_MOST_KEPT, ASKED_AGAIN_AFTER_S, timer)
        self._failed: TTLCache[str, SignInProviderUnavailable] = TTLCache(_MOST_KEPT, FAILURE_KEPT_S, timer)
        self._lock = Lock()

    @property
    def networks(self) -> Sequence[str]:
        """Those beside the internet in which providers may be."""
        return self._networks

    def known(self, issuer: str) -> ProviderMetadata | None:
        """Return what is remembered of a provider, without asking it."""
        with self._lock:
            return self._metadata.get(issuer)

    def metadata(self, issuer: str) -> ProviderMetadata:
        """Return a provider's addresses.

        Raises:
            SignInProviderUnavailable: It can't be asked, or its answer can't be used.
        """
        with self._lock:
            if (found := self._metadata.get(issuer)) is not None:
                return found
            if (failed := self._failed.get(issuer)) is not None:
                raise failed
        try:
            answer = fetch(get_well_known_url(issuer, external=True), self._networks)
            if not answer.is_good:
                raise _unusable(issuer, f"it answered {answer.status}")
            made = _checked(issuer, answer.fields)
        except SignInProviderUnavailable as fault:
            with self._lock:
                self._failed[issuer] = fault
            raise
        with self._lock:
            self._metadata[issuer] = made
        return made

    def keys(self, metadata: ProviderMetadata, *, again: bool = False) -> KeySet | None:
        """Return a provider's keys; with ``again`` newer ones than before, or None if it was asked a moment ago.

        Raises:
            SignInProviderUnavailable: It can't be asked, or its answer can't be used.
        """
        with self._lock:
            found = self._keys.get(metadata.issuer)
            if found is not None and not again:
                return found
            if again and metadata.issuer in self._asked:
                return None
            self._asked[metadata.issuer] = True
        answer = fetch(metadata.jwks_uri, self._networks)
        listed = answer.fields.get("keys")
        if not answer.is_good or not isinstance(listed, list) or len(listed) > _MOST_KEYS:
            raise _unusable(metadata.issuer, "its keys are no list")
        made = _key_set(listed)
        with self._lock:
            self._keys[metadata.issuer] = made
        return made


def _key_set(listed: Sequence[object]) -> KeySet:
    """Return the keys that can be read; others, of kinds that are newer than this, are left out (RFC 7517, 5)."""
    found = []
    for each in listed:
        try:
            found += list(KeySet.import_key_set({"keys": [each]}))  # type: ignore[list-item] # JSON, whose form it checks itself
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return KeySet(found)


def _checked(issuer: str, fields: JsonObject) -> ProviderMetadata:
    def address(name: str, *, is_needed: bool = True) -> str:
        found = fields.get(name)
        if found is None and not is_needed:
            return ""
        if not isinstance(found, str) or len(found) > LONGEST_URL or not is_https(found):
            raise _unusable(issuer, f"{name} is no https address")
        return found

    if fields.get("issuer") != issuer:
        raise _unusable(issuer, f"it calls itself {str(fields.get('issuer'))[:200]!r}")
    methods = fields.get("token_endpoint_auth_methods_supported")
    listed = methods if isinstance(methods, list) else ["client_secret_basic"]
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=address("authorization_endpoint"),
        token_endpoint=address("token_endpoint"),
        jwks_uri=address("jwks_uri"),
        userinfo_endpoint=address("userinfo_endpoint", is_needed=False),
        end_session_endpoint=address("end_session_endpoint", is_needed=False),
        takes_secret_in_form="client_secret_basic" not in listed and "client_secret_post" in listed,
        names_itself=fields.get("authorization_response_iss_parameter_supported") is True,
    )


def is_https(url: str) -> bool:
    """Return whether an address is one of https, without a name or password in it."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    return (
        is_plain and parts.scheme == "https" and bool(parts.hostname) and parts.username is None and not parts.fragment
    )


def _unusable(issuer: str, why: str) -> SignInProviderUnavailable:
    return SignInProviderUnavailable(
        f"the sign-in provider {issuer} does not answer as OpenID Connect has it: {why}",
        to_do="An owner of the organisation can check its address.",
    )
