"""TLS of the listener for phones: one context for those of today, and another for those that speak TLS 1.0 alone.

The two are never the same process's: whoever connects to the one for today's phones can't be led to less than TLS 1.2.
"""

import ssl
import warnings
from collections.abc import Sequence

from ringfence.hub.child_channel import load_own
from ringfence.identity.certificates import NO_CHECK_TIME
from ringfence.secret import Secret

PARTIAL_CHAIN = 0x80000
"""OpenSSL's X509_V_FLAG_PARTIAL_CHAIN (x509_vfy.h): makers' CAs that issue certificates are not roots."""
_OLD_PHONES = "ALL:!aNULL:!eNULL:!EXPORT:!RC4:!DES:@SECLEVEL=0"
"""What SPA phones have (PHONES.md section 8) without what anybody on the way can read."""


def listener_context(certificate: str, key: Secret, authorities: Sequence[str], *, is_for_old: bool) -> ssl.SSLContext:
    """Return the context of the listener.

    A client certificate is optional in the handshake: phones without one have a key in their URL. One that is shown
    must be of these CAs. Whether it has ended, or was revoked, the hub judges with each request.

    Args:
        certificate: What phones see, in PEM, with what is between it and its CA.
        key: Its key, in PEM.
        authorities: The CAs of phones, in PEM.
        is_for_old: Whether it is for phones that speak TLS 1.0 alone.

    Raises:
        ssl.SSLError: Something can't be read, or certificate and key do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if is_for_old:
        context.set_ciphers(_OLD_PHONES)
        with warnings.catch_warnings():  # Python warns of what old phones speak
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME | PARTIAL_CHAIN)
    for authority in authorities:
        context.load_verify_locations(cadata=authority)
    load_own(context, certificate, key)
    return context
