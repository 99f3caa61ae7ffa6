"""Certificates of VPN head ends, by keys that are made once."""

import functools
import time

from cryptography import x509

from ringfence.hub.vpn import new_certificate
from ringfence.identity.certificates import to_pem
from ringfence.secret import Secret


@functools.cache
def head_end_certificate(number: int, *addresses: str) -> tuple[Secret, x509.Certificate]:
    """The key and the certificate with a number, for a head end at these addresses."""
    del number
    return new_certificate.make(addresses or ("vpn.example.org",), time.time())


def head_end_pem(number: int, *addresses: str) -> str:
    return to_pem(head_end_certificate(number, *addresses)[1])
