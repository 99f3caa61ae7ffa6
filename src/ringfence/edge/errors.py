"""What can go wrong at an edge, by what it does about it."""

from ringfence.errors import (
    BadInput,
    Conflict,
    ContentRefused,
    EnvironmentFault,
    NotPermitted,
    PeerFault,
)


class BadAddress(BadInput):
    """A text that is not an address to serve on."""


class BadProxy(BadInput):
    """A text that is not a proxy's address."""


class NotEnrolled(BadInput):
    """The folder holds no enrolled edge."""


class FolderBroken(BadInput):
    """A file of an edge's folder does not hold what it should."""


class AlreadyEnrolled(Conflict):
    """The folder holds an enrolled edge already."""


class FolderInUse(Conflict):
    """Another agent runs on the folder."""


class HubUnreachable(EnvironmentFault):
    """No answer from the hub, or a connection that broke; tried again with back-off."""


class HubRefused(NotPermitted):
    """The hub answered no; ``kind`` is its fixed word for why (wire.messages.PROBLEM_KINDS)."""

    def __init__(self, what: str, *, kind: str, where: str = "", to_do: str = "") -> None:
        super().__init__(what, where=where, to_do=to_do)
        self.kind = kind


class DiskFull(EnvironmentFault):
    """No room for what was to be written; the last good release stays in use."""


class DiskFault(EnvironmentFault):
    """The disk can't be written for another reason."""


class NoFrames(EnvironmentFault):
    """This machine does not let us see the frames on its wire; the agent goes on without what they prove."""


class BansUnavailable(EnvironmentFault):
    """The machine's firewall can't be told whom to keep out, or did not take it; the agent goes on without."""


class NeverBanned(Conflict):
    """An address that nobody may ban: this machine's own, or its default gateway."""


class BadPhonePort(BadInput):
    """What was named can't be the interfaces of a box."""


class NoPhonePort(EnvironmentFault):
    """The machine has no such interface now; a USB adapter may come late."""


class ProgramMissing(EnvironmentFault):
    """A program that a box needs is not installed."""


class HelperUnfit(EnvironmentFault):
    """The network helper can't work: it is not root's, or the machine refuses what it needs."""


class HelperGone(EnvironmentFault):
    """The network helper ended; the fence stays as it is, and a new start of the edge makes another helper."""


class BadNetworkRules(PeerFault):
    """A box's rules that ask for more than a box may do, or make no sense; the last good ones stay in force."""


class FenceRefused(EnvironmentFault):
    """nftables did not take a fence; the one before stays."""


class PortRefused(EnvironmentFault):
    """The machine did not do with the phone's port what it was told."""


class TunnelRefused(EnvironmentFault):
    """The machine did not do with the tunnel's interface what it was told, or has no WireGuard."""


class WifiRefused(EnvironmentFault):
    """This machine can't be told this Wi-Fi network."""


class JobRefused(NotPermitted):
    """A job that this machine does not allow, or can't do; the reason is told to the hub."""


class JobOver(Conflict):
    """A job that somebody cancelled, or that is another's: it ends where it is."""


class TlsUnfitToRun(EnvironmentFault):
    """The process that ends phones' TLS can't work."""


class RelayUnfitToRun(EnvironmentFault):
    """The process that takes phones' connections can't work."""


class OtherContentKey(PeerFault):
    """The hub's key is not the one that an edge's files are sealed with."""


class SealedFileBroken(ContentRefused):
    """A sealed file was altered or cut, or stands under another's name."""


class StorageLocked(PeerFault):
    """A sealed edge that the hub gave no key: it serves nothing until it has one."""
