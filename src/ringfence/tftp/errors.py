"""What can be wrong with TFTP itself."""

from ringfence.errors import BadInput, EnvironmentFault, PeerFault


class MalformedPacket(PeerFault):
    """Bytes that are no TFTP packet (RFC 1350 section 5); they change nothing."""


class MalformedRequest(MalformedPacket):
    """Bytes with a request's opcode that are no request: the one malformed packet that deserves an answer."""


class ReadFailed(EnvironmentFault):
    """The bytes of the file that is being sent could not be read; raised by the ``read`` argument of a sender."""


class BadUri(BadInput):
    """A text that is not a TFTP URI (RFC 3617)."""
