"""What can go wrong between the command line and the hub."""

from ringfence.errors import (
    BadInput,
    Conflict,
    ContentRefused,
    EnvironmentFault,
    NotFound,
    NotPermitted,
    PeerFault,
    RingfenceError,
)


class NotLoggedIn(BadInput):
    """The user is not logged in to a hub."""


class BadArgument(BadInput):
    """An argument that can't be used as it is."""


class NotConfirmed(BadInput):
    """A command that can't be undone was not confirmed."""


class NoRelease(NotFound):
    """Nothing has been published for a site yet."""


class HubAway(EnvironmentFault):
    """The hub does not answer."""


class AuditLogBroken(ContentRefused):
    """An entry of the audit log is not as it was written."""


class FileExists(Conflict):
    """The file to be written exists already."""


class CanNotWrite(EnvironmentFault):
    """A file can't be written on this machine."""


class SecretsPutBack(PeerFault):
    """A phone did not take its new SIP secret, so its old one was restored."""


class PhonesLeftOut(BadInput):
    """Phones whose files can't be made were left out of a publish."""


class Interrupted(RingfenceError):  # noqa: N818 - as in ringfence.errors
    """The user has pressed Ctrl-C while the hub was at work."""

    exit_code = 130


class NotServed(NotFound):
    """The server says that it has no such file."""


class NotAllowed(NotPermitted):
    """The server does not give us the file."""
