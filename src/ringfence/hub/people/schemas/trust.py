"""Schemas of the people's API: the keys of phones' trust."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ringfence.hub.people.schemas import Flag, Input, UnixSeconds
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.trust_keys import KeyState
from ringfence.phones.sip.pbx_tls import TlsPbx


class TrustKeyView(BaseModel):
    """A key of an organisation's trust: its certificate, and where it is kept."""

    id: str
    role: KeyRole
    state: KeyState = Field(description="next until every phone knows it, current while it is used, then retired")
    subject: str
    fingerprint: str = Field(description="The certificate's SHA-256")
    ends_at: UnixSeconds
    kept_in: str = Field(description="file, pkcs11, or offline for SAST 2")
    made_at: UnixSeconds
    made_by: str
    next_step: str = Field(description="What is to be done about it; empty for nothing")


class TrustRecoveryView(BaseModel):
    """What is known of the recovery file."""

    proved_at: UnixSeconds | None = Field(description="When somebody showed last that it opens")
    proved_by: str
    is_ready: bool = Field(description="Whether phones may be switched to signed files, as far as this is concerned")
    sentence: str


class TrustListView(BaseModel):
    """The list that phones are to have."""

    number: int
    signed_at: UnixSeconds
    signed_by: str = Field(description="The key, by id")
    keys: list[str] = Field(description="The keys in it, by id")
    why: str
    made_by: str
    phones_without: int = Field(description="How many phones were given a list and are not known to hold this one")


class PbxTlsView(BaseModel):
    """What a PBX was given last for SIP over TLS."""

    pbx: TlsPbx
    site: str | None = Field(description="Whose phones it was for; null for all sites'")
    fingerprint: str = Field(description="The SHA-256 of the certificate; empty if its key is no more")
    takes_old: bool = Field(description="Whether TLS 1.0 was allowed, for phones that know no better")
    demands: bool = Field(description="Whether it was told to demand phones' certificates")
    made_at: UnixSeconds
    made_by: str
    behind: str = Field(description="What it lacks by now, with what to do; empty for nothing")


class TrustView(BaseModel):
    """An organisation's trust."""

    organisation: str
    is_initialised: bool
    keys: list[TrustKeyView]
    recovery: TrustRecoveryView | None
    list: TrustListView | None
    pbxes: Sequence[PbxTlsView] = Field(default=(), description="What PBXes were given for SIP over TLS")


class NewTrust(Input):
    """What `ringfence trust init` has made: of the recovery key, the hub gets the certificate alone."""

    recovery_certificate: Annotated[str, StringConstraints(max_length=8192)] = Field(
        description="The certificate of SAST 2 in PEM, signed by its own key"
    )


class TrustChallenge(BaseModel):
    """What a recovery key is to sign, to show that it is there."""

    challenge: str = Field(description="In base64; good for ten minutes")


class TrustProof(Input):
    """A challenge, signed by the recovery key."""

    challenge: Annotated[str, StringConstraints(max_length=1024)]
    fingerprint: Annotated[str, StringConstraints(max_length=64)] = Field(
        description="The SHA-256 of the recovery key's certificate"
    )
    signature: Annotated[str, StringConstraints(max_length=1024)] = Field(
        description="RSASSA-PKCS1-v1_5 with SHA-512 over `ringfence trust check`, a zero byte and the challenge, "
        "in base64"
    )


class TrustRotation(Input):
    """Which key is to be changed."""

    role: Annotated[str, StringConstraints(max_length=20)] = Field(examples=["tftp"])
    recovery_certificate: Annotated[str, StringConstraints(max_length=8192)] = Field(
        default="", description="For SAST 2: the certificate of the new recovery key, in PEM, signed by its own key"
    )


class TrustListToSign(BaseModel):
    """A list that the recovery key is to sign."""

    signed_at: int = Field(description="The time in the list, in Unix seconds")
    data: dict[str, str] = Field(description="By the list's form, such as `1.0 SHA1`: the bytes to sign, in base64")


class SignedTrustList(Input):
    """The signatures of the recovery key under a list."""

    signed_at: Annotated[int, Field(ge=0, lt=2**32)]
    signatures: Annotated[
        dict[Annotated[str, StringConstraints(max_length=20)], Annotated[str, StringConstraints(max_length=1024)]],
        Field(max_length=10, description="By the list's form: RSASSA-PKCS1-v1_5 with its digest, in base64"),
    ]


class PbxTlsOrder(Input):
    """For which PBX the key of the role CCM is, and what it is to demand."""

    pbx: TlsPbx
    folder: Annotated[str, StringConstraints(max_length=400)] = Field(
        description="Where the files will be at the PBX", examples=["/etc/kamailio/ringfence"]
    )
    site: str | None = Field(default=None, description="Only this site's phones; null for all")
    demand_certificate: Flag = Field(default=False, description="Whether it is to demand phones' certificates")
    leave_out: Flag = Field(default=False, description="Whether to demand them though phones have none")


class PbxTlsFilesView(BaseModel):
    """A PBX's files, by name. One of them is the private key."""

    files: dict[str, str]
    fingerprint: str = Field(description="The certificate's SHA-256")
    warnings: Sequence[str]


class NewMakersAuthority(Input):
    """A CA of a phones' maker."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)

    pem: Annotated[str, StringConstraints(max_length=20_000)] = Field(description="Its certificate in PEM")


class MakersAuthorityView(BaseModel):
    """A CA that was added to those of `/port-authorities`, which are one list for 802.1X and CAPF."""

    id: str
    subject: str
    fingerprint: str = Field(description="The certificate's SHA-256")
    ends_at: UnixSeconds
