"""A hub's configuration: hub.toml in its data folder, overridden by RINGFENCE_HUB_… in the environment."""

import ipaddress
import socket
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

import tomlkit
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from tomlkit.exceptions import TOMLKitError

from ringfence.content.hub_endpoints import MOST_URLS, check_url
from ringfence.errors import RingfenceError
from ringfence.hub.data.authority import check_host
from ringfence.hub.data.blobs_config import BlobsConfig
from ringfence.hub.data.phones_config import PHONES_URLS, PhoneListenerConfig, url
from ringfence.hub.data.traces_config import TracesConfig
from ringfence.hub.errors import BadConfiguration

PEOPLE_PORT = 8443
DEVICE_PORT = 8444
ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - edges come over the internet; both listeners authenticate
ALL_INTERFACES_V6 = "::"

_IPV6 = 6
_FOR_BOXES = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""RFC 1918 and RFC 6598."""
_SMALLEST_POOL = 24
LEAST_AUDIT_DAYS = 30
_DATABASES = ("sqlite", "postgresql")


class HubConfig(PhoneListenerConfig, BlobsConfig, TracesConfig):
    """One hub's configuration.

    ``address`` is the host name or address that edges and people reach it by; ``device_url`` overrides what tokens
    name where a router or proxy gives it another port; ``other_device_urls`` are further addresses at which edges find
    it, such as those that it had before it moved (``ringfence hub move``); ``database_url`` is SQLAlchemy's, and empty
    for the folder's own SQLite. ``certificate_grace_days`` is for how long after its end an edge's certificate can
    still be renewed, for edges behind a long outage. ``backup_alert_days`` is after how long without a new copy people
    are told; 0 for never. ``phone_orders_a_minute`` is how many phones without an edge are told of a new release in a
    minute, through their organisation's PBXes; 0 for none.

    Of each site the newest ``releases_kept`` releases are kept, and all that are younger than ``releases_kept_days``;
    entries of the audit log for ``audit_kept_days``, 0 for ever.

    ``expired_phone_certificates`` is whether CAPF accepts phones' certificates that have ended: many makers' do after
    ten years, and their keys are as good as before.

    ``pbx_networks`` are the only networks in which PBXes may be reached, such as 10.0.0.0/24; empty for any but the
    hub's own machine and link-local addresses. ``alert_networks`` are those beside the internet to which alerts may go,
    ``sign_in_networks`` those in which sign-in providers may be.

    ``trusted_proxies`` are the networks of proxies that end TLS and are believed about who calls (docs/scale.md).

    ``people_url`` is where people find the pages, such as https://hub.example.org, where that is not its address with
    ``people_port``; their passkeys are bound to its host.

    ``box_pool`` is the private network of which boxes have their subnets, ``organisation_box_pools`` are those of
    single organisations, such as acme=10.80.0.0/16 (docs/adr/0043).

    ``trust_key_store`` is where new keys of phones' trust are kept: in files, or in the PKCS #11 token with the label
    ``pkcs11_token``, which the library ``pkcs11_module`` knows and the PIN in ``pkcs11_pin_file`` opens.

    People are listened to at ``people_listen``; where it is empty, at ``listen``, as edges are. They see
    ``people_certificate`` with ``people_key``, files in PEM whose paths may be relative to the data folder; where these
    are empty, a certificate of the hub's own CA.
    """

    model_config = SettingsConfigDict(env_prefix="RINGFENCE_HUB_", extra="forbid")

    name: str = Field(default="Ringfence hub", min_length=1, max_length=64)
    address: str
    listen: str = ALL_INTERFACES
    people_listen: str = ""
    people_port: int = Field(default=PEOPLE_PORT, ge=0, le=65535)
    device_port: int = Field(default=DEVICE_PORT, ge=0, le=65535)
    people_url: str = ""
    people_certificate: str = ""
    people_key: str = ""
    device_url: str = ""
    other_device_urls: tuple[str, ...] = ()
    database_url: str = ""
    pbx_networks: tuple[str, ...] = ()
    alert_networks: tuple[str, ...] = ()
    sign_in_networks: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    certificate_grace_days: int = Field(default=365, ge=0, le=3650)
    expired_phone_certificates: bool = True
    backup_alert_days: int = Field(default=7, ge=0, le=3650)
    releases_kept: int = Field(default=10, ge=2, le=10_000)
    releases_kept_days: int = Field(default=90, ge=1, le=36_500)
    audit_kept_days: int = Field(default=0, ge=0, le=36_500)
    phone_orders_a_minute: int = Field(default=300, ge=0, le=600)
    box_pool: str = "100.112.0.0/12"
    organisation_box_pools: tuple[str, ...] = ()
    trust_key_store: Literal["file", "pkcs11"] = "file"
    pkcs11_module: str = ""
    pkcs11_token: str = Field(default="", max_length=32)
    pkcs11_pin_file: str = ""

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            return check_host(value)
        except RingfenceError as fault:
            raise ValueError(fault.what) from None

    @field_validator("device_url", "people_url", *PHONES_URLS)
    @classmethod
    def _device_url(cls, value: str) -> str:
        return value and check_url(value)

    @field_validator("pbx_networks", "alert_networks", "sign_in_networks", "trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_network(each)) for each in value)
        except ValueError:
            raise ValueError("it holds what is no network, such as 10.0.0.0/24") from None

    @field_validator("other_device_urls")
    @classmethod
    def _other_device_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) >= MOST_URLS:
            raise ValueError(f"there are more than {MOST_URLS - 1} further addresses")
        return tuple(check_url(each) for each in value)

    @field_validator("box_pool")
    @classmethod
    def _box_pool(cls, value: str) -> str:
        return str(_pool(value))

    @field_validator("organisation_box_pools")
    @classmethod
    def _box_pools(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parts = [each.partition("=") for each in value]
        return tuple(f"{organisation.strip()}={_pool(pool.strip())}" for organisation, _equals, pool in parts)

    @field_validator("audit_kept_days")
    @classmethod
    def _audit_kept_days(cls, value: int) -> int:
        if 0 < value < LEAST_AUDIT_DAYS:
            raise ValueError(f"it is at least {LEAST_AUDIT_DAYS}, or 0 for ever")
        return value

    @model_validator(mode="after")
    def _token_is_named(self) -> Self:
        if self.trust_key_store == "pkcs11" and not (self.pkcs11_module and self.pkcs11_token and self.pkcs11_pin_file):
            raise ValueError("trust_key_store pkcs11 needs pkcs11_module, pkcs11_token and pkcs11_pin_file")
        return self

    @model_validator(mode="after")
    def _people_have_both(self) -> Self:
        if bool(self.people_certificate) is not bool(self.people_key):
            raise ValueError("people_certificate and people_key go together; one of them is missing")
        return self

    @field_validator("people_listen")
    @classmethod
    def _people_listen(cls, value: str) -> str:
        return value and cls._listen(value)

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("it is not an IP address of this machine; 0.0.0.0 listens on all") from None
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        try:
            known = not value or make_url(value).get_backend_name() in _DATABASES
        except ArgumentError:
            known = False
        if not known:
            raise ValueError("it is not a database URL such as postgresql://USER@HOST/NAME")
        return value

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every name and address that the server certificate is for."""
        urls = (
            self.device_url, *self.other_device_urls, self.people_url, self.phones_url, self.phones_old_url
        )  # fmt: skip
        others = dict.fromkeys(host for url in urls if (host := urlsplit(url).hostname))
        hosts = {self.address: None, **others, "localhost": None, "127.0.0.1": None, "::1": None}
        for listen in (self.listen, self.people_address):
            if not ipaddress.ip_address(listen).is_unspecified:
                hosts[listen] = None
        return tuple(hosts)

    @property
    def people_address(self) -> str:
        """Where the people's listener listens."""
        return self.people_listen or self.listen

    @property
    def host_for_people(self) -> str:
        """Where people find the hub: at its address, or on loopback if they are listened to there alone."""
        is_here_only = ipaddress.ip_address(self.people_address).is_loopback
        return self.people_address if is_here_only else self.address

    @property
    def told_people_url(self) -> str:
        """Where people find its pages; with port 0 the port is known only when the hub runs."""
        return self.people_url.rstrip("/") or url(self.host_for_people, self.people_port)

    @property
    def told_device_url(self) -> str:
        """The device listener's address that edges are told first; with port 0 it is known only when the hub runs."""
        return self.device_url or url(self.address, self.device_port)

    def box_pool_of(self, organisation_id: str) -> ipaddress.IPv4Network:
        """Return the network of which an organisation's boxes have their subnets."""
        own = dict(each.split("=") for each in self.organisation_box_pools)
        return ipaddress.IPv4Network(own.get(organisation_id, self.box_pool))

    def relocated(self, host: str, device_url: str = "") -> "HubConfig":
        """Return this configuration for a hub that is at ``host`` from now on, and can be found at its old place too.

        Args:
            host: The new host name or IP address.
            device_url: What edges are told where it differs from the host and ``device_port``; a port that the old one
                names stays.

        Raises:
            BadConfiguration: One of them can't be used.
        """
        if not device_url and self.device_url:
            device_url = url(check_host(host), urlsplit(self.device_url).port or 443)
        moved = self.changed(address=check_host(host), device_url=device_url, people_url=self._people_url_at(host))
        before = (self.told_device_url,) if self.device_url or self.device_port else ()  # port 0: any, so none to tell
        others = dict.fromkeys((*before, *self.other_device_urls))
        others.pop(moved.told_device_url, None)
        return moved.changed(other_device_urls=tuple(others))

    def _people_url_at(self, host: str) -> str:
        """Return ``people_url`` for a hub that moves to a host: where it names the old one, it names the new one."""
        parts = urlsplit(self.people_url)
        if parts.hostname != self.address:
            return self.people_url
        return url(check_host(host), parts.port or 443)

    @property
    def place(self) -> dict[str, str | tuple[str, ...]]:
        """The values that say where the hub is."""
        return {
            "address": self.address, "device_url": self.device_url, "other_device_urls": self.other_device_urls,
            "people_url": self.people_url,
        }  # fmt: skip

    def changed(self, **values: str | int | tuple[str, ...]) -> "HubConfig":
        """Return it with other values; BadConfiguration says what is wrong with them."""
        return make_config(**{**self.model_dump(), **values})


def _pool(value: str) -> ipaddress.IPv4Network:
    """Return a network that subnets of boxes may be of."""
    try:
        pool = ipaddress.IPv4Network(value)
    except ValueError:
        raise ValueError("it is no network in CIDR form, such as 100.112.0.0/12") from None
    if not any(pool.subnet_of(each) for each in _FOR_BOXES) or pool.prefixlen > _SMALLEST_POOL:
        raise ValueError(
            f"it must be private (10/8, 172.16/12, 192.168/16 or 100.64/10), with a prefix of at most {_SMALLEST_POOL}"
        )
    return pool


def default_listen(address: str) -> str:
    """Return where a hub at ``address`` listens if nothing is said: on loopback only for one that is only there."""
    everywhere = ALL_INTERFACES
    try:
        found = ipaddress.ip_address(address)
        loopback = found.is_loopback
        everywhere = ALL_INTERFACES_V6 if found.version == _IPV6 else ALL_INTERFACES
    except ValueError:
        loopback = address == "localhost"
    return ("127.0.0.1" if address == "localhost" else address) if loopback else everywhere


def default_people_listen(address: str) -> str:
    """Return where people are listened to if nothing is said: at the hub's address if it is one of this machine's.

    Otherwise, for a name or an address that a router translates, on loopback: who may come from elsewhere is for the
    hub's owner to say.
    """
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == _IPV6 else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except (ValueError, OSError):
        return "127.0.0.1"
    return address


def read_config(file: Path) -> HubConfig:
    """Read hub.toml, overridden by the environment; BadConfiguration says what is wrong."""

    class _FromFile(HubConfig):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del init_settings, dotenv_settings, file_secret_settings
            return env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

    try:
        return _FromFile()  # type: ignore[call-arg]  # the values come from the sources
    except ValidationError as fault:
        raise _bad(fault, str(file)) from None
    except tomllib.TOMLDecodeError as fault:
        raise BadConfiguration(f"the file is not TOML: {fault}", where=str(file), to_do="Correct that line.") from None


def make_config(**values: str | int | tuple[str, ...]) -> HubConfig:
    """Check the values that a command was given; BadConfiguration says what is wrong."""
    try:
        return HubConfig.model_validate(values)
    except ValidationError as fault:
        raise _bad(fault, "hub init") from None


def edited(text: str, values: Mapping[str, str | int | Sequence[str]]) -> str:
    """Return hub.toml's text with other values; comments, order and all other values stay.

    Raises:
        BadConfiguration: The text is not TOML.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as fault:
        raise BadConfiguration(f"the file is not TOML: {fault}", where="hub.toml", to_do="Correct that line.") from None
    for name, value in values.items():
        document[name] = value if isinstance(value, str | int) else list(value)
    return tomlkit.dumps(document)


def to_toml(config: HubConfig) -> str:
    """Return hub.toml's text."""
    lines = ["# A Ringfence hub. Environment variables RINGFENCE_HUB_… override these values."]
    for name, value in config.model_dump().items():
        match value:
            case bool():
                text = str(value).lower()
            case int():
                text = str(value)
            case tuple():
                text = "[" + ", ".join(_quoted(str(each)) for each in value) + "]"
            case _:
                text = _quoted(str(value))
        lines.append(f"{name} = {text}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bad(fault: ValidationError, where: str) -> BadConfiguration:
    first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "configuration"
    return BadConfiguration(
        f"{name} can't be used: {first['msg'].removeprefix('Value error, ')}", where=where, to_do="Change it."
    )
