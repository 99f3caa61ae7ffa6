"""Schemas of the people's API: VPN head ends."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from ringfence.hub.fleet.vpn_certificate_states import VpnCertificateState
from ringfence.hub.people.schemas import Flag, Input, MacText, UnixSeconds
from ringfence.phones.vpn.head_end import VpnLogin
from ringfence.phones.vpn.ocserv import OcservVersion

_Address = Annotated[str, StringConstraints(max_length=260)]
_Network = Annotated[str, StringConstraints(max_length=20)]


class HeadEndCertificateView(BaseModel):
    """A certificate of a head end."""

    fingerprint: str = Field(description="Its SHA-256")
    pin: str = Field(description="Its SHA-1 in base64, as phones' files have it (certHash)")
    state: VpnCertificateState = Field(
        description="announced until it is used, then in-use; leaving until the next one was seen, then retired"
    )
    subject: str
    ends_at: UnixSeconds
    announced_at: UnixSeconds
    announced_by: str
    used_since: UnixSeconds | None


class HeadEndView(BaseModel):
    """A VPN head end, and how far the change of its certificate is."""

    name: str
    addresses: list[str] = Field(description="Where phones find it, in the order in which they try them")
    login: VpnLogin
    network: str = Field(description="Phones' addresses inside")
    routes: list[str] = Field(description="Networks that phones reach through it; none for everything")
    certificates: list[HeadEndCertificateView] = Field(description="The newest first")
    phones: int = Field(description="How many phones' files name it, or did lately")
    missing: int = Field(description="Phones that could not connect by the announced certificate, or the one in use")
    exported_at: UnixSeconds | None
    exported_by: str
    exported: str = Field(description="The certificate of the last export, by its SHA-256; empty for none")
    shown_at: UnixSeconds | None = Field(description="When it was looked at last")
    shown: str = Field(description="The certificate that it showed then, by its SHA-256")
    followed_at: UnixSeconds | None = Field(description="When what runs beside it asked last who may use it")
    attention: str = Field(description="What a person has to see, with what to do; empty for nothing")
    next_step: str = Field(description="What is to be done next; empty for nothing")


class NewHeadEnd(Input):
    """A head end to add."""

    name: str = Field(description="Its name, which settings use", examples=["berlin"])
    addresses: list[_Address] = Field(description="Where phones find it", examples=[["vpn.example.org"]])
    network: _Network = Field(description="Phones' addresses inside", examples=["10.99.0.0/22"])
    login: VpnLogin = Field(default=VpnLogin.CERTIFICATE, description="How phones sign in")
    routes: list[_Network] = Field(
        default=[], description="Networks that phones reach through it; none for everything", examples=[["10.0.0.0/8"]]
    )


class HeadEndChangesBody(Input):
    """Changes to a head end; a part that is null stays as it is."""

    addresses: list[_Address] | None = Field(default=None, description="All addresses, replacing the previous ones")
    network: _Network | None = None
    login: VpnLogin | None = None
    routes: list[_Network] | None = Field(default=None, description="All networks, replacing the previous ones")


class NewHeadEndCertificate(Input):
    """A certificate that a head end is to show."""

    pem: Annotated[str, StringConstraints(max_length=40_000)] = Field(
        description="In PEM, with the certificates of CAs behind it", examples=["-----BEGIN CERTIFICATE-----\n…"]
    )


class HeadEndSwitch(Input):
    """An order that a head end use the announced certificate."""

    leave_behind: Flag = Field(default=False, description="Do it though phones are missing: these can't connect then")


class VpnPhoneView(BaseModel):
    """A phone of a head end."""

    mac: MacText
    site: str
    model: str
    description: str
    missing: bool = Field(description="Whether it could not connect by the announced certificate, or the one in use")
    finds: bool = Field(description="Whether the file that it finds now names that certificate")
    taken_at: UnixSeconds | None = Field(description="When it was seen to take its file last")
    has_password: bool
    next_step: str


class HeadEndOrder(Input):
    """What a head end's files are to be like."""

    folder: Annotated[str, StringConstraints(max_length=1400)] = Field(
        description="Where the files are at the head end", examples=["/etc/ocserv/ringfence"]
    )
    version: OcservVersion = Field(default=OcservVersion.WITH_PHONES, description="What runs there")


class HeadEndFilesView(BaseModel):
    """Files for a head end, by their names."""

    files: dict[str, str]
    certificate: str = Field(description="The SHA-256 of the certificate that it is to show")
    key_file: str = Field(description="Where that certificate's key has to be, by its name in the folder")
    warnings: list[str]


class VpnPasswordView(BaseModel):
    """A new password, shown only once."""

    mac: MacText
    user: str = Field(description="What is typed at the phone as its user")
    password: str


class NewVpnPassword(Input):
    """The phone that is to have a new password."""

    mac: MacText


class HeadEndLook(Input):
    """What a head end was seen to show."""

    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="The certificate's SHA-256", examples=["ab" * 32]
    )
    follows: Flag = Field(default=False, description="Whether what runs beside it tells this, and follows its users")


class HeadEndUsersView(BaseModel):
    """Who may use a head end."""

    version: str = Field(description="Another one whenever something of this changes")
    files: dict[str, str] = Field(description="By their names; empty where the version is the one that was asked with")
    users: list[str] = Field(description="Who may be connected, by name")
    revoked: dict[str, int] = Field(
        description="How many certificates of these are revoked: one more of somebody ends what is connected by it"
    )
    certificate: str = Field(description="The SHA-256 of the certificate that it is to show")
