"""A server's files for phones with trust lists: what a hub that signs would serve, made by the formats alone."""

from dataclasses import dataclass, field

from cryptography import x509

from ringfence.phones.trust.encrypted_file import ContentKey, encrypted, stub
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.signed_file import signed
from ringfence.phones.trust.trust_list import ITL_NAME, TrustRecord, trust_list
from ringfence.server.errors import FileRefused
from ringfence.tftp.options import RequestedOptions
from support.trust_signers import SIGNED_AT, SignerInHand, fixed_signer


@dataclass
class TrustedFiles:
    """Lists and files of one organisation: two SAST keys, and one that signs files."""

    sast: SignerInHand = field(default_factory=lambda: fixed_signer("sast"))
    backup: SignerInHand = field(default_factory=lambda: fixed_signer("other", 0x0A0B))
    tftp: SignerInHand = field(default_factory=lambda: fixed_signer("tftp"))
    digest: SigningHash = SigningHash.SHA1

    def list(
        self, *, by: SignerInHand | None = None, roles: tuple[TrustRole, ...] = (TrustRole.TFTP, TrustRole.TVS),
        filename: str = ITL_NAME, signed_at: int = SIGNED_AT, signer_version: tuple[int, int] = (1, 0),
    ) -> bytes:  # fmt: skip
        records = [TrustRecord(TrustRole.SAST, each.certificate) for each in (self.sast, self.backup)]
        records += [TrustRecord(role, self.tftp.certificate) for role in roles]
        return trust_list(
            records, filename=filename, signed_at=signed_at, signer=by or self.sast, digest=self.digest,
            signer_version=signer_version,
        )  # fmt: skip

    def signed(self, body: bytes, name: str, *, by: SignerInHand | None = None, signed_at: int = SIGNED_AT) -> bytes:
        return signed(body, filename=f"{name}.sgn", signed_at=signed_at, signer=by or self.tftp, digest=self.digest)

    def encrypted(self, body: bytes, name: str, certificate: x509.Certificate) -> dict[str, bytes]:
        """Return a stub and the encrypted file that it leads to, by their names."""
        sealed = encrypted(
            body, filename=f"{name}.enc.sgn", signed_at=SIGNED_AT, signer=self.tftp, digest=self.digest,
            content_key=ContentKey.for_certificate(certificate, bytes(range(16))), iv=bytes(16),
        )  # fmt: skip
        return {f"{name}.sgn": self.signed(stub(body, certificate), name), f"{name}.enc.sgn": sealed}


class FilesInMemory:
    """A server's files, with what was asked of it in a boot: the port that virtual phones fetch through."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.asked: list[str] = []

    def __call__(
        self, _server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        del options, source_host
        self.asked.append(name)
        if name not in self.files:
            raise FileRefused(1, "File not found")
        return self.files[name]

    def take_asked(self) -> list[str]:
        """Return what was asked since the last time."""
        asked, self.asked = self.asked, []
        return asked
