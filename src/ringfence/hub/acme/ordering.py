"""One order of a certificate, from the account to the chain (RFC 8555 section 7), by certbot's library ``acme``."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import josepy
import requests
from acme import client, errors, messages
from acme.crypto_util import make_csr
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.errors import Error as JoseError

from ringfence.hub.acme.challenge_means import ChallengeMeans
from ringfence.hub.acme.network import BoundedAdapter, network
from ringfence.hub.certificate_errors import CertificateOrderFailed, ChallengeFailed
from ringfence.hub.data import server_certificates
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder, replace_file
from ringfence.hub.data.listener_files import ACME
from ringfence.printable import printable
from ringfence.secret import Secret

LONGEST_S = 600.0
"""How long a CA may take to look at the challenges, and again to issue."""
_LOOK_EVERY_S = 1.0
_KEY_BITS = 2048
"""RSA: what every phone that speaks TLS 1.2 takes."""
_LONGEST_WORDS = 300
_MOST_AUTHORIZATIONS = 40
_LATER = "The hub tries again by itself."
_CLOCK = "Is this machine's clock right?"


@dataclass(frozen=True, slots=True)
class _Ordering:
    """What an order has at hand."""

    config: HubConfig
    key: josepy.JWKEC
    acme: client.ClientV2
    means: ChallengeMeans
    is_over: Callable[[], bool]


def order(
    config: HubConfig,
    folder: DataFolder,
    means: ChallengeMeans,
    is_over: Callable[[], bool],
    clock: Callable[[], float],
) -> Secret:
    """Have a certificate issued for the names in hub.toml; return its new key and its chain, in PEM.

    Args:
        config: What hub.toml says.
        folder: Where the account's key is; one is made if there is none.
        means: How challenges are answered.
        is_over: Whether the hub is being stopped.
        clock: The time, in Unix seconds.

    Raises:
        CertificateOrderFailed: The CA is away, refuses, or does not answer as a CA does.
        ChallengeFailed: It did not see that a name is the hub's.
        UnfitServerCertificate: What it issued can't be used.
    """
    names = config.acme_names(config.address)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account_key = _account_key(folder)
    try:
        net, adapter = network(_authorities(config, folder), account_key)
    except OSError as fault:
        raise CertificateOrderFailed(
            f"phones_acme_authorities can't be used: {fault.strerror or fault}", where=config.phones_acme_authorities
        ) from None
    with _told(config, adapter), contextlib.closing(net.session):
        directory = client.ClientV2.get_directory(config.phones_acme_directory, net)
        ordering = _Ordering(config, account_key, client.ClientV2(directory, net), means, is_over)
        _sign_on(ordering, folder)
        placed = ordering.acme.new_order(make_csr(pem, list(names)))
        if len(placed.authorizations) > _MOST_AUTHORIZATIONS:
            raise CertificateOrderFailed("the CA asks for more proofs than there are names", where=_where(config))
        _prove(ordering, placed.authorizations)
        until = datetime.now() + timedelta(seconds=LONGEST_S)  # noqa: DTZ005 - the library compares it with the like
        issued = ordering.acme.finalize_order(placed, until).fullchain_pem
    chain = server_certificates.read_chain(issued)
    server_certificates.check(chain, key.public_key(), names, clock())
    whole = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    return Secret((pem + whole).decode())


def _account_key(folder: DataFolder) -> josepy.JWKEC:
    """Return the account's key, which is made with the first order."""
    file = folder.path / ACME / "account.key"
    try:
        read = josepy.JWK.load(file.read_bytes())
    except FileNotFoundError:
        made = ec.generate_private_key(ec.SECP256R1())
        file.parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return josepy.JWKEC(key=made)
    except (OSError, ValueError, JoseError) as fault:
        why = getattr(fault, "strerror", None) or "it is no key"
        raise CertificateOrderFailed(
            f"the key of the account at the CA can't be read: {why}", where=str(file),
            to_do="Restore it from a copy of the hub, or remove it: then the hub makes a new account.",
        ) from None  # fmt: skip
    if not isinstance(read, josepy.JWKEC):
        raise CertificateOrderFailed("the key of the account at the CA is not a P-256 one", where=str(file))
    return read


def _authorities(config: HubConfig, folder: DataFolder) -> str:
    return str(folder.path / config.phones_acme_authorities) if config.phones_acme_authorities else ""


def _sign_on(ordering: _Ordering, folder: DataFolder) -> None:
    """Make the account, or find the one that there is."""
    config, acme = ordering.config, ordering.acme
    terms = acme.directory.meta.terms_of_service if "meta" in acme.directory.to_partial_json() else None
    if terms and not config.phones_acme_terms_agreed:
        raise CertificateOrderFailed(
            f"the CA asks that its terms be agreed to: {printable(terms, _LONGEST_WORDS)}", where=_where(config),
            to_do="Read them, and set `phones_acme_terms_agreed = true` in hub.toml.",
        )  # fmt: skip
    new = messages.NewRegistration.from_data(
        email=",".join(config.phones_acme_contact) or None,
        terms_of_service_agreed=config.phones_acme_terms_agreed or None,
        external_account_binding=_binding(ordering, folder),
    )
    try:
        acme.new_account(new)
    except errors.ConflictError as there:
        acme.net.account = messages.RegistrationResource(uri=there.location, body=messages.Registration())


def _binding(ordering: _Ordering, folder: DataFolder) -> dict[str, object] | None:
    config = ordering.config
    if not config.phones_acme_eab_id:
        return None
    file: Path = folder.path / config.phones_acme_eab_key_file
    try:
        with file.open(encoding="ascii") as opened:
            secret = Secret(opened.read(4096).strip())
        found = messages.ExternalAccountBinding.from_data(
            ordering.key.public_key(), config.phones_acme_eab_id, secret.reveal(), ordering.acme.directory
        )
    except (OSError, ValueError) as fault:
        why = getattr(fault, "strerror", None) or "it is no key in base64url"
        raise CertificateOrderFailed(f"phones_acme_eab_key_file can't be used: {why}", where=str(file)) from None
    return dict(found)


def _prove(ordering: _Ordering, authorizations: Sequence[messages.AuthorizationResource]) -> None:
    """Show the CA that each name is the hub's, and wait until it has seen it."""
    waiting = [each for each in authorizations if each.body.status == messages.STATUS_PENDING]
    try:
        chosen = [_chosen(ordering, each) for each in waiting]
        for authorization, challenge in zip(waiting, chosen, strict=True):
            ordering.means.show(challenge, authorization.body.identifier.value, ordering.key)
        for challenge in chosen:
            ordering.acme.answer_challenge(challenge, challenge.response(ordering.key))
        until = time.monotonic() + LONGEST_S
        for authorization in authorizations:
            _await(ordering, authorization, until)
    finally:
        ordering.means.clear()


def _chosen(ordering: _Ordering, authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
    offered = authorization.body.challenges
    for each in offered:
        if each.chall.typ == ordering.means.kind:
            found: messages.ChallengeBody = each
            return found
    others = ", ".join(printable(str(each.chall.typ), 40) for each in offered)
    raise ChallengeFailed(
        f"the CA does not offer {ordering.means.kind} for {authorization.body.identifier.value}, but: {others}",
        where=_where(ordering.config),
        to_do="Set another `phones_acme_challenge` in hub.toml.",
    )


def _await(ordering: _Ordering, authorization: messages.AuthorizationResource, until: float) -> None:
    name = authorization.body.identifier.value
    while True:
        if ordering.is_over():
            raise CertificateOrderFailed("the hub is being stopped; the order begins again with the next start")
        now, _answer = ordering.acme.poll(authorization)
        if now.body.status == messages.STATUS_VALID:
            return
        if now.body.status not in {messages.STATUS_PENDING, messages.STATUS_PROCESSING}:
            why = next((_words(each.error) for each in now.body.challenges if each.error is not None), "")
            raise ChallengeFailed(
                f"the CA could not see that {name} is this hub's: {why or now.body.status.name}",
                where=_where(ordering.config), to_do=_to_do(ordering.config, name),
            )  # fmt: skip
        if time.monotonic() > until:
            raise ChallengeFailed(
                f"the CA did not look at {name} within {LONGEST_S / 60:.0f} minutes", where=_where(ordering.config),
                to_do=_LATER,
            )  # fmt: skip
        time.sleep(_LOOK_EVERY_S)


def _to_do(config: HubConfig, name: str) -> str:
    if config.phones_acme_challenge == "dns-01":
        return f"Look whether every name server of {name} answers with the record that the program sets."
    return f"Look whether port 80 of {name} leads to {config.phones_acme_listen} of this machine."


def _where(config: HubConfig) -> str:
    return config.phones_acme_directory


@contextlib.contextmanager
def _told(config: HubConfig, adapter: BoundedAdapter) -> Iterator[None]:
    """Let the library's errors be the hub's, as sentences."""
    try:
        yield
    except messages.Error as fault:
        failed = CertificateOrderFailed(f"the CA refuses: {_words(fault)}", where=_where(config), to_do=_LATER)
        failed.retry_after_s = adapter.retry_after_s
        raise failed from None
    except errors.IssuanceError as fault:
        raise CertificateOrderFailed(
            f"the CA did not issue the certificate: {_words(fault.error)}", where=_where(config), to_do=_LATER
        ) from None
    except errors.TimeoutError:
        raise CertificateOrderFailed(
            f"the CA did not issue the certificate within {LONGEST_S / 60:.0f} minutes", where=_where(config),
            to_do=_LATER,
        ) from None  # fmt: skip
    except requests.exceptions.SSLError as fault:
        raise CertificateOrderFailed(
            f"the CA's own certificate is not trusted here: {_inner(fault)}", where=_where(config),
            to_do=f"{_CLOCK} A private CA's own CA is named by `phones_acme_authorities` in hub.toml.",
        ) from None  # fmt: skip
    except requests.exceptions.RequestException as fault:
        raise CertificateOrderFailed(
            f"the CA can't be reached: {_inner(fault)}", where=_where(config), to_do=_LATER
        ) from None
    except (errors.Error, JoseError, KeyError, ValueError, AttributeError, TypeError) as fault:
        # what the library raises where an answer is not what RFC 8555 has it be
        failed = CertificateOrderFailed(
            f"the CA answers what is no answer: {printable(str(fault), _LONGEST_WORDS) or type(fault).__name__}",
            where=_where(config), to_do=f"Is this the address of an ACME directory? {_LATER}",
        )  # fmt: skip
        failed.retry_after_s = adapter.retry_after_s
        raise failed from None


def _words(fault: messages.Error) -> str:
    """Return what a CA says, in its words: the kind, the detail, and the details of parts."""
    parts = [fault, *(fault.subproblems or ())][:4]
    said = "; ".join(filter(None, (str(each.detail or each.title or each.typ or "") for each in parts)))
    return printable(f"{said} ({fault.code})" if fault.code else said, _LONGEST_WORDS)


def _inner(fault: requests.exceptions.RequestException) -> str:
    """Return the cause of an error that libraries have wrapped."""
    found: BaseException = fault
    while (deeper := getattr(found, "reason", None) or (found.args[0] if found.args else None)) is not None:
        if not isinstance(deeper, BaseException):
            break
        found = deeper
    return printable(
        getattr(found, "verify_message", "") or getattr(found, "strerror", "") or str(found), _LONGEST_WORDS
    )
