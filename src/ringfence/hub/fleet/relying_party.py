"""The hub as passkeys know it, and the checks of their answers (WebAuthn, https://www.w3.org/TR/webauthn-3).

A passkey is bound to the host at which people find the hub, as hub.toml has it; no request says anything about that.
Whoever answers must have been verified by their device, with its PIN or what it knows of their body.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import options_to_json_dict, parse_attestation_object, parse_authentication_credential_json
from webauthn.helpers import parse_registration_credential_json as parse_registration
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ringfence.hub.sign_in_errors import PasskeyRefused

LONGEST_ANSWER = 16 << 10
"""How many characters an answer of a browser has at most."""
WITHIN_S = 300.0
"""For how long a browser may take."""
_ALGORITHMS = [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]
_VOUCHED_BY_NOBODY = (AttestationFormat.NONE, AttestationFormat.PACKED)
"""Who made the device is not asked for; then browsers leave it out, or the new key signs for itself."""
_LONGEST_ID, _LONGEST_KEY = 1023, 2048
_HTTPS = 443
_T = TypeVar("_T")

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was just made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """What a browser answers with a passkey, before anything of it is checked."""

    credential_id: bytes
    user_handle: bytes | None
    text: str

    @classmethod
    def parse(cls, text: str) -> "PasskeyAnswer":
        """Read the JSON that a browser sends.

        Raises:
            PasskeyRefused: It is none.
        """
        parsed = _understood(lambda: parse_authentication_credential_json(_bounded(text)))
        return cls(parsed.raw_id, parsed.response.user_handle, text)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The hub, by the host that passkeys are bound to and the origin of its pages."""

    id: str
    origin: str
    name: str

    @classmethod
    def at(cls, url: str, name: str) -> "RelyingParty | None":
        """Return the hub whose pages are at an address; None where no passkey can be bound to that.

        Args:
            url: ``https://host`` or ``https://host:port``.
            name: What the hub is called.
        """
        host, port = host_of(url), urlsplit(url).port
        try:
            ipaddress.ip_address(host)
        except ValueError:
            origin = f"https://{host}" + (f":{port}" if port not in {None, _HTTPS} else "")
            return cls(host, origin, name)
        return None

    def to_create(
        self, challenge: bytes, user_handle: bytes, person_name: str, called: str, present: Sequence[bytes]
    ) -> JsonObject:
        """Return what a browser is asked for a new passkey.

        Args:
            challenge: What it signs.
            user_handle: By what the passkey knows whose it is: no name.
            person_name: What they sign in with; their devices show it.
            called: What they are called.
            present: The passkeys that they have, so that no device makes a second one.
        """
        options = webauthn.generate_registration_options(
            rp_id=self.id, rp_name=self.name, user_id=user_handle, user_name=person_name, user_display_name=called,
            challenge=challenge, timeout=int(WITHIN_S * 1000), supported_pub_key_algs=_ALGORITHMS,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in present],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
        )  # fmt: skip
        return dict(options_to_json_dict(options))

    def to_sign(self, challenge: bytes, present: Sequence[bytes] = ()) -> JsonObject:
        """Return what a browser is asked for a signature; of any passkey for this hub, or of one of ``present``."""
        options = webauthn.generate_authentication_options(
            rp_id=self.id, challenge=challenge, timeout=int(WITHIN_S * 1000),
            allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in present],
            user_verification=UserVerificationRequirement.REQUIRED,
        )  # fmt: skip
        return dict(options_to_json_dict(options))

    def created(self, text: str, challenge: bytes) -> NewPasskey:
        """Return the passkey that a browser has made.

        Raises:
            PasskeyRefused: It was not made for this hub, for this challenge, or by somebody whom the device verified.
        """
        parsed = _understood(lambda: parse_registration(_bounded(text)))
        vouched = _understood(lambda: parse_attestation_object(parsed.response.attestation_object))
        if vouched.fmt not in _VOUCHED_BY_NOBODY:
            raise _refused("it names its manufacturer, which it was not asked for")
        made = _understood(
            lambda: webauthn.verify_registration_response(
                credential=parsed, expected_challenge=challenge, expected_rp_id=self.id, expected_origin=self.origin,
                require_user_verification=True, supported_pub_key_algs=_ALGORITHMS,
            )
        )  # fmt: skip
        if len(made.credential_id) > _LONGEST_ID or len(made.credential_public_key) > _LONGEST_KEY:
            raise _refused("its key is too long")
        return NewPasskey(
            made.credential_id, made.credential_public_key, made.sign_count, is_synced=made.credential_backed_up
        )

    def signed(self, answer: PasskeyAnswer, challenge: bytes, public_key: bytes) -> int:
        """Return the counter of an answer that is right; whether it went backwards is for its reader to see.

        Raises:
            PasskeyRefused: It is not signed by this key, for this hub and challenge, by somebody whom the device
                verified.
        """
        verified = _understood(
            lambda: webauthn.verify_authentication_response(
                credential=answer.text, expected_challenge=challenge, expected_rp_id=self.id,
                expected_origin=self.origin, credential_public_key=public_key, credential_current_sign_count=0,
                require_user_verification=True,
            )
        )  # fmt: skip
        return verified.new_sign_count


def host_of(url: str) -> str:
    """Return the host of an address: what passkeys are bound to, if it is a name."""
    return urlsplit(url).hostname or ""


def _bounded(text: str) -> str:
    if len(text) > LONGEST_ANSWER:
        raise _refused("it is too long")
    return text


def _understood(read: Callable[[], _T]) -> _T:
    """Return what the library makes of an answer; whatever it raises, that answer is refused."""
    try:
        return read()
    except PasskeyRefused:
        raise
    except Exception as fault:  # noqa: BLE001 - besides its own errors, those of its parsers get through
        raise _refused(str(fault)[:200] or type(fault).__name__) from None


def _refused(why: str) -> PasskeyRefused:
    return PasskeyRefused(f"the passkey's answer was not accepted: {why}", to_do="Try again, or use another way.")
