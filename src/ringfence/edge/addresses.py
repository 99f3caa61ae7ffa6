"""Where an edge serves phones, as people write it."""

from ringfence.edge.errors import BadAddress

LARGEST_PORT = 65_535


def read_address(text: str) -> tuple[str, int]:
    """Read ``host:port`` or ``[host]:port``; BadAddress says what is wrong."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > LARGEST_PORT:
        raise BadAddress(f"{text!r} is not HOST:PORT", to_do="Give one such as 0.0.0.0:69 or [::]:69.")
    return host.strip("[]"), int(port)
