"""What the audit log does not tell of, and why: all other columns of all other tables are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ringfence.hub.store.base import Base
from ringfence.hub.store.blob_models import BlobRow, RetentionTallyRow
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.hub.store.draft_models import DraftEditRow, DraftRow
from ringfence.hub.store.due_order_models import DueOrderRow
from ringfence.hub.store.edge_job_models import EdgeJobPartRow, EdgeJobRow
from ringfence.hub.store.guard_models import (
    AlertChannelRow,
    AlertNoticeRow,
    EdgeNetworkRow,
    GuardAlertRow,
    GuardCountRow,
    GuardElsewhereRow,
    GuardNetworkRow,
    GuardWindowRow,
    ProvisioningCredentialRow,
)
from ringfence.hub.store.models import (
    ApiTokenRow,
    AuditEntryRow,
    EdgeCertificateRow,
    EdgeReportRow,
    EdgeRow,
    PhoneRow,
    SiteRow,
    UnknownEdgeRow,
)
from ringfence.hub.store.network_models import BoxRow, BoxSubnetRow, ConcentratorRow, TunnelKeyRow
from ringfence.hub.store.organisation_models import LastNumberRow
from ringfence.hub.store.pbx_models import OldSecretRow, PhoneOrderRow, RoomOrderRow, RotationRow
from ringfence.hub.store.people_models import (
    PasskeyChallengeRow,
    PasskeyRow,
    PersonRow,
    RecoveryCodeRow,
    SessionRow,
)
from ringfence.hub.store.phone_book_models import PhoneBookDirectoryRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateOrderRow, PhoneCertificateRow
from ringfence.hub.store.phone_file_models import PhoneFileRow
from ringfence.hub.store.phone_https_models import PhoneUrlKeyRow
from ringfence.hub.store.phone_trust_models import PhoneContentKeyRow, PhoneProfileKeyRow, PhoneTrustRow
from ringfence.hub.store.phone_web_models import PhoneWebExchangeRow
from ringfence.hub.store.release_models import (
    HubMemoryRow,
    LeftOutPhoneRow,
    PreparedTargetRow,
    PublicationLeaseRow,
    ReleaseTargetRow,
    RestorationRow,
    RoleMetadataRow,
    SiteStandingRow,
)
from ringfence.hub.store.rollout_models import RolloutPhoneRow, RolloutRow, RolloutSiteRow
from ringfence.hub.store.sign_in_provider_models import ProviderVisitRow
from ringfence.hub.store.vpn_models import VpnHeadEndRow, VpnOfferRow, VpnPhoneRow


@dataclass(frozen=True, slots=True)
class Untold:
    """What of a table is not told.

    ``columns`` are those whose changes are not; without any, nothing of the table is. Where ``rows_come_and_go``, new
    and deleted rows are not told either.
    """

    why: str
    columns: frozenset[str] = frozenset()
    rows_come_and_go: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the table is told."""
        return not self.columns


def _columns(why: str, names: str, *, rows_come_and_go: bool = False) -> Untold:
    return Untold(why, frozenset(names.split()), rows_come_and_go)


UNTOLD: Final[Mapping[type[Base], Untold]] = {
    AuditEntryRow: Untold("it is the log"),
    BlobRow: Untold("what is put for rows that are told; what is removed has an entry"),
    RetentionTallyRow: Untold("it counts"),
    LastNumberRow: Untold("it counts rows"),
    EdgeReportRow: Untold("what edges tell is a log of its own"),
    GuardCountRow: Untold("edges count"),
    AlertNoticeRow: Untold("what is still to be sent"),
    PublicationLeaseRow: Untold("a lock"),
    ReleaseTargetRow: Untold("what a publish makes of rows that are told; its release is"),
    RoleMetadataRow: Untold("signatures under what is told"),
    PreparedTargetRow: Untold("what a publish makes of rows that are told"),
    LeftOutPhoneRow: Untold("what a publish finds; its entry names them"),
    HubMemoryRow: Untold("a copy of which edges are revoked, which is told"),
    SiteStandingRow: Untold("what edges prove; what people decide of it is told as a release"),
    UnknownEdgeRow: Untold("who knocks"),
    BundleRow: _columns("when a portable last asked", "last_fetched_at"),
    EdgeCertificateRow: Untold("edges renew theirs by themselves; that one is enrolled or revoked is told"),
    GuardNetworkRow: Untold("learnt from what phones do"),
    GuardElsewhereRow: Untold("learnt from what phones do"),
    DueOrderRow: Untold("what a publish makes of rows that are told, and what came of it"),
    PhoneFileRow: Untold("what a publish makes of rows that are told, and what phones do"),
    PhoneOrderRow: Untold("what came of an order, which is told"),
    RoomOrderRow: Untold("what is still to be sent"),
    OldSecretRow: Untold("a copy while a rotation is under way, whose stages are told"),
    BoxRow: Untold("what boxes tell; another subnet or key has an entry"),
    BoxSubnetRow: Untold("who has which subnet follows from boxes"),
    TunnelKeyRow: Untold("whose keys are follows from what boxes and concentrators tell"),
    PhoneTrustRow: Untold("what its edge has seen it take; what that shows, and what people order, has an entry"),
    PhoneContentKeyRow: Untold("made for a certificate, which is told"),
    PhoneProfileKeyRow: Untold("what its edge has seen it take; a new key, and that it is taken, has an entry"),
    VpnOfferRow: Untold("what a publish makes of rows that are told; its release is"),
    VpnPhoneRow: Untold("what a publish makes of rows that are told, and what its edge has seen it take"),
    VpnHeadEndRow: _columns("what it shows, and what its follower does", "shown_at shown followed_at"),
    SessionRow: Untold("browsers come and go; who signs in, confirms, and whose session is ended has an entry"),
    RecoveryCodeRow: Untold("hashes alone; that there are new ones, and that one was used, has an entry"),
    ProviderVisitRow: Untold("who was sent to a provider; what came of it has an entry"),
    PasskeyChallengeRow: Untold("what a browser was asked to sign; what came of it has an entry"),
    PasskeyRow: _columns("their use, and what follows from others", "credential_digest sign_count last_used_at"),
    DraftRow: _columns("follows from its edits, or what publishing came to", "changed_at version last_edit problem"),
    DraftEditRow: _columns("digests of what was there, of secrets too", "found"),
    RolloutRow: _columns("its work under way", "changed_at why wave"),
    RolloutSiteRow: _columns("its work under way", "state release published_at problem"),
    RolloutPhoneRow: Untold("what becomes of a publish; that has an entry"),
    RestorationRow: _columns("set by the first start", "listens_until"),
    EdgeJobRow: _columns(
        "what its edge tells; its end has an entry",
        "state attempt began_at ended_at parts sentence result size_bytes web_requests web_bytes",
    ),
    EdgeJobPartRow: Untold("what its edge has heard"),
    PhoneWebExchangeRow: Untold("there for seconds; what changes something at a phone has an entry"),
    PhoneUrlKeyRow: Untold("what the listener has seen; that one is made, bound and taken away has an entry"),
    PhoneCertificateRow: _columns("the phone has shown it again", "seen_at"),
    PhoneCertificateOrderRow: _columns("what phones try", "wrong_passwords refusal"),
    GuardAlertRow: _columns(
        "edges cause them", "first_at last_at count sentence peer model", rows_come_and_go=True
    ),
    EdgeNetworkRow: _columns("edges cause them", "first_at last_at", rows_come_and_go=True),
    GuardWindowRow: _columns("a phone has used it", "bound_to used_at"),
    ProvisioningCredentialRow: _columns("a phone has used it", "proved_at"),
    AlertChannelRow: _columns("what sending came to", "sent sent_at failing_since problem dropped"),
    ApiTokenRow: _columns("its use", "last_used_at"),
    ConcentratorRow: _columns(
        "what it tells", "certificate_fingerprint certificate_ends_at hostname version endpoint public_key "
        "next_public_key peers_version peers_epoch told_at handshakes connected_until",
    ),
    RotationRow: _columns(
        "its work under way",
        "release changed_at until detail marks restored told problem failing_since next_try_at keeps_new",
    ),
    PhoneBookDirectoryRow: _columns("what asking came to", "asked_at answered_at problem left_out"),
    PersonRow: _columns("their use, and what follows from others", "name_key totp_step last_signed_in_at"),
    PhoneRow: _columns("what a publish has named", "named_load"),
    SiteRow: _columns(
        "counters, and what follows from others",
        "name_key newest_release release_floor removed_through edits rendered_edits rendered_by guard_version "
        "peers_number endpoints_digest keys_digest",
    ),
    EdgeRow: _columns(
        "what it tells",
        "hostname version certificate_serial certificate_fingerprint certificate_ends_at last_seen_at connected_until "
        "release reports_through fetched_bytes fetching_bytes network hub_url endpoints_digest issuer standing_at "
        "problem problem_text problem_since clock_off_s disk_free_bytes http_addresses reports_left reports_left_at "
        "reports_not_kept jobs_allowed jobs_problem mode_told",
    ),
}  # fmt: skip

_ALL_TOLD: Final = _columns("", "-")


def of(table: type[Base]) -> Untold:
    """Return what of a table is not told."""
    return UNTOLD.get(table, _ALL_TOLD)
