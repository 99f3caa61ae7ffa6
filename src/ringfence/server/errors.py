"""What can go wrong around the serving worker."""

from ringfence.errors import (
    BadInput,
    EnvironmentFault,
    NotFound,
    PeerFault,
)


class PortInUse(EnvironmentFault):
    """Another program has the address and port that the worker should listen on."""


class ListenRefused(EnvironmentFault):
    """The machine does not let us listen there: no such address, or a port that needs root."""


class WorkerFault(EnvironmentFault):
    """The worker would not start, or did not take over a catalogue in time."""


class ConfinementFailed(EnvironmentFault):
    """The worker could not give up what it must not keep; it serves nothing then."""


class BadUser(BadInput):
    """A user that the process can't be."""


class UserRefused(EnvironmentFault):
    """The machine does not let the process be that user."""


class FolderNotOwned(BadInput):
    """Something in the folder belongs to another user than the process's."""


class ControlBroken(PeerFault):
    """A message over the control socket that is not valid."""


class FileRefused(PeerFault):
    """The server answered a request with an ERROR packet."""

    def __init__(self, code: int, message: str, *, where: str = "") -> None:
        self.code = code
        self.message = message
        super().__init__(f"the server refused the file: {message} (TFTP error {code})", where=where)


class FetchFailed(EnvironmentFault):
    """A transfer ended by silence, or by an answer that no client can follow."""


class NotNow(EnvironmentFault):
    """Whether a file exists, or what it contains, can't be known at the moment; a request for it gets no answer."""


class FolderMissing(NotFound):
    """There is no such folder to be served."""


class FolderUnusable(BadInput):
    """The folder that should be served can't be."""


class BadServeOption(BadInput):
    """An option of ``ringfence serve`` that can't be used as it is."""
