"""A phone's provisioning credential: the user and the password by which it fetches its own file over HTTP."""

from ringfence.phones.sip.digest import ha1
from ringfence.secret import Secret

REALM = "phones"
"""The same at every edge, so that what proves a credential is made once."""


def credential_user(bare: str) -> str:
    """Return the user of the phone with a bare MAC address."""
    return bare.lower()


def credential_ha1(bare: str, password: Secret) -> Secret:
    """Return what an edge needs to judge an answer; the password can't be had from it."""
    return ha1(credential_user(bare), REALM, password)
