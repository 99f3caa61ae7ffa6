"""The families that every error of the project belongs to, by what the caller does about it.

A person who sees one of these sees a sentence: what is wrong, where, and what to do. Packages refine the
families in their own ``errors.py``.
"""

from typing import ClassVar


class RingfenceError(Exception):
    """A fault that is reported to a person: what is wrong, where it was seen, what to do about it.

    ``exit_code`` is the status that a command ends with; docs/exit-codes.md lists them.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", to_do: str = "") -> None:
        self.what = what
        self.where = where
        self.to_do = to_do
        super().__init__(what, where, to_do)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f" {self.to_do}" if self.to_do else ""
        return f"{self.what}{place}.{advice}"


class BadInput(RingfenceError):  # noqa: N818 - the families read as what happened, not as "…Error"
    """What a person or their file said can't be used; they change it and try again."""

    exit_code = 3


class NotFound(BadInput):
    """The named thing does not exist."""

    exit_code = 4


class Conflict(BadInput):
    """The thing already exists, or somebody else is changing it at the moment."""

    exit_code = 5


class NotPermitted(RingfenceError):  # noqa: N818 - as above
    """The caller may not do this: a wrong, used, expired or revoked credential."""

    exit_code = 6


class EnvironmentFault(RingfenceError):  # noqa: N818 - as above
    """The machine or the network is at fault for now; retry with back-off."""

    exit_code = 7


class ContentRefused(RingfenceError):  # noqa: N818 - as above
    """Content failed its checks; the last good content stays in use."""

    exit_code = 8


class PeerFault(RingfenceError):  # noqa: N818 - as above
    """The peer broke the protocol; it gets its answer and the work goes on."""

    exit_code = 9
