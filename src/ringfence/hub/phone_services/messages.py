"""What the hub and the process that talks to phones say to each other: JSON over a socket pair that keeps messages.

The hub sends ``UseKeys`` and gets ``ServicesReady`` or ``ServicesUnfit``. Then each ``OpenConnection`` comes with a
descriptor: the hub's end of a phone's bytes. Of CAPF the process tells ``DeviceShown``, and does what it is ordered;
of TVS ``CertificateAsked``, which ``Verified`` answers. The process decides nothing: it has no list of phones.
"""

from enum import StrEnum

from msgspec import Struct

from ringfence.hub.child_channel import ChildChannel
from ringfence.secret import Secret


class PhoneService(StrEnum):
    """What a phone connects to."""

    CAPF = "capf"
    TVS = "tvs"


class UseKeys(Struct, frozen=True, tag=True):
    """The certificates (PEM) and keys (PEM) of an organisation's two services."""

    capf_certificate: str
    capf_key: Secret
    tvs_certificate: str
    tvs_key: Secret


class OpenConnection(Struct, frozen=True, tag=True):
    """Talk to the phone behind the descriptor that comes with this; ``session`` is the number that CAPF names."""

    number: int
    service: PhoneService
    session: int


class EndSession(Struct, frozen=True, tag=True):
    """End with this reason (``CapfReason``)."""

    number: int
    reason: int


class InstallLsc(Struct, frozen=True, tag=True):
    """Have the phone make an RSA key of so many bits, and issue a certificate for it; times in Unix seconds."""

    number: int
    key_bits: int
    serial: str
    begins_at: float
    ends_at: float


class StoreLsc(Struct, frozen=True, tag=True):
    """The certificate that was made is the hub's too: give it to the phone."""

    number: int


class FetchCertificate(Struct, frozen=True, tag=True):
    """Ask the phone for its LSC."""

    number: int


class DeleteCertificate(Struct, frozen=True, tag=True):
    """Have the phone delete its LSC."""

    number: int


class Verified(Struct, frozen=True, tag=True):
    """What is known of a certificate: roles (``TrustRole``), for so long; no role means that it is not trusted."""

    number: int
    roles: tuple[int, ...] = ()
    ttl_s: int = 0


class ServicesReady(Struct, frozen=True, tag=True):
    """Phones may come; ``held_by`` says how the process is confined."""

    held_by: str


class ServicesUnfit(Struct, frozen=True, tag=True):
    """The process can't work; the sentence says why."""

    why: str


class DeviceShown(Struct, frozen=True, tag=True):
    """What a phone answered to CAPF's first question."""

    number: int
    device_name: str
    certificate: bytes = b""
    signed_data: bytes = b""
    sha2_signed_data: bytes = b""
    sudi_data: bytes = b""
    password: Secret = Secret("")


class LscMade(Struct, frozen=True, tag=True):
    """A certificate (DER) for the key that the phone made; the phone does not have it yet."""

    number: int
    certificate: bytes


class OrderDone(Struct, frozen=True, tag=True):
    """The phone did what was ordered; ``certificate`` is what it gave, if that was asked for."""

    number: int
    certificate: bytes = b""


class SessionFailed(Struct, frozen=True, tag=True):
    """The session came to nothing, by a ``CertificateRefusal``."""

    number: int
    refusal: str
    detail: str = ""


class CertificateAsked(Struct, frozen=True, tag=True):
    """A phone asks TVS about a certificate (DER)."""

    number: int
    device_name: str
    certificate: bytes


class ConnectionOver(Struct, frozen=True, tag=True):
    """Nothing more comes of this connection."""

    number: int


ToServices = (
    UseKeys | OpenConnection | EndSession | InstallLsc | StoreLsc | FetchCertificate | DeleteCertificate | Verified
)
FromServices = (
    ServicesReady
    | ServicesUnfit
    | DeviceShown
    | LscMade
    | OrderDone
    | SessionFailed
    | CertificateAsked
    | ConnectionOver
)
CHANNEL: ChildChannel[ToServices, FromServices] = ChildChannel(ToServices, FromServices, "phone services")
