"""Where an edge serves phones, as people write it."""

from ringfence.edge.errors import BadAddress

LARGEST_PORT = 65_535
TFTP_PORT = 69
HTTP_PORT = 6970
OFF = "off"


def read_address(text: str) -> tuple[str, int]:
    """Read ``host:port`` or ``[host]:port``.

    Raises:
        BadAddress: The text is neither.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > LARGEST_PORT:
        raise BadAddress(f"{text!r} is not HOST:PORT", to_do="Give one such as 0.0.0.0:69 or [::]:69.")
    return host.strip("[]"), int(port)


def http_addresses(texts: list[str], listen: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return where HTTP is spoken: as ``texts`` say, nowhere for ``off``; otherwise beside TFTP on port 69.

    Phones ask for port 6970 of their TFTP server and no other (PHONES.md section 2).
    """
    if texts == [OFF]:
        return []
    if texts:
        return [read_address(text) for text in texts]
    return [(host, HTTP_PORT) for host, port in listen if port == TFTP_PORT]
