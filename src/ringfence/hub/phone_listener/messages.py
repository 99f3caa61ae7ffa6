"""What the hub and the process that listens to phones say to each other: JSON over a socket pair that keeps messages.

The hub sends an ``AddAuthority`` for each CA, then ``ListenToPhones`` with the listening socket, and gets
``ListenerReady`` or ``ListenerUnfit``. Then the process tells of each request (``FileAsked``), which ``DeliverFile``
answers, with a descriptor of the file, or ``DenyFile``. It decides nothing: it has no list of phones, and no name of a
file that is not asked for.
"""

from msgspec import Struct

from ringfence.hub.child_channel import ChildChannel
from ringfence.secret import Secret

LONGEST_TARGET, LONGEST_AGENT = 1024, 200


class AddAuthority(Struct, frozen=True, tag=True):
    """A CA (PEM) whose certificates phones may show."""

    pem: str


class ListenToPhones(Struct, frozen=True, tag=True):
    """Show this certificate (PEM) with this key (PEM) at the socket that comes with this.

    ``is_for_old``: to phones that speak TLS 1.0 alone, with what they have of ciphers and digests.
    """

    certificate: str
    key: Secret
    is_for_old: bool = False


class DeliverFile(Struct, frozen=True, tag=True):
    """Answer a request with the file whose descriptor comes with this."""

    number: int
    name: str
    size_bytes: int
    etag: str


class DenyFile(Struct, frozen=True, tag=True):
    """Answer a request with what every refusal gets."""

    number: int


class RetireListener(Struct, frozen=True, tag=True):
    """Accept no more connections, and end when those that there are have ended: another process listens now."""


class ListenerReady(Struct, frozen=True, tag=True):
    """Phones may come; ``held_by`` says how the process is confined."""

    held_by: str


class ListenerUnfit(Struct, frozen=True, tag=True):
    """The process can't work; the sentence says why."""

    why: str


class FileAsked(Struct, frozen=True, tag=True):
    """A phone asks for a file.

    ``target`` is the request's, ``certificate`` (DER) what TLS has verified and proved, empty for none.
    """

    number: int
    host: str
    port: int
    target: str
    certificate: bytes = b""
    user_agent: str = ""


class FileSent(Struct, frozen=True, tag=True):
    """What became of a file: ``is_whole`` if the phone took all that it asked for, which may be that it has it."""

    number: int
    size_bytes: int
    duration_s: float
    is_whole: bool


class HandshakeFailed(Struct, frozen=True, tag=True):
    """TLS with somebody came to nothing; ``is_foreign``: what he showed is of no CA that counts."""

    host: str
    reason: str
    is_foreign: bool = False


ToListener = AddAuthority | ListenToPhones | DeliverFile | DenyFile | RetireListener
FromListener = ListenerReady | ListenerUnfit | FileAsked | FileSent | HandshakeFailed
CHANNEL: ChildChannel[ToListener, FromListener] = ChildChannel(ToListener, FromListener, "phone listener")
