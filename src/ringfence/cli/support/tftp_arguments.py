"""Arguments of the commands that speak TFTP themselves: a server, and TFTP options to request."""

from collections.abc import Sequence
from dataclasses import replace

from ringfence.cli.support.errors import BadArgument
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions

TFTP_PORT = 69
_HIGHEST_PORT = 65535
EXAMPLES = "blksize=1428, tsize, timeout=2, windowsize=4"


def read_server(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST``, ``HOST:PORT`` or ``[IPV6]:PORT``; BadArgument otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, str(TFTP_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) <= _HIGHEST_PORT:
        raise BadArgument("this is not a server address", where=text, to_do="Write HOST or HOST:PORT.")
    return host, int(port)


def read_options(texts: Sequence[str], options: RequestedOptions = NO_OPTIONS) -> RequestedOptions:
    """Return ``options`` with those that ``texts`` name; BadArgument lists the known ones."""
    for text in texts:
        name, _equals, value = text.partition("=")
        match name, value.isascii() and value.isdecimal():
            case "blksize", True:
                options = replace(options, block_size=int(value))
            case "timeout", True:
                options = replace(options, timeout_s=int(value))
            case "windowsize", True:
                options = replace(options, window_size=int(value))
            case "tsize", _:
                options = replace(options, transfer_size=True)
            case _:
                raise BadArgument("this TFTP option can't be requested", where=text, to_do=f"Known: {EXAMPLES}.")
    return options
