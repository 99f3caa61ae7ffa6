"""What hub.toml says of the CA that issues the certificate for phones (ACME, RFC 8555)."""

import ipaddress
import re
from pathlib import PurePosixPath
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

MOST_NAMES = 20
_MOST_CONTACTS = 4
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+{_LABEL}")
_CONTACT = re.compile(r"[^@\s,?&%]{1,64}@[A-Za-z0-9.-]{1,190}")
_LONGEST_NAME = 253


class PhoneAcmeConfig(BaseSettings):
    """Where the hub gets the certificate that phones see, if it is to get one by itself.

    ``phones_acme_directory`` is the CA's directory; empty for none. ``phones_acme_names`` are the certificate's names;
    empty for the host that phones find. The CA sees that they are the hub's by ``phones_acme_challenge``: by a request
    to port 80 of each name, which has to end at ``phones_acme_listen`` (http-01), or by a record in the DNS that the
    program ``phones_acme_program`` sets (dns-01). ``phones_acme_terms_agreed`` says that the CA's terms were read and
    agreed to, ``phones_acme_contact`` whom it may write to. ``phones_acme_eab_id`` with ``phones_acme_eab_key_file`` is
    for CAs that ask for an account of theirs. ``phones_acme_authorities`` is a file in PEM with the CAs that are
    believed of the directory itself, for a private one; empty for those that the machine knows.
    """

    phones_acme_directory: str = ""
    phones_acme_names: tuple[str, ...] = Field(default=(), max_length=MOST_NAMES)
    phones_acme_challenge: Literal["http-01", "dns-01"] = "http-01"
    phones_acme_listen: str = ""
    phones_acme_program: str = ""
    phones_acme_terms_agreed: bool = False
    phones_acme_contact: tuple[str, ...] = Field(default=(), max_length=_MOST_CONTACTS)
    phones_acme_eab_id: str = Field(default="", max_length=256)
    phones_acme_eab_key_file: str = ""
    phones_acme_authorities: str = ""

    @field_validator("phones_acme_directory")
    @classmethod
    def _directory(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme != "https" or not parts.hostname or parts.username is not None):
            raise ValueError("it is not an address such as https://acme.example.org/directory")
        return value

    @field_validator("phones_acme_names")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not is_dns_name(each):
                raise ValueError(f"{each[:80]!r} is not a DNS name such as phones.example.org")
        return tuple(dict.fromkeys(each.lower() for each in value))

    @field_validator("phones_acme_contact")
    @classmethod
    def _contact(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if _CONTACT.fullmatch(each) is None:
                raise ValueError(f"{each[:80]!r} is not a mail address such as admin@example.org")
        return value

    @field_validator("phones_acme_program")
    @classmethod
    def _program(cls, value: str) -> str:
        if value and not PurePosixPath(value).is_absolute():
            raise ValueError("it is not the whole path of a program, such as /etc/ringfence/set-dns-record")
        return value

    @model_validator(mode="after")
    def _acme_is_whole(self) -> Self:
        if bool(self.phones_acme_eab_id) is not bool(self.phones_acme_eab_key_file):
            raise ValueError("phones_acme_eab_id and phones_acme_eab_key_file go together; one of them is missing")
        if not self.phones_acme_directory:
            return self
        if self.phones_acme_challenge == "http-01" and not self.phones_acme_listen:
            raise ValueError("phones_acme_challenge http-01 needs phones_acme_listen")
        if self.phones_acme_challenge == "dns-01" and not self.phones_acme_program:
            raise ValueError("phones_acme_challenge dns-01 needs phones_acme_program")
        if self.phones_acme_challenge == "http-01" and any(each.startswith("*") for each in self.phones_acme_names):
            raise ValueError("a name with a star needs phones_acme_challenge dns-01")
        return self


def is_dns_name(text: str) -> bool:
    """Return whether a text is a name that a certificate of a public CA may have; an IP address is none."""
    if len(text) > _LONGEST_NAME or _NAME.fullmatch(text) is None:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return True
    return False
