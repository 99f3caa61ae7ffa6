"""What hub.toml says of the listener for phones."""

import ipaddress
from typing import Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from ringfence.addresses import host_port
from ringfence.hub.data.acme_config import PhoneAcmeConfig

_IPV6 = 6
_MOST_PORTS = 2**16
PHONES_URLS = ("phones_url", "phones_old_url")


class PhoneListenerConfig(PhoneAcmeConfig):
    """Where phones are listened to that fetch their files by HTTPS, and what they see there.

    Phones are listened to at ``phones_listen``, ADDRESS:PORT, and those that speak TLS 1.0 alone at
    ``phones_old_listen``; empty for neither. They see ``phones_certificate`` with ``phones_key``, the old ones
    ``phones_old_certificate`` with ``phones_old_key`` where these are set; without any, what a CA issues if hub.toml
    names one (``phones_acme_directory``), otherwise a certificate of the hub's own CA. ``phones_url`` and
    ``phones_old_url`` are where phones find the two.
    """

    phones_listen: str = ""
    phones_old_listen: str = ""
    phones_url: str = ""
    phones_old_url: str = ""
    phones_certificate: str = ""
    phones_key: str = ""
    phones_old_certificate: str = ""
    phones_old_key: str = ""

    @field_validator("phones_listen", "phones_old_listen", "phones_acme_listen")
    @classmethod
    def _phones_listen(cls, value: str) -> str:
        if value:
            listen_place(value)
        return value

    @model_validator(mode="after")
    def _phones_have_both(self) -> Self:
        if bool(self.phones_certificate) is not bool(self.phones_key):
            raise ValueError("phones_certificate and phones_key go together; one of them is missing")
        if bool(self.phones_old_certificate) is not bool(self.phones_old_key):
            raise ValueError("phones_old_certificate and phones_old_key go together; one of them is missing")
        if self.phones_certificate and self.phones_acme_directory:
            raise ValueError("phones_certificate and phones_acme_directory are two certificates for one address")
        return self

    def acme_names(self, address: str) -> tuple[str, ...]:
        """Return the names of the certificate that a CA issues for phones.

        Args:
            address: The hub's, for where nothing else is said.
        """
        return self.phones_acme_names or (urlsplit(self.phones_url).hostname or address.lower(),)

    def url_for_phones(self, address: str, *, is_old: bool) -> str:
        """Return where phones find the listener for them; empty where there is none, or its port is any.

        Args:
            address: The hub's, for where nothing else is said.
            is_old: Whether they speak TLS 1.0 alone.
        """
        listen, told = (
            (self.phones_old_listen, self.phones_old_url) if is_old else (self.phones_listen, self.phones_url)
        )
        if not listen or told:
            return told.rstrip("/")
        port = listen_place(listen)[1]
        return url(address, port) if port else ""


def listen_place(text: str) -> tuple[str, int]:
    """Return the IP address and the port of a text such as 0.0.0.0:8443 or [::]:8443. ValueError."""
    host, _colon, port = text.rpartition(":")
    try:
        found = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
    except ValueError:
        raise ValueError("it is not an address of this machine with a port, such as 0.0.0.0:8443") from None
    if not 0 <= number < _MOST_PORTS or (found.version == _IPV6) is not host.startswith("["):
        raise ValueError("it is not an address of this machine with a port, such as 0.0.0.0:8443 or [::]:8443")
    return str(found), number


def url(host: str, port: int) -> str:
    """Return the HTTPS address of a host name or IP address."""
    return f"https://{host_port(host, port)}"
