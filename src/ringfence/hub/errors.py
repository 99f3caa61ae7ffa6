"""What can go wrong at the hub."""

from typing import ClassVar, Literal

from ringfence.errors import (
    BadInput,
    Conflict,
    EnvironmentFault,
    NotFound,
    NotPermitted,
    PeerFault,
)


class NameRefused(BadInput):
    """A name or id that the hub does not take."""


class BadSelection(BadInput):
    """A request that makes no sense as it is."""


class SecretWouldBeShared(BadInput):
    """A file that every phone of a site may fetch holds a secret."""


class FilesDisagree(BadInput):
    """Two phones of a site would need different files under one name."""


class UnknownOrganisation(NotFound):
    """No organisation has this id, or it is not the caller's to know."""


class UnknownSite(NotFound):
    """No site has this id."""


class UnknownPhone(NotFound):
    """No phone of this hub has this MAC address."""


class UnknownGroup(NotFound):
    """No group of phones has this id."""


class UnknownLoad(NotFound):
    """No load with this name has been imported."""


class BlobDiffers(BadInput):
    """An upload differs from its announcement."""


class BrokenBundle(BadInput):
    """Firmware that is incomplete, or not what it claims to be."""


class LoadInUse(Conflict):
    """Phones still name this load."""


class FirmwareMissing(BadInput):
    """A phone should run a load that has not been imported."""


class SkipsStep(BadInput):
    """A phone would skip a load that it needs between two others."""


class PbxUnavailable(EnvironmentFault):
    """A PBX can't be reached."""


class DirectoryUnavailable(EnvironmentFault):
    """A directory that a phone book is read from can't be reached, refuses, or answers what is no answer."""


class PbxAddressRefused(BadInput):
    """The hub may not reach a PBX at its address."""


class PbxRefused(BadInput):
    """A PBX refuses a request."""


class PhoneNotRegistered(NotFound):
    """A phone has no registration at its PBX."""


class StillTrusting(Conflict):
    """A phone may hold a trust list of the organisation."""


class KeyNotTaken(Conflict):
    """A phone was not seen to take the key of its profiles that it has."""


class EdgeIsRevoked(Conflict):
    """A revoked edge is told nothing any more."""


class ChangedMeanwhile(Conflict):
    """Somebody else has changed what a form is about since it was shown."""


class OtherOrganisation(Conflict):
    """A form is about another organisation than the one that its sender looks at now."""


class TooManyStreams(EnvironmentFault):
    """Somebody has as many live pages open as one may have."""


class AlertChannelUnavailable(EnvironmentFault):
    """An alert channel can't be reached, or doesn't take what it is told."""


class AlertChannelTaken(Conflict):
    """An alert channel with this id exists, or there are too many."""


class UnknownAlertChannel(NotFound):
    """No alert channel has this id."""


class UnknownActivation(NotFound):
    """No activation code has this id."""


class ActivationRefused(BadInput):
    """An activation code opens nothing, or does not fit the phone."""


class UnknownPhoneBook(NotFound):
    """No phone book has this id."""


class PhoneBookTaken(Conflict):
    """A phone book with this id exists."""


class UnknownPbx(NotFound):
    """No PBX has this id, or none serves this phone."""


class PbxTaken(Conflict):
    """A PBX with this id exists, or is in use."""


class RotationRunning(Conflict):
    """A phone's secrets are being changed already."""


class Unpublished(Conflict):
    """A site has edits that have not been published."""


class UnknownAsset(NotFound):
    """No asset has this id."""


class BadPolicy(BadInput):
    """A guard policy with a value that means nothing."""


class UnknownBundle(NotFound):
    """No such line of portable bundles."""


class BadBundle(BadInput):
    """There can be no such portable bundle."""


class BundleRevoked(Conflict):
    """A line of portable bundles was revoked; nothing newer is made of it."""


class NothingToEnd(NotFound):
    """There is nothing to end."""


class NothingRecorded(NotFound):
    """No edge has reported a decision about this phone."""


class UnknownAlert(NotFound):
    """No alert has this number."""


class UnknownTemplate(NotFound):
    """The operator has no template for this file."""


class UnknownLine(NotFound):
    """The phone has no line with this number."""


class UnknownEdge(NotFound):
    """No edge has this id."""


class UnknownEdgeJob(NotFound):
    """No edge was ever asked for a job with this id."""


class EdgeAway(Conflict):
    """An edge is not connected, and is asked for something now."""


class JobRefusedByEdge(NotPermitted):
    """An edge's owner does not allow what it is asked for."""


class UnknownToken(NotFound):
    """No token has this id."""


class UnknownRelease(NotFound):
    """The site has no release with this number."""


class NotSet(NotFound):
    """The setting has no value at this scope."""


class NothingHere(NotFound):
    """There is no such path, metadata or blob."""


class AddressRefused(EnvironmentFault):
    """An address to which the hub may not connect."""


class OrganisationTaken(Conflict):
    """The id is or was an organisation's."""


class OrganisationFull(Conflict):
    """The organisation has as many of something as whoever runs the hub allows it."""


class OrganisationNotEmpty(Conflict):
    """The organisation still has something."""


class SiteTaken(Conflict):
    """A site with this name or id exists."""


class GroupTaken(Conflict):
    """A group with this name or id exists."""


class GroupNotEmpty(Conflict):
    """The group still has phones."""


class SiteNotEmpty(Conflict):
    """The site still has phones or edges."""


class SiteHeld(Conflict):
    """The site gets no release until somebody decides."""


class DuplicateMac(Conflict):
    """A phone with this MAC address exists."""


class SiteInDoubt(EnvironmentFault):
    """Edges of the site have, or may have, what the hub does not; a person decides."""


class UnknownDraft(NotFound):
    """No draft has this id, or it is not the caller's to see."""


class LimitReached(Conflict):
    """There is no room for one more."""


class UnknownRollout(NotFound):
    """No rollout has this id."""


class DraftChanged(Conflict):
    """Somebody else changed a draft at the same moment."""


class DraftConflicts(Conflict):
    """Somebody else has written what a draft edits."""


class DraftBroken(Conflict):
    """An edit of a draft can't be made any more."""


class EditsNotPublished(Conflict):
    """A draft's edits are made, and what they change is not published yet."""


class NotInDraft(BadInput):
    """A request that drafts can't hold."""


class ApprovalMissing(NotPermitted):
    """A second person has to approve it first."""


class PublishRunning(Conflict):
    """Another publish holds the lease."""


class EdgesLeftBehind(Conflict):
    """Edges would not find the hub any more."""


class RootKeyLost(Conflict):
    """The hub lacks the root key by which edges of a site know it."""


class KeyInUse(Conflict):
    """A key can't be changed or retired yet, as something still needs the one before."""


class UnknownKey(NotFound):
    """The hub has no key by this name that can be changed."""


class BadConfiguration(BadInput):
    """hub.toml or an environment variable holds a value that the hub does not take."""


class ListenerPortTaken(EnvironmentFault):
    """The address and port can't be listened on."""


class BodyRefused(BadInput):
    """A request's body is too long, or holds what is no JSON or can't be held."""


class NotStorable(BadInput):
    """A value that the database can't hold."""


class TooManyTries(NotPermitted):
    """Too many tries were refused; ``wait_s`` is how long none is looked at."""

    def __init__(self, what: str, *, wait_s: int, to_do: str) -> None:
        super().__init__(what, to_do=to_do)
        self.wait_s = wait_s


class TooManyCodes(TooManyTries):
    """Too many activation codes were wrong."""


class ScopeExceeded(NotPermitted):
    """The API token is for less than the request asks for."""


TokenProblem = Literal["token-wrong", "token-used", "token-expired", "token-revoked"]
CertificateProblem = Literal[
    "certificate-missing", "certificate-unknown", "certificate-expired", "renewed-too-often", "edge-revoked",
    "edge-revoked-serves", "edge-moved",
]  # fmt: skip


class EdgeRefused(NotPermitted):
    """An edge's token or certificate is refused; ``kind`` is one of wire.messages.PROBLEM_KINDS."""

    def __init__(self, kind: TokenProblem | CertificateProblem, what: str, *, to_do: str = "") -> None:
        super().__init__(what, to_do=to_do)
        self.kind = kind


class EdgeBusy(EnvironmentFault):
    """An edge asks again before its last request is answered."""


class OutOfOrder(PeerFault):
    """A batch of reports leaves a gap; ``expected`` is the number of the next report."""

    status: ClassVar[int] = 409

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(
            f"report {got} arrived, but report {expected} is next",
            where=str(expected),
            to_do=f"Send from report {expected} on.",
        )
        self.expected = expected
