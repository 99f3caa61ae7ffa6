"""Two sites with a phone each, one with a trust list, as tests of publishing hold them."""

from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric import rsa

from ringfence.hub.core import Hub
from ringfence.hub.fleet import phone_certificates, phone_trust, settings
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.publishing import releases
from ringfence.hub.publishing.publish import Publication, publish
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.pages import Page
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.trust import holders, rotation, trust_alerts, trust_keys
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import to_pem
from ringfence.phones.settings.types import Scope
from ringfence.phones.trust.phone_certificates import CertificateKind, KeyProof
from ringfence.wire.messages import Report, ReportKind
from support.trust_signers import certificate_for, fixed_signer, name
from support.two_sites import ANNA, add_two_sites

OWN = f"SEP{ANNA.bare}.cnf.xml"
LIST = f"ITLSEP{ANNA.bare}.tlv"
PHONE_KEY = fixed_signer("phone").key


@dataclass
class TrustingFleet:
    """Two sites with a phone each; Anna's is the one with a trust list."""

    hub: Hub
    seq: int = 0

    @classmethod
    def published(cls, hub: Hub) -> Self:
        """The two sites in an empty hub, published once."""
        made = cls(add_two_sites(hub))
        made.publish()
        return made

    def taking_signed(self) -> Self:
        """The phone was seen to take signed files."""
        self.initialise()
        self.set(trust="signed")
        self.publish()
        self.took(LIST, OWN + ".sgn")
        self.publish()
        return self

    def set(self, **values: str) -> None:
        for setting, value in values.items():
            with self.hub.change("test") as change:
                settings.put(change, self.hub.sealer, SettingPlace(Scope.PHONE, ANNA.bare), setting, value)

    def publish(self) -> Publication:
        return publish(self.hub, "test")

    @property
    def number(self) -> int:
        with self.hub.database.reading() as session:
            return session.get_one(SiteRow, "anna").newest_release

    @property
    def files(self) -> dict[str, bytes]:
        """Every file of Anna's site."""
        with self.hub.database.reading() as session:
            targets = releases.newest_targets(session, ["anna"])["anna"]
        return {target.name: self.hub.blobs.get(target.digest) for target in targets}

    def took(self, *names: str, peer: str = "192.168.1.77") -> None:
        """Say that the phone took these files of the newest release, one after the other."""
        for each in names:
            self.seq += 1
            report = Report(self.seq, 1.0, ReportKind.FILE_SERVED, "Served.", name=each, owner=ANNA.bare, peer=peer,
                            release=self.number)  # fmt: skip
            with self.hub.change("edge") as change:
                phone_trust.take(change, "anna", [report])

    def initialise(self, *, proved: bool = True) -> None:
        key = RecoveryKey.new(self.hub.organisation_id)
        with trust_keys.made_keys(self.hub) as made, self.hub.change("test") as change:
            trust_keys.initialise(self.hub, change, made, to_pem(key.certificate))
        if proved:
            self.prove()

    def prove(self) -> None:
        with self.hub.change("test") as change:
            row = change.session.query(TrustKeyRow).filter_by(role=KeyRole.SAST_2.value).one()
            row.proved_at, row.proved_by = change.now, "test"

    def rotate(self, role: KeyRole) -> None:
        rotation.rotate_now(self.hub, "test", role)

    @property
    def behind(self) -> list[str]:
        """The phones that are not known to hold the newest list."""
        with self.hub.database.reading() as session:
            return list(holders.phones_without_last_list(session))

    def late_alerts(self) -> list[str]:
        """What is told of phones that have not taken their list for long."""
        trust_alerts.look(self.hub)
        with self.hub.database.reading() as session:
            page = Page(10, "")
            return [row.sentence for row in alerts.find(session, page, site_id=None, kinds=[alerts.TRUST_LATE]).rows]

    def show_certificate(
        self, kind: CertificateKind = CertificateKind.MIC, key: rsa.RSAPrivateKey = PHONE_KEY, serial: int = 1
    ) -> None:
        certificate = certificate_for(key, name(f"CP-7945G-SEP{ANNA.bare}"), serial=serial)
        with self.hub.change("capf") as change:
            phone_certificates.take(change, ANNA, kind, certificate, KeyProof.REPLAYABLE)
