"""Attacks on a phone with a VPN of its own, and on its head end: who is believed, and who comes in.

The attacker has the network between them: the phone connects to him under the head end's name. What counts is what he
gets of the phone's, or that he is in.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attacks.box_attacks import BoxOutcome
from ringfence.phones.vpn.head_end import pin_of
from ringfence.secret import Secret
from ringfence.sim.vpn_client import VpnProfile, sign_in
from support.phone_identities import cisco, forger, identity, key_number
from support.svc_server import SvcServer, svc_server
from support.vpn_certificates import head_end_certificate

USER, PASSWORD = "SEP001B54C29A10", "12345678901234"
OWN_NAME, OTHERS_NAME = f"CP-8851-{USER}", "CP-8851-SEP0011223344FF"
Shown = tuple[Secret, x509.Certificate]
_HOST = "127.0.0.1"
_STILL_NAMED = "a stolen key counts until each phone has taken a file that does not name its certificate any more"


@dataclass(frozen=True, slots=True)
class VpnEntry:
    """One attack; ``attack`` returns what the attacker got, and what happened."""

    name: str
    attack: Callable[[], tuple[list[bytes], str]]
    leaks: str = ""
    """Why it works, or when it is too late: it is stated. Empty: nothing may be got."""
    slows: str = ""


def profile(address: str, *shown: Shown, by_certificate: bool = False) -> VpnProfile:
    """What the phone's file says: the head end's address, which leads to the attacker, and these certificates."""
    pins = frozenset(pin_of(certificate.public_bytes(Encoding.DER)) for _key, certificate in shown)
    return VpnProfile((f"https://{address}/svc",), pins, checks_host=True, by_certificate=by_certificate)


def own() -> Shown:
    """The head end's certificate."""
    return head_end_certificate(1, _HOST)


def stands_in(shown: Shown, *named: Shown) -> tuple[list[bytes], str]:
    """Stand in for the head end with a certificate; return what the phone gives away."""
    with svc_server(shown, SvcServer({USER: PASSWORD})) as attacker:
        ended = sign_in(profile(attacker.address, *named), USER, Secret(PASSWORD))
        return [each.encode() for each in attacker.heard], ended.said


def with_own_certificate() -> tuple[list[bytes], str]:
    """Show a certificate for the same host, of one's own."""
    return stands_in(head_end_certificate(9, _HOST), own())


def with_copied_names() -> tuple[list[bytes], str]:
    """Show a certificate with the same names, number and days as the head end's, for a key of one's own."""
    real, key = own()[1], key_number(7)
    builder = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(key.public_key())
        .serial_number(real.serial_number)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
    )
    for each in real.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return stands_in((_pem(key), builder.sign(key, hashes.SHA256())), own())


def with_a_public_cas() -> tuple[list[bytes], str]:
    """Show a valid certificate for the same host, of a CA that everybody believes."""
    key, now = key_number(8), dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(own()[1].subject)
        .issuer_name(cisco().certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(own()[1].extensions.get_extension_for_class(x509.SubjectAlternativeName).value, critical=False)
        .sign(cisco().key, hashes.SHA256())
    )
    return stands_in((_pem(key), certificate), own())


def with_the_certificate_alone() -> tuple[list[bytes], str]:
    """Show the head end's own certificate, which anybody can see, without its key: TLS does not get that far."""
    try:
        return stands_in((head_end_certificate(9, _HOST)[0], own()[1]), own())
    except ValueError as fault:
        return [], f"TLS refuses: {fault}"
    except OSError as fault:
        return [], f"TLS refuses: {fault.strerror or fault}"


def with_a_stolen_key() -> tuple[list[bytes], str]:
    """Show a certificate whose key was stolen, while phones' files still name it beside the new one."""
    return stands_in(own(), own(), head_end_certificate(2, _HOST))


def with_a_stolen_key_later() -> tuple[list[bytes], str]:
    """The same, once the phone has taken a file without it."""
    return stands_in(own(), head_end_certificate(2, _HOST))


def with_another_hosts() -> tuple[list[bytes], str]:
    """Show the certificate of another head end that the file names, too, for an address that it does not name."""
    other = head_end_certificate(1, "other.example.org")
    return stands_in(other, own(), other)


def _comes_in(name: str, **parts: object) -> tuple[list[bytes], str]:
    """Sign in at the head end as a phone; return that it worked, or nothing."""
    knows = SvcServer({USER: PASSWORD}) if "password" in parts else SvcServer(names=frozenset({OWN_NAME}))
    with svc_server(own(), knows, "" if "password" in parts else cisco().pem) as head_end:
        said = profile(head_end.address, own(), by_certificate="password" not in parts)
        ended = sign_in(said, name, **parts)  # type: ignore[arg-type]  # its own parts
        return [b"in"] if ended.is_in else [], ended.said


def with_a_strangers_phone() -> tuple[list[bytes], str]:
    """Sign in with a genuine phone of the same maker, which is none of ours."""
    made = identity(OTHERS_NAME)
    return _comes_in("", identity=made)


def with_a_forged_certificate() -> tuple[list[bytes], str]:
    """Sign in with a certificate in a phone's name, by a CA that calls itself the maker."""
    return _comes_in("", identity=identity(OWN_NAME, forger()))


def without_a_certificate() -> tuple[list[bytes], str]:
    """Sign in without any."""
    return _comes_in("")


def by_guessing() -> tuple[list[bytes], str]:
    """Sign in with a phone's name, which is on its back, and a guess."""
    return _comes_in(USER, password=Secret("00000000000000"))


VPN: tuple[VpnEntry, ...] = (
    VpnEntry("a head end with a certificate of one's own", with_own_certificate),
    VpnEntry("… with the names and the number of the real one", with_copied_names),
    VpnEntry("… by a CA that everybody believes", with_a_public_cas),
    VpnEntry("… with the real certificate, without its key", with_the_certificate_alone),
    VpnEntry("… with that of another head end in the file", with_another_hosts),
    VpnEntry("… with a stolen key, during a change", with_a_stolen_key, leaks=_STILL_NAMED),
    VpnEntry("… with a stolen key, after the change", with_a_stolen_key_later),
    VpnEntry("a genuine phone that is none of ours", with_a_strangers_phone),
    VpnEntry("a phone's name, by a CA called like the maker", with_a_forged_certificate),
    VpnEntry("no certificate at all", without_a_certificate),
    VpnEntry("a phone's name and a guess", by_guessing),
)


def carry_out_at_vpn(entry: VpnEntry) -> BoxOutcome:
    """Attack a phone and a head end of its own."""
    got, did = entry.attack()
    return BoxOutcome(entry.name, got, did)


def _pem(key: rsa.RSAPrivateKey) -> Secret:
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
