"""What a provider says of somebody: a code is exchanged for a token, and that is checked (OpenID Connect Core 1.0)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, MissingClaimError

from ringfence.hub.openid.fetching import JsonObject, fetch
from ringfence.hub.openid.providers import ProviderMetadata, Providers
from ringfence.hub.sign_in_errors import SignInRefused
from ringfence.printable import printable
from ringfence.secret import Secret

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key of the provider's own; none of them is "none", and none is made with the client's secret."""
LEEWAY_S = 60
"""How much two clocks may differ."""
LONGEST_TOKEN = 64 << 10
FRESH_S = 300
"""How long ago somebody may have proved who they are, where that is asked for anew."""
_MOST_GROUPS = 2000


@dataclass(frozen=True, slots=True)
class Client:
    """The hub as a provider knows it."""

    id: str
    secret: Secret
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Answered:
    """Who somebody is, as a provider says."""

    subject: str
    name: str
    display_name: str
    groups: frozenset[str]


def exchange(
    providers: Providers, metadata: ProviderMetadata, client: Client, code: str, verifier: str, nonce: str, now: float,
    *, group_claim: str, is_anew: bool,
) -> Answered:  # fmt: skip
    """Return whom a code stands for.

    Args:
        providers: Of this process.
        metadata: Of the provider that gave the code.
        client: The hub, as that provider knows it.
        code: What the browser has brought.
        verifier: What the browser was sent with (RFC 7636).
        nonce: What the token must hold.
        now: Unix time.
        group_claim: Where the groups are; a dot leads into an object.
        is_anew: Whether they must have proved just now who they are.

    Raises:
        SignInRefused: The code or the token is not right.
        SignInProviderUnavailable: The provider can't be asked.
    """
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri,
        "code_verifier": verifier, "client_id": client.id,
    }  # fmt: skip
    headers = {}
    if metadata.takes_secret_in_form:
        form["client_secret"] = client.secret.reveal()
    else:
        pair = f"{quote(client.id, safe='')}:{quote(client.secret.reveal(), safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    answer = fetch(metadata.token_endpoint, providers.networks, form=form, headers=headers)
    if not answer.is_good:
        raise refused(f"it does not take the code: {word(answer.fields.get('error'))}")
    token, access = answer.fields.get("id_token"), answer.fields.get("access_token")
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN or not isinstance(access, str):
        raise refused("it gives no token of who somebody is")
    claims = _claims(providers, metadata, client.id, token, access, nonce, now, is_anew=is_anew)
    if metadata.userinfo_endpoint and _at(claims, group_claim) is None:
        claims = {**_more(providers, metadata, access, str(claims["sub"])), **claims}
    return _answered(claims, group_claim)


def _claims(
    providers: Providers, metadata: ProviderMetadata, client_id: str, token: str, access: str, nonce: str, now: float,
    *, is_anew: bool,
) -> JsonObject:  # fmt: skip
    decoded = _decoded(providers, metadata, token)
    options = {
        "iss": {"essential": True, "value": metadata.issuer},
        "aud": {"essential": True, "value": client_id},
        "nonce": {"essential": True, "value": nonce},
    }  # fmt: skip
    params = {"nonce": nonce, "client_id": client_id, "access_token": access}
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    try:
        claims.validate(int(now), LEEWAY_S)
    except ExpiredTokenError:
        raise _clock(now, "its token has ended already") from None
    except ClaimError as fault:
        if fault.claim in {"iat", "nbf"} and not isinstance(fault, MissingClaimError):
            raise _clock(now, "its token is of a time to come") from None
        raise refused(f"its token is not right: {word(fault.claim)}") from None
    except (JoseError, ValueError, TypeError) as fault:
        raise refused(f"its token is not right: {type(fault).__name__}") from None
    if is_anew:
        _must_be_anew(claims.get("auth_time"), now)
    return dict(claims)


def _must_be_anew(proved_at: object, now: float) -> None:
    if not isinstance(proved_at, int | float):
        raise SignInRefused(
            "the sign-in provider does not say when you proved who you are",
            to_do="Whoever runs that provider can have it add the claim `auth_time` to its ID tokens.",
        )
    if abs(now - proved_at) > FRESH_S + LEEWAY_S:
        raise refused("it did not ask you anew who you are")


def _decoded(providers: Providers, metadata: ProviderMetadata, token: str) -> jwt.Token:
    for again in (False, True):
        keys = providers.keys(metadata, again=again)
        if keys is None:
            break
        try:
            return jwt.decode(token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError) as fault:
            why = type(fault).__name__
    raise refused(f"its token's signature is not right: {why}")


def _more(providers: Providers, metadata: ProviderMetadata, access: str, subject: str) -> JsonObject:
    answer = fetch(metadata.userinfo_endpoint, providers.networks, headers={"Authorization": f"Bearer {access}"})
    if not answer.is_good:
        return {}
    if answer.fields.get("sub") != subject:
        raise refused("what it tells of you is of somebody else")
    return answer.fields


def _answered(claims: JsonObject, group_claim: str) -> Answered:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():  # noqa: PLR2004 - OpenID Connect Core, section 2
        raise refused("its token does not say who you are")
    names = [claims.get(each) for each in ("preferred_username", "email")]
    called = claims.get("name")
    return Answered(
        subject,
        next((each for each in names if isinstance(each, str) and each), subject),
        called if isinstance(called, str) else "",
        _groups(_at(claims, group_claim)),
    )


def _at(claims: JsonObject, path: str) -> object:
    """Return a claim; where there is none of this name, each dot leads into an object (Keycloak's roles are so)."""
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _groups(found: object) -> frozenset[str]:
    listed: Sequence[object] = found if isinstance(found, list) else [found]
    return frozenset(each for each in listed[:_MOST_GROUPS] if isinstance(each, str))


def word(found: object) -> str:
    """Return a short word of a provider's, for people to read."""
    return printable(str(found), 60)


def refused(why: str) -> SignInRefused:
    """Return the refusal of a sign-in by what its provider has answered."""
    return SignInRefused(f"the sign-in provider's answer was not accepted: {why}", to_do="Sign in again.")


def _clock(now: float, why: str) -> SignInRefused:
    shown = datetime.fromtimestamp(now, UTC)
    return SignInRefused(
        f"the sign-in provider's answer was not accepted: {why}",
        to_do=f"One clock is wrong. The hub's says {shown:%Y-%m-%d %H:%M:%S} UTC; correct the provider's, or this one.",
    )
