"""TLS as phones of twenty years speak it: 1.0 to 1.3, with what old ones have of ciphers and digests."""

import ssl
import warnings

from ringfence.hub.child_channel import load_own
from ringfence.secret import Secret

_OLD_PHONES = "ALL:!aNULL:!eNULL:!EXPORT:@SECLEVEL=0"
"""No cipher without a key or without encryption, which ``ALL`` would let in at this level."""


def server_context(certificate: str, key: Secret) -> ssl.SSLContext:
    """Return the context of a service by its certificate and key in PEM; it asks for no certificate of the phone.

    Raises:
        ssl.SSLError: They can't be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(_OLD_PHONES)
    with warnings.catch_warnings():  # Python warns of what old phones speak
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    load_own(context, certificate, key)
    return context
